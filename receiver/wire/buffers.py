"""The reusable memory of decoding: a pool of buffers that grow to what requests need.

In the steady state a request takes warm memory from the pool and allocates nothing: fresh pages
cost more than uncompressing into them. A lease is the use of one set of buffers by one request.

Invariants:
* Buffers are in the pool or in one lease, never in both; a lease gives them back once.
* sample_offsets is longer than label_start.
* The pool keeps no more than `kept_bytes_max`; what is beyond that is freed when given back.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from receiver.wire.scan import TALLY_SPACE
from storage.kernels.arrays import Bytes, Int8s, Int64s, UInt64s

# What only some requests need; each is made when the first one does.
SPARE_COLUMNS: dict[str, tuple[type[Any], tuple[int, ...]]] = {
    "histogram_places": (np.int64, (3,)),
    "exemplar_places": (np.int64, (3,)),
    "metadata_places": (np.int64, (3,)),
    "symbol_start": (np.int64, ()),
    "symbol_length": (np.int64, ()),
    "symbol_hashes": (np.uint64, (2,)),
    "series_start": (np.int64, ()),
    "series_end": (np.int64, ()),
    "series_reasons": (np.int8, ()),
    "starts": (np.int64, ()),
    "metrics": (np.int64, ()),
    "metadata_rows": (np.int64, (4,)),
    "metadata_hashes": (np.uint64, (2,)),
}


def grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """The array, or where it is shorter than `size`, an empty one of the next power of two."""
    if len(array) >= size:
        return array
    return np.empty((1 << (size - 1).bit_length(), *array.shape[1:]), array.dtype)


class DecodeBuffers:
    """The uncompressed body and the columns of one batch. Contents are not kept while growing."""

    __slots__ = (
        "body",
        "hash_high",
        "hash_low",
        "label_end",
        "label_start",
        "nbytes",
        "sample_offsets",
        "tally",
        "timestamps",
        "value_bits",
        *SPARE_COLUMNS,
    )
    histogram_places: Int64s
    exemplar_places: Int64s
    metadata_places: Int64s
    symbol_start: Int64s
    symbol_length: Int64s
    symbol_hashes: UInt64s
    series_start: Int64s
    series_end: Int64s
    series_reasons: Int8s
    starts: Int64s
    metrics: Int64s
    metadata_rows: Int64s
    metadata_hashes: UInt64s

    def __init__(self) -> None:
        self.tally: Int64s = np.zeros(TALLY_SPACE, np.int64)
        self.body: Bytes = np.empty(1 << 16, np.uint8)
        self.label_start: Int64s = np.empty(1 << 10, np.int64)
        self.label_end: Int64s = np.empty(1 << 10, np.int64)
        self.sample_offsets: Int64s = np.empty(1 << 11, np.int64)
        self.hash_low: UInt64s = np.empty(1 << 10, np.uint64)
        self.hash_high: UInt64s = np.empty(1 << 10, np.uint64)
        self.timestamps: Int64s = np.empty(1 << 10, np.int64)
        self.value_bits: UInt64s = np.empty(1 << 10, np.uint64)
        for name, (dtype, row) in SPARE_COLUMNS.items():
            setattr(self, name, np.empty((0, *row), dtype))

        self.nbytes = self._count_bytes()

    def reserve_body(self, size: int) -> None:
        """Make room for `size` bytes."""
        if size > len(self.body):
            self.body = grown(self.body, size)
            self.nbytes = self._count_bytes()

    def reserve_columns(self, series: int, samples: int) -> None:
        """Make room for so many series and samples."""
        self.label_start = grown(self.label_start, series)
        self.label_end = grown(self.label_end, series)
        self.hash_low = grown(self.hash_low, series)
        self.hash_high = grown(self.hash_high, series)
        self.sample_offsets = grown(self.sample_offsets, len(self.label_start) + 1)
        self.timestamps = grown(self.timestamps, samples)
        self.value_bits = grown(self.value_bits, samples)
        self.nbytes = self._count_bytes()

    def reserve(self, size: int, *names: str) -> None:
        """Make room for `size` rows in columns that only some requests need."""
        for name in names:
            setattr(self, name, grown(getattr(self, name), size))
        self.nbytes = self._count_bytes()

    def _count_bytes(self) -> int:
        """What all arrays take. Kept in nbytes, because it is asked for twice a request."""
        return sum(getattr(self, name).nbytes for name in self.__slots__ if name != "nbytes")


class Lease:
    """The use of one set of buffers, until release()."""

    __slots__ = ("_pool", "buffers")

    def __init__(self, pool: "BufferPool", buffers: DecodeBuffers) -> None:
        self.buffers = buffers
        self._pool: BufferPool | None = pool

    def release(self) -> None:
        """Give the buffers back; a second call does nothing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.give_back(self.buffers)


class BufferPool:
    """Buffers that wait for their next request; the last ones used are handed out first, because
    their pages are the warmest. Safe to use from several threads."""

    def __init__(self, kept_bytes_max: int) -> None:
        self._kept_bytes_max = kept_bytes_max
        self._kept_bytes = 0
        self._kept: list[DecodeBuffers] = []
        self._lock = threading.Lock()  # guards _kept and _kept_bytes

    @property
    def kept_bytes(self) -> int:
        return self._kept_bytes

    def lease(self) -> Lease:
        with self._lock:
            if self._kept:
                buffers = self._kept.pop()
                self._kept_bytes -= buffers.nbytes
                return Lease(self, buffers)
        return Lease(self, DecodeBuffers())

    def give_back(self, buffers: DecodeBuffers) -> None:
        """Keep the buffers for another request, if there is room."""
        size = buffers.nbytes
        with self._lock:
            if self._kept_bytes + size <= self._kept_bytes_max:
                self._kept.append(buffers)
                self._kept_bytes += size
