"""Kernels inside of kernels: compiled as far as the kernel that calls them needs.

Numba makes of every function that a kernel calls what Python could call, too: it is optimized and
turned into machine code together with all that it calls itself, and then optimized again in each of
its callers. Here such a function stays what its caller is going to be made of, which saves half of
the time. Only what Python calls is optimized, with all that it calls, and becomes machine code.
"""

from typing import Any

import llvmlite.binding as ll
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import require_global_compiler_lock
from numba.core.environment import lookup_environment

ENVIRONMENT = "_ZN08NumbaEnv"


class Inner:
    """A function for a combination of types, to be linked into its callers."""

    def __init__(self, context: Any, library: "LinkedLibrary", fndesc: Any, signature: Any) -> None:
        self.library = library
        self.fndesc = fndesc
        self.signature = signature
        # Numba knows environments only as long as somebody else does.
        self.environments = environments_of(library)
        # Lets callers be compiled with it; the object is the key by which they find it.
        context.insert_user_function(self, fndesc, [library])

    def reduce(self) -> tuple[Any, ...]:
        """As what can be pickled."""
        self.fndesc.typemap = self.fndesc.calltypes = None
        return self.environments, self.library.serialize(), self.fndesc, self.signature

    @classmethod
    def rebuild(
        cls, context: Any, environments: Any, library: tuple[Any, ...], fndesc: Any, signature: Any
    ) -> "Inner":
        """environments: being unpickled has made them known."""
        linked = LinkedLibrary.deserialize(context.codegen(), *library)
        return cls(context, linked, fndesc, signature)


class LinkedLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that is neither optimized nor made executable before it is linked into other code."""

    def finalize(self) -> None:
        require_global_compiler_lock()
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True

    def serialize(self) -> tuple[Any, ...]:
        self._ensure_finalized()
        return self.name, self._final_module.as_bitcode()

    @classmethod
    def deserialize(cls, codegen: Any, name: str, bitcode: bytes) -> "LinkedLibrary":
        self = cls(codegen, name)
        self._final_module = ll.parse_bitcode(bitcode)
        self._finalize_dynamic_globals()
        self._finalized = True
        return self


def environments_of(library: Any) -> list[Any]:
    """What the functions of a library find their Python objects in."""
    names = (v.name for v in library._final_module.global_variables)
    found = (lookup_environment(name) for name in names if name.startswith(ENVIRONMENT))
    return [environment for environment in found if environment is not None]


def compile_inner(dispatcher: Any, arguments: tuple[Any, ...]) -> Inner:
    """Compile a kernel for arguments of these types. Raises what numba does."""
    flags = compiler.Flags()
    dispatcher.targetdescr.options.parse_as_flags(flags, dispatcher.targetoptions)
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    context = dispatcher.targetctx
    library = LinkedLibrary(context.codegen(), dispatcher.py_func.__qualname__)
    result = compiler.compile_extra(
        dispatcher.typingctx,
        context,
        dispatcher.py_func,
        args=arguments,
        return_type=None,
        flags=flags,
        locals={},
        library=library,
    )
    library._ensure_finalized()
    return Inner(context, library, result.fndesc, result.signature)


def set_environments(library: Any) -> list[Any]:
    """Give the functions that were linked into executable code their environments.

    Returns these, to be kept as long as the code.
    """
    found = environments_of(library)
    for environment in found:
        library.codegen.set_env(environment.env_name, environment)
    return found
