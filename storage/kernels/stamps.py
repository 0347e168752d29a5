"""What a compiled kernel was made of, as a digest: whatever is kept under another one is stale.

A kernel's machine code holds the kernel parts that it calls, and the constants that it reads, of
whatever module they are. So its stamp covers them, and what they use in turn: the bytecode, the
names and the values, but no comments and no line numbers.
"""

import hashlib
import threading
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

# The packages whose modules are looked into where a kernel reads one of their names.
PACKAGES = ("receiver", "storage", "api")

_stamps: dict[FunctionType, str] = {}
# Those that are being read, by the one thread that holds the lock.
_open: set[FunctionType] = set()
_reading = threading.RLock()


def stamp_of(function: FunctionType) -> str:
    """The digest of a function and of all that it uses."""
    stamp = _stamps.get(function)
    if stamp is None:
        # Another thread must not see what is half read: its stamps would be other ones for good,
        # and what it compiles would take the place of what is there.
        with _reading:
            stamp = _stamps.get(function) or read(function)
    return stamp


def read(function: FunctionType) -> str:
    """As stamp_of, of a function that was not read to its end so far."""
    if function in _open:  # it calls itself
        return function.__qualname__
    _open.add(function)
    try:
        _stamps[function] = digest("\n".join(traits(function)))
    finally:
        _open.remove(function)
    return _stamps[function]


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def traits(function: FunctionType) -> Iterator[str]:
    yield function.__module__
    yield describe(function.__defaults__)
    for cell in function.__closure__ or ():
        yield describe(cell.cell_contents)
    yield from code_traits(function.__code__, function)


def code_traits(code: CodeType, function: FunctionType) -> Iterator[str]:
    yield code.co_qualname
    yield f"{code.co_code.hex()} {code.co_exceptiontable.hex()}"
    yield f"{code.co_names} {code.co_varnames} {code.co_freevars}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_traits(constant, function)
        elif constant != function.__doc__:
            yield describe(constant)
    for name in code.co_names:
        if name in function.__globals__:
            yield from global_traits(function.__globals__[name], code.co_names)


def global_traits(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    """What a global is; of a module of ours, what the names that are read of it are."""
    if isinstance(value, ModuleType) and value.__name__.partition(".")[0] in PACKAGES:
        yield from (describe(vars(value)[name]) for name in names if name in vars(value))
    else:
        yield describe(value)


def describe(value: Any) -> str:
    """A text that is the same in every process, and another for another value."""
    if hasattr(value, "py_func"):
        return f"{value.targetoptions} {stamp_of(value.py_func)}"
    if hasattr(value, "_defn"):  # an intrinsic of numba's
        return stamp_of(value._defn)
    if isinstance(value, FunctionType) and value.__module__.partition(".")[0] in PACKAGES:
        return stamp_of(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {digest(value.tobytes().hex())}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(describe, value))})"
    if hasattr(value, "__name__"):  # a type, a module, a function of numpy's or of Python's
        return f"{value.__name__} {getattr(value, '_fields', '')}"
    return f"{type(value).__name__} {value}"
