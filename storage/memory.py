"""Reserved arrays: address space now, memory when touched.

The head, the symbols and the series columns are arrays of a fixed largest size. Reserving them at
once means that no append ever copies or reallocates what a query is reading, and that their limits
are simply their lengths. The kernel hands out zeroed pages on first touch.
"""

import math
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Not named by the mmap module of Python 3.11: do not count the reservation as committed memory.
MAP_NORESERVE = 0x4000


def reserve(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A zeroed, writable array that takes memory only where it is written.

    The address space is given back when the last view of the array is gone.
    """
    dimensions = (shape,) if isinstance(shape, int) else shape
    kind = np.dtype(dtype)
    count = math.prod(dimensions)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    region = mmap.mmap(-1, max(1, count * kind.itemsize), flags=flags)
    return np.frombuffer(region, dtype=kind, count=count).reshape(dimensions)
