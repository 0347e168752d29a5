"""Memory that processes share, for the columns of writes: one scans into it, another reads from it.

An arena is the memory of one request, laid out the same way in every process: each column has a
place of its own that is large enough for nearly every request. Its pages exist once they were
written to. A request that is larger than an arena gets memory of its own, and is handed over as it
came.

Invariants:
* An arena is in the pool or with one request. It comes back once whoever reads it has answered, or
  is gone; never before.
* What is mapped stays readable when the process that made it is gone.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from receiver.wire.buffers import BufferPool, DecodeBuffers, Lease
from storage.batch import Batch
from storage.kernels.arrays import Bytes

# The largest request that an arena has room for; agents send 2,000 to 10,000 samples in a body.
PAYLOAD_BYTES, BODY_BYTES, ROWS = 2 << 20, 4 << 20, 1 << 16
ARENAS = 16
# The columns that are handed over, by their names in DecodeBuffers.
COLUMNS: dict[str, tuple[type[Any], int]] = {
    "body": (np.uint8, BODY_BYTES),
    "label_start": (np.int64, ROWS),
    "label_end": (np.int64, ROWS),
    "sample_offsets": (np.int64, ROWS + 8),
    "hash_low": (np.uint64, ROWS),
    "hash_high": (np.uint64, ROWS),
    "timestamps": (np.int64, ROWS),
    "value_bits": (np.uint64, ROWS),
    "starts": (np.int64, ROWS),
    "symbol_start": (np.int64, ROWS),
    "symbol_length": (np.int64, ROWS),
    "series_reasons": (np.int8, ROWS),
}
PAYLOAD = "payload"
ARENA_BYTES = PAYLOAD_BYTES + sum(np.dtype(d).itemsize * size for d, size in COLUMNS.values())

Views = dict[str, NDArray[Any]]


def views_of(memory: mmap.mmap) -> Views:
    """The columns of an arena, and the place for the payload."""
    views: Views = {PAYLOAD: np.frombuffer(memory, np.uint8, PAYLOAD_BYTES)}
    offset = PAYLOAD_BYTES
    for name, (dtype, size) in COLUMNS.items():
        views[name] = np.frombuffer(memory, dtype, size, offset)
        offset += views[name].nbytes
    return views


def mapped(descriptor: int) -> Views:
    """An arena that another process has made."""
    return views_of(mmap.mmap(descriptor, ARENA_BYTES))


class SharedBuffers(DecodeBuffers):
    """Buffers that lie in an arena, but for columns that have grown beyond it.

    number: of the arena among those of its process; descriptor: of its memory.
    """

    __slots__ = ("descriptor", "number", "shared")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.descriptor = os.memfd_create(f"cupola-{number}")
        os.ftruncate(self.descriptor, ARENA_BYTES)
        self.shared = mapped(self.descriptor)
        self.reset()

    def reset(self) -> None:
        """Go back to the arena with what has grown beyond it."""
        for name in COLUMNS:
            setattr(self, name, self.shared[name])

    @property
    def is_whole(self) -> bool:
        """Whether all columns that are handed over lie in the arena."""
        return all(getattr(self, name) is self.shared[name] for name in COLUMNS)

    def put(self, payload: bytes) -> bool:
        """Copy a payload into the arena; whether there is room."""
        size = len(payload)
        if size > PAYLOAD_BYTES:
            return False
        room: Bytes = self.shared[PAYLOAD]
        room[:size] = np.frombuffer(payload, np.uint8)
        return True

    def _count_bytes(self) -> int:
        return 0  # the pool counts what it may keep or drop, and an arena is neither


class ArenaPool(BufferPool):
    """Hands out arenas, and where there is none left, memory of one process. Thread-safe."""

    def __init__(self, others: BufferPool, count: int = ARENAS) -> None:
        super().__init__(0)
        self._others = others
        self.arenas = [SharedBuffers(number) for number in range(count)]
        self._free = list(self.arenas)
        self._lost: list[tuple[SharedBuffers, Callable[[], bool]]] = []
        self._guard = threading.Lock()  # of the two lists

    def lease(self) -> Lease:
        with self._guard:
            self._find_again()
            if self._free:
                return Lease(self, self._free.pop())
        return self._others.lease()

    def give_back(self, buffers: DecodeBuffers) -> None:
        assert isinstance(buffers, SharedBuffers), "BUG: no arena is given back to the arenas"
        buffers.reset()
        with self._guard:
            self._free.append(buffers)

    def lose(self, buffers: SharedBuffers, is_gone: Callable[[], bool]) -> None:
        """Do without an arena until whoever may still read it is gone."""
        with self._guard:
            self._lost.append((buffers, is_gone))

    @property
    def free(self) -> int:
        return len(self._free)

    def _find_again(self) -> None:
        for entry in list(self._lost):
            if entry[1]():
                self._lost.remove(entry)
                entry[0].reset()
                self._free.append(entry[0])


def arena_of(batch: Batch) -> SharedBuffers | None:
    """The arena that all columns of a batch lie in, until its release(); None if there is none."""
    lease = getattr(batch.release, "__self__", None)
    buffers = lease.buffers if isinstance(lease, Lease) else None
    return buffers if isinstance(buffers, SharedBuffers) and buffers.is_whole else None
