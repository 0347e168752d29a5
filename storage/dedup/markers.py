"""Stale markers of replicas: which of them end the series that the replicas became.

A marker ends the series only if no other replica is alive at its time. A replica is alive at a
time if its latest sample up to then is no marker and not SILENT_MS old: alone, it would still be
seen by a query. Where scrapes come further apart, for it as for the replica that ends, one that is
not older than half an interval over one will do. A sample beats a marker of the same time.

Positions index the columns of all series, markers included.
"""

import numpy as np

from storage.dedup.algorithm import SILENT_MS
from storage.dedup.auto import interval_at
from storage.dedup.falls import FAR_MS, distance
from storage.kernels.arrays import Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.stale import STALE_NAN_BITS
from storage.samples.search import first_at_least

STALE = np.uint64(STALE_NAN_BITS)


@kernel
def weave_markers(
    members: Int64s,
    offsets: Int64s,
    times: Int64s,
    bits: UInt64s,
    live_offsets: Int64s,
    live: Int64s,
    out_offsets: Int64s,
    chosen: Int64s,
) -> None:
    """Write to `chosen`, group by group and in time order, what `live` holds and the markers that
    end a group."""
    largest = 0
    for g in range(len(members) - 1):
        largest = max(largest, offsets[members[g + 1]] - offsets[members[g]])
    markers = np.empty(largest, np.int64)
    out = 0
    for g in range(len(members) - 1):
        found = final_markers(members[g], members[g + 1], offsets, times, bits, markers)
        m = 0
        for k in range(live_offsets[g], live_offsets[g + 1] + 1):
            ends = k == live_offsets[g + 1]
            while m < found and (ends or times[markers[m]] <= times[live[k]]):
                if ends or times[markers[m]] < times[live[k]]:
                    chosen[out] = markers[m]
                    out += 1
                m += 1
            if not ends:
                chosen[out] = live[k]
                out += 1
        out_offsets[g + 1] = out


@kernel
def final_markers(
    first: int, last: int, offsets: Int64s, times: Int64s, bits: UInt64s, markers: Int64s
) -> int:
    """The positions of the markers that end the group, one for each time, ascending in time;
    returns how many. At equal times the first member's is taken."""
    count = 0
    for m in range(first, last):
        for k in range(offsets[m], offsets[m + 1]):
            if bits[k] != STALE or others_live(first, last, m, k, offsets, times, bits):
                continue
            # Sorted in by hand: they are few, and compiling a sort takes seconds.
            place = count
            while place > 0 and times[markers[place - 1]] > times[k]:
                place -= 1
            if place > 0 and times[markers[place - 1]] == times[k]:
                continue
            for j in range(count, place, -1):
                markers[j] = markers[j - 1]
            markers[place] = k
            count += 1
    return count


@kernel
def others_live(
    first: int, last: int, member: int, k: int, offsets: Int64s, times: Int64s, bits: UInt64s
) -> bool:
    """Whether a member of first to last-1 other than `member` is alive at its position k."""
    t = times[k]
    for other in range(first, last):
        if other == member:
            continue
        low, high = offsets[other], offsets[other + 1]
        at = first_at_least(times, low, high, t + 1) - 1
        if at < low or bits[at] == STALE:
            continue
        age = distance(times[at], t)
        if age < SILENT_MS:
            return True
        interval = interval_at(times, low, high, at)
        interval = min(interval, interval_at(times, offsets[member], offsets[member + 1], k))
        if interval < FAR_MS and 2 * age <= 3 * interval:
            return True
    return False
