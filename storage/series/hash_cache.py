"""A cache from keyed 128-bit hashes, with the tenant mixed in, to small numbers.

It holds no truth: it may be emptied at any time, and has to be before a number gets another
meaning. Its slots are an open-addressing table over columns, as that of the series table is.
"""

import numpy as np

from storage.kernels.arrays import Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.series.symbols import FIRST_SLOTS, fill_slots

# In place of replicas where nothing is asked about them.
NO_REPLICAS: UInt64s = np.zeros(0, np.uint64)
TENANT_MIX_LOW = np.uint64(0x9E3779B97F4A7C15)
TENANT_MIX_HIGH = np.uint64(0xC2B2AE3D27D4EB4F)


class HashCache:
    """Numbers by hash, and where it is asked for, the replica of each. One thread at a time.

    dropped: a number below 0 that is remembered like those from 0 on.
    """

    def __init__(self, *, dropped: int = 0) -> None:
        self._dropped = dropped
        # As long as the other columns, or empty while no one asks for replicas.
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

    def renewed(self, new_numbers: Int32s) -> "HashCache":
        """A cache of the entries whose numbers go on, by their new numbers; new_numbers: -1 for
        those that do not."""
        numbers = self._numbers[: self._count]
        is_dropped = numbers < 0
        numbers = np.where(is_dropped, numbers, new_numbers[np.maximum(numbers, 0)])
        kept = np.flatnonzero(is_dropped | (numbers >= 0))
        fresh = HashCache(dropped=self._dropped)
        if len(self._replicas):
            fresh._replicas = np.zeros(len(fresh._numbers), np.uint64)
        fresh._grow(len(kept))
        fresh._count = len(kept)
        fresh._low[: len(kept)] = self._low[kept]
        fresh._high[: len(kept)] = self._high[kept]
        fresh._numbers[: len(kept)] = numbers[kept]
        if len(self._replicas):
            fresh._replicas[: len(kept)] = self._replicas[kept]
        fill_slots(fresh._low, len(kept), fresh._slots)
        return fresh

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


@kernel
def find_raw(
    low: UInt64s,
    high: UInt64s,
    tenant: int,
    slots: Int32s,
    entries_low: UInt64s,
    entries_high: UInt64s,
    entry_refs: Int32s,
    count: int,
    refs: Int32s,
    missed: Int64s,
    entries_replica: UInt64s,
    replicas: UInt64s,
) -> int:
    """refs[i] = the series of raw hash i; the positions of unknown ones go to `missed`.

    replicas: empty, or takes what the entry says in entries_replica.

    Entries 0..count-1 are in the order in which they came, slots holds entry + 1. Senders repeat
    their series in the same order, so the entry after the one found before is tried first: that
    walks through memory in order, where a probe of the slots would miss the cache each time.
    Returns the number missed.
    """
    mask = np.int64(len(slots) - 1)
    mix_low = np.uint64(tenant) * TENANT_MIX_LOW
    mix_high = np.uint64(tenant) * TENANT_MIX_HIGH
    missing = 0
    guess = np.int64(0)
    for i in range(len(low)):
        a = low[i] ^ mix_low
        b = high[i] + mix_high
        if guess >= count or entries_low[guess] != a or entries_high[guess] != b:
            slot = np.int64(a) & mask
            guess = np.int64(slots[slot]) - 1
            while guess >= 0 and (entries_low[guess] != a or entries_high[guess] != b):
                slot = (slot + 1) & mask
                guess = np.int64(slots[slot]) - 1
        if guess < 0:
            refs[i] = -1
            missed[missing] = i
            missing += 1
        else:
            refs[i] = entry_refs[guess]
            if len(replicas) > 0:
                replicas[i] = entries_replica[guess]
        guess += 1
    return missing


@kernel
def add_raw(
    low: UInt64s,
    high: UInt64s,
    tenant: int,
    items: Int64s,
    refs: Int32s,
    slots: Int32s,
    entries_low: UInt64s,
    entries_high: UInt64s,
    entry_refs: Int32s,
    count: int,
    dropped: int,
    entries_replica: UInt64s,
    replicas: UInt64s,
) -> int:
    """Enter raw hashes `items` whose refs are known, in their order; returns the new count.

    Known are refs from 0 on, and `dropped`, which stands for a series that is not to be kept, if it
    is below. replicas: empty, or goes to entries_replica.

    The caller has made room. A hash that occurs twice among the items is entered once.
    """
    mask = np.int64(len(slots) - 1)
    mix_low = np.uint64(tenant) * TENANT_MIX_LOW
    mix_high = np.uint64(tenant) * TENANT_MIX_HIGH
    for k in range(len(items)):
        i = items[k]
        if refs[i] < 0 and refs[i] != dropped:
            continue
        a = low[i] ^ mix_low
        b = high[i] + mix_high
        slot = np.int64(a) & mask
        known = False
        while slots[slot] != 0 and not known:
            entry = slots[slot] - 1
            known = entries_low[entry] == a and entries_high[entry] == b
            slot = (slot + 1) & mask
        if not known:
            entries_low[count] = a
            entries_high[count] = b
            entry_refs[count] = refs[i]
            if len(replicas) > 0:
                entries_replica[count] = replicas[i]
            count += 1
            slots[slot] = count
    return count
