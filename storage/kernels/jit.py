"""The decorator for compiled kernels.

A kernel is a free function over arrays. It is compiled without `fastmath`, because NaN is a legal
value and a stale marker is a NaN bit pattern; it releases the GIL and is kept on disk
(storage.kernels.cache).
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

from numba.core.compiler_lock import global_compiler_lock
from numba.core.event import trigger_event
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature
from numba.core.types.misc import unliteral
from numba.core.typing import make_concrete_template

from storage.kernels.cache import KernelCache
from storage.kernels.inner import Inner, compile_inner, set_environments

F = TypeVar("F", bound=Callable[..., Any])


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A function that is compiled for each combination of types that it is called with: by Python
    (`overloads`), and by other kernels (`inners`)."""

    def __init__(self, py_func: Callable[..., Any], **others: Any) -> None:
        super().__init__(py_func, **others)
        self._cache = KernelCache(cast(FunctionType, py_func))
        self.inners: dict[tuple[Any, ...], Inner] = {}
        self._environments: list[Any] = []

    def add_overload(self, cres: Any) -> None:
        """Take what was compiled, or loaded, for calls from Python."""
        self._environments += set_environments(cres.library)
        super().add_overload(cres)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """How a kernel that is being compiled calls this one.

        A call with a literal, or with a variable that has only been given one yet, would be
        compiled for just this value, and then again for its type.
        """
        args = [unliteral(a) for a in args]
        kws = {name: unliteral(a) for name, a in kws.items()}
        pysig, folded = self._compiler.fold_argument_types(args, kws)
        self._need_inner(tuple(folded))
        name = f"CallTemplate({self.__name__})"
        signatures = [inner.signature for inner in self.inners.values()]
        template = make_concrete_template(name, key=self.__name__, signatures=signatures)
        return template, pysig, folded, {}

    def get_overload(self, sig: Any) -> Inner:
        """What a kernel that is being compiled calls."""
        arguments, _ = normalize_signature(sig)
        return self.inners[tuple(arguments)]

    def _need_inner(self, arguments: tuple[Any, ...]) -> None:
        with global_compiler_lock, self._compiling_counter:
            if arguments in self.inners:
                return
            inner = self._cache.load_inner(arguments, self.targetctx)
            if inner is None:
                with trigger_event("numba:compile", {"dispatcher": self, "args": arguments}):
                    inner = compile_inner(self, arguments)
                self._cache.save_inner(arguments, inner, self.targetctx)
            self.inners[arguments] = inner


# Every kernel and kernel part of the modules imported so far.
KERNELS: list[Kernel] = []


def decorated(function: F, **options: Any) -> F:
    # Nothing calls a kernel as a C callback: the code for it would be compiled for nothing.
    options = {"nopython": True, "nogil": True, "no_cfunc_wrapper": True, **options}
    KERNELS.append(Kernel(function, targetoptions=options))
    return cast(F, KERNELS[-1])


def kernel(function: F) -> F:
    """Compile `function` in nopython mode, kept on disk and without holding the GIL."""
    return decorated(function)


def kernel_part(function: F) -> F:
    """Compile `function` to be inlined into the kernels that call it.

    Its arguments should be numbers: handing arrays on costs reference counts in every call.
    """
    return decorated(function, forceinline=True)


def float_kernel(function: F) -> F:
    """Like kernel, for arithmetic: division by zero is IEEE 754's and raises nothing.

    The check that an exception needs would also keep a loop from being vectorized. Integers have no
    result of a division by zero: do not divide them here.
    """
    return decorated(function, error_model="numpy")


def float_kernel_part(function: F) -> F:
    """Like kernel_part, with the arithmetic of float_kernel."""
    return decorated(function, forceinline=True, error_model="numpy")
