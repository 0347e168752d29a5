"""Memory: arrays reserved now and taken when touched, and what is kept of freed ones.

The head, the symbols and the series columns are arrays of a fixed largest size. Reserving them at
once means that no append ever copies or reallocates what a query is reading, and that their limits
are simply their lengths. The kernel hands out zeroed pages on first touch.
"""

import ctypes
import math
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Not named by the mmap module of Python 3.11: do not count the reservation as committed memory.
MAP_NORESERVE = 0x4000
# Of glibc's malloc.h; the largest array that it may learn to keep by itself.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_ARRAY_BYTES = 32 << 20
# Of smaps: a private mapping of a file that is not writable, and what is said of it.
_MAPPING = re.compile(
    r"^([0-9a-f]+-[0-9a-f]+) r-[x-]p \S+ \S+ \S+ +/.*\n((?:[A-Z]\w+:.*\n)+)", re.M
)
_FIELD = re.compile(r"^(Rss|Anonymous): +(\d+) kB$", re.MULTILINE)


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


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to what it would keep by itself after it has once
    handed out and got back an array of KEPT_ARRAY_BYTES.

    Queries make and drop arrays of a few MiB for each block. Given back to the kernel and zeroed
    again, they cost a tenth of the time of a large query, until one with larger arrays comes along.
    Does nothing where there is no mallopt.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_ARRAY_BYTES)
        mallopt(M_TRIM_THRESHOLD, 2 * KEPT_ARRAY_BYTES)


def forget_file_pages() -> int:
    """Take the pages that are nothing but what is in files out of the process; their bytes.

    Starting runs code of large libraries, such as a compiler, that is never run again, and each of
    its pages counts as resident until memory is short. What is needed after all is mapped again
    from the page cache. Does nothing where the kernel does not say what is mapped.
    """
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None:
        return 0
    forgotten = 0
    for start, size, resident in _file_mappings():
        if madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.MADV_DONTNEED) == 0:
            forgotten += resident
    return forgotten


def _file_mappings() -> Iterator[tuple[int, int, int]]:
    """Address, size and resident bytes of each mapping of a file that cannot be written and whose
    pages are all as in the file: none was changed before it was protected."""
    try:
        text = Path("/proc/self/smaps").read_text(errors="surrogateescape")
    except OSError:
        return
    for head, fields in _MAPPING.findall(text):
        start, end = (int(address, 16) for address in head.split("-"))
        sizes = {name: int(kib) << 10 for name, kib in _FIELD.findall(fields)}
        if sizes["Anonymous"] == 0:
            yield start, end - start, sizes["Rss"]
