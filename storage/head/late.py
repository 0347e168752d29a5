"""Late samples: those that are older than their series' newest one when they come.

The head keeps them aside, unless it has a sample of that moment: the value that was written first
stays. A table of slots finds them by series and time; it grows with them, and a head without late
samples has none to speak of.

Invariants:
* Of a series and a moment, a head has one sample.
* A slot holds a position of an out-of-order sample plus one, 0 where it is free; at most half of
  the slots are used.
"""

from dataclasses import dataclass

import numpy as np

from storage.head.kernels import MIX, OOO_SAMPLES, REPEATED, in_chunk
from storage.kernels.arrays import Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.samples.search import first_at_least

FIRST_SLOTS = 1 << 10


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    """The out-of-order samples, in order of arrival."""

    refs: Int32s
    times: Int64s
    bits: UInt64s


class LateIndex:
    """Finds out-of-order samples. For the shard's writer."""

    def __init__(self, ooo: OutOfOrder) -> None:
        self._ooo = ooo
        self._slots: Int32s = np.zeros(FIRST_SLOTS, np.int32)

    def with_room(self, used: int, more: int) -> Int32s:
        """The slots, with room for more samples beside the `used` ones."""
        size = len(self._slots)
        while size < 2 * (used + more):
            size *= 2
        if size > len(self._slots):
            self._slots = np.zeros(size, np.int32)
            enter(self._ooo.refs, self._ooo.times, used, self._slots)
        return self._slots


@kernel
def find_slot(ooo_refs: Int32s, ooo_times: Int64s, slots: Int32s, ref: int, t: int) -> np.int64:
    """The slot of the sample of a series at a time, or the free one where it belongs."""
    mask = len(slots) - 1
    mixed = (np.uint64(t) ^ (np.uint64(ref) * MIX)) * MIX
    slot = np.int64(mixed >> np.uint64(32)) & mask
    while slots[slot] > 0:
        ooo = slots[slot] - 1
        if ooo_refs[ooo] == ref and ooo_times[ooo] == t:
            break
        slot = (slot + 1) & mask
    return slot


@kernel
def enter(ooo_refs: Int32s, ooo_times: Int64s, count: int, slots: Int32s) -> None:
    """Enter the first out-of-order samples into slots that are all free."""
    for ooo in range(count):
        slots[find_slot(ooo_refs, ooo_times, slots, ooo_refs[ooo], ooo_times[ooo])] = ooo + 1


@kernel
def place_in_chunks(
    chunk_times: Int64s, previous: Int32s, current: Int32s, fill: Int32s, ref: int, t: int
) -> int:
    """The slot of the chunk pool that has the sample of a series at a time, or -1."""
    size = chunk_times.shape[1]
    chunk, used = current[ref] - 1, fill[ref]
    while chunk >= 0 and chunk_times[chunk, 0] > t:
        chunk, used = previous[chunk] - 1, size
    if chunk < 0 or not in_chunk(chunk_times, chunk, used, t):
        return -1
    return int(chunk * size + first_at_least(chunk_times[chunk], 0, used, t))


@kernel
def append_late(
    late: Int64s,
    late_refs: Int32s,
    timestamps: Int64s,
    bits: UInt64s,
    places: Int64s,
    chunk_times: Int64s,
    previous: Int32s,
    current: Int32s,
    fill: Int32s,
    ooo_refs: Int32s,
    ooo_times: Int64s,
    ooo_bits: UInt64s,
    slots: Int32s,
    state: Int64s,
    standing: Int64s,
) -> None:
    """Append the samples late[n] of a batch, of the series late_refs[n], out of order.

    standing[n] = the place of the sample that is there at its moment already, or -1. places: empty,
    or takes where the samples are. There must be room for them and in the slots.
    """
    for n in range(len(late)):
        k, ref = late[n], late_refs[n]
        t = timestamps[k]
        standing[n] = place_in_chunks(chunk_times, previous, current, fill, ref, t)
        if standing[n] < 0:
            slot = find_slot(ooo_refs, ooo_times, slots, ref, t)
            if slots[slot] > 0:
                standing[n] = chunk_times.size + slots[slot] - 1
            else:
                ooo = state[OOO_SAMPLES]
                ooo_refs[ooo], ooo_times[ooo], ooo_bits[ooo] = ref, t, bits[k]
                slots[slot] = ooo + 1
                state[OOO_SAMPLES] = ooo + 1
        if len(places):
            at_end = chunk_times.size + state[OOO_SAMPLES] - 1
            places[k] = at_end if standing[n] < 0 else REPEATED
