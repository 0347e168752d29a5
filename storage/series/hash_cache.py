"""A cache from keyed 128-bit hashes, with the tenant mixed in, to small numbers.

It holds no truth: it may be emptied at any time, and has to be before a number gets another
meaning.
"""

import numpy as np

from storage.batch import UInt64s
from storage.samples.samples import Int32s, Int64s
from storage.series.kernels import NO_REPLICAS, add_raw, find_raw
from storage.series.symbols import FIRST_SLOTS, fill_slots


class HashCache:
    """Numbers by hash, and where it is asked for, the replica of each. One thread at a time.

    dropped: a number below 0 that is remembered like those from 0 on.
    """

    def __init__(self, *, dropped: int = 0) -> None:
        self._dropped = dropped
        # As long as the other columns, or empty while nobody asks for replicas.
        self._replicas = NO_REPLICAS
        self.clear()

    def __len__(self) -> int:
        return self._count

    def clear(self) -> None:
        size = FIRST_SLOTS // 2
        self._count = 0
        self._slots: Int32s = np.zeros(2 * size, np.int32)
        self._low: UInt64s = np.zeros(size, np.uint64)
        self._high: UInt64s = np.zeros(size, np.uint64)
        self._numbers: Int32s = np.zeros(size, np.int32)
        self._replicas = np.zeros(size if len(self._replicas) else 0, np.uint64)

    def find(
        self, tenant: int, low: UInt64s, high: UInt64s, replicas: UInt64s = NO_REPLICAS
    ) -> tuple[Int32s, Int64s]:
        """The number of each hash, -1 where it is not known, and the positions of these.

        replicas: empty, or takes those of the numbers that are known.
        """
        if len(replicas) and not len(self._replicas):
            self._replicas = np.zeros(len(self._numbers), np.uint64)
        numbers = np.empty(len(low), np.int32)
        missed = np.empty(len(low), np.int64)
        count = find_raw(
            low, high, tenant, self._slots, self._low, self._high, self._numbers, self._count,
            numbers, missed, self._replicas, replicas,
        )  # fmt: skip
        return numbers, missed[:count]

    def add(
        self,
        tenant: int,
        low: UInt64s,
        high: UInt64s,
        items: Int64s,
        numbers: Int32s,
        *,
        replicas: UInt64s = NO_REPLICAS,
    ) -> None:
        """Remember numbers[i], and replicas[i] if there are any, for the hashes at the positions
        `items`; but for numbers below 0, `dropped` aside."""
        self._grow(self._count + len(items))
        self._count = add_raw(
            low, high, tenant, items, numbers, self._slots, self._low, self._high, self._numbers,
            self._count, self._dropped, self._replicas, replicas,
        )  # fmt: skip

    def _grow(self, count: int) -> None:
        """Make room for `count` entries; slots are at most half full."""
        size = len(self._numbers)
        if count <= size:
            return
        while size < count:
            size *= 2
        added = size - len(self._numbers)
        self._low = np.concatenate([self._low, np.zeros(added, np.uint64)])
        self._high = np.concatenate([self._high, np.zeros(added, np.uint64)])
        self._numbers = np.concatenate([self._numbers, np.zeros(added, np.int32)])
        if len(self._replicas):
            self._replicas = np.concatenate([self._replicas, np.zeros(added, np.uint64)])
        self._slots = np.zeros(2 * size, np.int32)
        fill_slots(self._low, self._count, self._slots)
