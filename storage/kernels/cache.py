"""Where compiled kernels are kept and found again.

A compiled kernel is one file, whose name says which function it is, what the function was made of
(storage.kernels.stamps) and for which types and processor it was compiled. It is looked for in the
`__pycache__` beside the function's module and then in the user's own cache, and is put where that
may be written: what an installation compiled serves every user, and where one is read-only each
user keeps what is missing. Where nothing can be written, each process compiles again.
NUMBA_CACHE_DIR names the one place to use instead. Last of all it is looked for among the kernels
that a package was built with, in SHIPPED.

A kernel for this very processor is preferred to one for any of its kind, which packages and images
bring with them.

Invariant: neither a file that cannot be read nor one that cannot be written ever fails a call.
"""

import contextlib
import hashlib
import logging
import os
import pickle
import sys
import threading
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite
import llvmlite.binding as ll
import numba
from numba.core import config
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from storage.kernels.inner import Inner
from storage.kernels.stamps import digest, stamp_of

logger = logging.getLogger(__name__)

SUFFIX = ".kernel"
SHIPPED = Path(__file__).resolve().parent / "shipped"
# Its place in what numba keeps of a kernel, behind the code.
TYPE_LISTING = 5
# What processors that are not named have in common, in the words of NUMBA_CPU_NAME.
GENERIC = "generic"
# Set, before any kernel is called, by a process that is to compile what is there for GENERIC only.
OWN_ONLY = threading.Event()
# What was compiled by this process and could be kept nowhere.
LOST: list[str] = []
BUILD = f"{sys.implementation.cache_tag} {numba.__version__} {llvmlite.__version__}"


def places(source: str) -> list[Path]:
    """Where kernels of a source file may be found, the best first."""
    return [*directories(source), SHIPPED]


def directories(source: str) -> list[Path]:
    """Where kernels of a source file may be kept, the best first."""
    folder = Path(source).resolve().parent
    # Kernels of another installation are none of this one's business.
    own = Path(hashlib.sha1(str(folder).encode()).hexdigest())
    if config.CACHE_DIR:
        return [Path(config.CACHE_DIR) / own]
    found = [folder / "__pycache__"]
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(base):
        found.append(Path(base) / "cupola" / own)
    return found


class KernelCache(NullCache):  # type: ignore[misc]
    """The files of one kernel: those of what Python calls, as numba asks for them, and of what
    other kernels call."""

    def __init__(self, function: FunctionType) -> None:
        self._function = function
        self._name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for a signature, or None.

        Only its reference counts need something of numba. What compiling needs, some 16 MiB of
        rules, numba loads when it compiles.
        """
        rtsys.initialize(target_context)
        return self._load(CompileResult._rebuild, f"{sig}", target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, where that is possible."""
        if not data.library.has_dynamic_globals:
            library, *others = data._reduce()
            # A listing of the types of all lines, for people: a fifth of what a kernel takes.
            others[TYPE_LISTING] = ""
            state = (executable(library, data.fndesc.llvm_cpython_wrapper_name), *others)
            self._save(state, f"{sig}", data.target_context)

    def load_inner(self, arguments: Any, target_context: Any) -> Inner | None:
        """What was compiled for callers with these types of arguments, or None."""
        found: Inner | None = self._load(Inner.rebuild, f"inner {arguments}", target_context)
        return found

    def save_inner(self, arguments: Any, data: Inner, target_context: Any) -> None:
        """Keep what was compiled for callers, where that is possible."""
        if not data.library.has_dynamic_globals:
            self._save(data.reduce(), f"inner {arguments}", target_context)

    def _load(self, rebuild: Callable[..., Any], types: str, context: Any) -> Any:
        source = self._function.__code__.co_filename
        for made_for in processors(context.codegen()):
            name = self._file_name(types, made_for)
            for directory in places(source):
                try:
                    content = (directory / name).read_bytes()
                except OSError:
                    continue
                try:
                    return rebuild(context, *pickle.loads(content))
                except Exception as error:
                    logger.warning("kernel is compiled again file=%s error=%r", name, error)
        return None

    def _save(self, state: Any, types: str, context: Any) -> None:
        name, content = self._file_name(types, processor(context.codegen())), dumps(state)
        failures = []
        for directory in directories(self._function.__code__.co_filename):
            try:
                write_file(directory / name, content)
            except OSError as error:
                failures.append(str(error))
            else:
                self._remove_stale(directory)
                return
        if not LOST:
            logger.warning("kernels cannot be kept and are compiled by each start: %s", failures)
        LOST.append(name)

    def _prefix(self) -> str:
        return f"{self._name}-{digest(BUILD + stamp_of(self._function))}-"

    def _file_name(self, types: str, made_for: str) -> str:
        return f"{self._prefix()}{digest(f'{types} {made_for}')}{SUFFIX}"

    def _remove_stale(self, directory: Path) -> None:
        with contextlib.suppress(OSError):
            for path in directory.glob(f"{self._name}-*{SUFFIX}"):
                if not path.name.startswith(self._prefix()):
                    path.unlink(missing_ok=True)


def executable(library: Any, entry: str) -> Any:
    """A serialized library without what it could be linked into others from: none ever is, and
    reading it takes a third of the time that loading a kernel does.

    entry: the function that Python calls, for which numba looks there.
    """
    name, kind, (machine_code, _) = library
    stand_in = ll.parse_assembly(f'define void @"{entry}"() {{\n ret void\n}}')
    return name, kind, (machine_code, stand_in.as_bitcode())


@lru_cache
def processor(codegen: Any) -> str:
    """For which processor machine code is made; takes some time to find out."""
    return repr(codegen.magic_tuple())


@lru_cache
def processors(codegen: Any) -> list[str]:
    """For which processors machine code runs here, the best first."""
    if OWN_ONLY.is_set():
        return [processor(codegen)]
    triple, *_ = codegen.magic_tuple()
    return list(dict.fromkeys([processor(codegen), repr((triple, GENERIC, ""))]))


def write_file(path: Path, content: bytes) -> None:
    """All of the file or nothing, whoever else writes it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:16]}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
