"""The decorator for compiled kernels.

A kernel is a free function over arrays. It is compiled without `fastmath`, because NaN is a legal
value and a stale marker is a NaN bit pattern; it releases the GIL and is cached on disk.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile `function` in nopython mode, cached on disk and without holding the GIL."""
    return cast(F, njit(cache=True, nogil=True)(function))


def kernel_part(function: F) -> F:
    """Compile `function` to be inlined into the kernels that call it.

    Its arguments should be numbers: handing arrays on costs reference counts in every call.
    """
    return cast(F, njit(cache=True, nogil=True, forceinline=True)(function))


def float_kernel(function: F) -> F:
    """Like kernel, for arithmetic: division by zero is IEEE 754's and raises nothing.

    The check that an exception needs would also keep a loop from being vectorized. Integers have no
    result of a division by zero: do not divide them here.
    """
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))


def float_kernel_part(function: F) -> F:
    """Like kernel_part, with the arithmetic of float_kernel."""
    decorated = njit(cache=True, nogil=True, forceinline=True, error_model="numpy")(function)
    return cast(F, decorated)
