"""The choice `auto` among the samples of replicas: one complete replica, holes filled by others.

The members of a group are ordered; every sample of the first is chosen. The next ones in turn give
samples where the choice so far has a hole: where two neighbours are more than 1.5 scrape intervals
apart, or where a neighbour is overdue. What is filled in keeps half an interval's distance to the
neighbours, is of the kind of one of them (a float or a histogram), and is left out if it makes the
value fall at an end of the hole though no replica fell (storage/dedup/falls.py).

Every decision is made by what lies around it (reach_ms in storage/dedup/algorithm.py), so reads
over different ranges agree. Whatever is taken from a whole group here (`least`) only proves early
that there is nothing to fill.

Positions index the columns of all series; no column holds a stale marker.
"""

import numpy as np

from storage.dedup.algorithm import (
    LONGEST_MS,
    NEAR_UNITS,
    REACH_UNITS,
    UNIT_MS,
)
from storage.dedup.falls import FAR_MS, distance, switch_is_sound, unit_of
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.samples.search import first_at_least

# Gaps on each side of a sample by which its scrape interval is estimated.
GAPS_ASIDE = 3
# The distance that what is filled in keeps to the ends of the hole, in tenths of an interval. With
# replicas half an interval apart, both samples beside a missed scrape may be a millisecond too
# close; then one that keeps the second distance is taken.
APART_TENTHS = (5, 4)
# What is not further away than this is near, whatever the scrape interval.
NEAR_MS = NEAR_UNITS * UNIT_MS


@kernel
def choose_auto(
    members: Int64s,
    offsets: Int64s,
    times: Int64s,
    values: Float64s,
    kinds: Bools,
    guarded: Bools,
    out_offsets: Int64s,
    chosen: Int64s,
) -> None:
    """Write the chosen positions of each group, in time order, to out_offsets[g]:out_offsets[g+1]
    of `chosen`. kinds: which samples are histograms, empty where all are of one kind; guarded:
    groups that may be counters."""
    largest = 0
    for g in range(len(members) - 1):
        largest = max(largest, offsets[members[g + 1]] - offsets[members[g]])
    room = np.empty(largest, np.int64)
    out = 0
    for g in range(len(members) - 1):
        size = 0
        least = FAR_MS
        if members[g + 1] - members[g] > 1:
            least = least_gap(offsets, times, members[g], members[g + 1])
        for m in range(members[g], members[g + 1]):
            start, end = offsets[m], offsets[m + 1]
            if size == 0:
                size = end - start
                mine = chosen[out : out + size]
                for k in range(size):
                    mine[k] = start + k
            elif has_holes(chosen, out, size, times, start, end, least):
                size = fill_holes(
                    chosen[out : out + size], start, end, members[g], m,
                    offsets, times, values, kinds, guarded[g], least, room,
                )  # fmt: skip
                mine = chosen[out : out + size]
                for k in range(size):
                    mine[k] = room[k]
        out += size
        out_offsets[g + 1] = out


@kernel
def least_gap(offsets: Int64s, times: Int64s, first: int, last: int) -> int:
    """The least distance of two samples of one member; FAR_MS if no member has two."""
    least = FAR_MS
    for m in range(first, last):
        # A slice is indexed from 0 up, which lets the loop be vectorized: ten times as fast.
        own = times[offsets[m] : offsets[m + 1]]
        for k in range(1, len(own)):
            gap = own[k] - own[k - 1]
            if gap < least:
                least = gap
    # A negative one is a distance that int64 does not hold: it proves nothing.
    return max(least, 0)


@kernel
def widest_gap(times: Int64s) -> int:
    """The widest distance of two neighbours, FAR_MS at most."""
    widest = 0
    for k in range(1, len(times)):
        gap = times[k] - times[k - 1]
        if gap < 0:
            gap = FAR_MS
        if gap > widest:
            widest = gap
    return min(widest, FAR_MS)


@kernel
def has_holes(
    chosen: Int64s, out: int, size: int, times: Int64s, start: int, end: int, least: int
) -> bool:
    """Whether the member at start:end may have something to fill in; False is certain."""
    if start == end:
        return False
    first, last = chosen[out], chosen[out + size - 1]
    widest = 0
    if last - first == size - 1:
        widest = widest_gap(times[first : last + 1])
    else:
        for k in range(out + 1, out + size):
            widest = max(widest, distance(times[chosen[k - 1]], times[chosen[k]]))
    ahead = distance(times[start], times[first]) if times[start] < times[first] else 0
    behind = distance(times[last], times[end - 1]) if times[end - 1] > times[last] else 0
    if max(widest, max(ahead, behind)) > NEAR_MS or 2 * widest > 3 * least:
        return True
    return 20 * max(ahead, behind) >= 21 * least


@kernel
def fill_holes(
    base: Int64s,
    start: int,
    end: int,
    first: int,
    member: int,
    offsets: Int64s,
    times: Int64s,
    values: Float64s,
    kinds: Bools,
    guarded: bool,
    least: int,
    room: Int64s,
) -> int:
    """Write to `room` all of `base`, and what the member at start:end fills in; returns how many.

    base: positions of members first to member-1.
    """
    count = 0
    hi = start
    for i in range(len(base) + 1):
        x = base[i - 1] if i > 0 else -1
        y = base[i] if i < len(base) else -1
        gap = distance(times[x], times[y]) if x >= 0 and y >= 0 else FAR_MS
        if gap > NEAR_MS or 2 * gap > 3 * least:
            lo = first_at_least(times, hi, end, times[x] + 1) if x >= 0 else start
            hi = first_at_least(times, lo, end, times[y]) if y >= 0 else end
            if hi > lo:
                x_owner = owner(offsets, first, member, x)
                y_owner = owner(offsets, first, member, y)
                count = fill_hole(
                    x, y, lo, hi, x_owner, y_owner, member,
                    offsets, times, values, kinds, guarded, room, count,
                )  # fmt: skip
        if y >= 0:
            room[count] = y
            count += 1
    return count


@kernel
def owner(offsets: Int64s, first: int, last: int, position: int) -> int:
    """Which of the members first to last-1 has the position; `first` for no position (-1)."""
    for m in range(first, last):
        if offsets[m] <= position < offsets[m + 1]:
            return m
    return first


@kernel
def interval_at(times: Int64s, start: int, end: int, k: int) -> int:
    """The scrape interval of the replica at start:end around its position k; FAR_MS if unknown,
    LONGEST_MS at most.

    The second smallest of the gaps nearby: missed scrapes make most of them too long, a restart
    one of them too short. What is nearby follows from the sample's nearest neighbour.
    """
    nearest = FAR_MS
    if k > start:
        nearest = distance(times[k - 1], times[k])
    if k + 1 < end:
        nearest = min(nearest, distance(times[k], times[k + 1]))
    if nearest > LONGEST_MS:
        return FAR_MS
    reach = REACH_UNITS * unit_of(nearest)
    smallest = FAR_MS
    second = FAR_MS
    low = max(start, k - GAPS_ASIDE)
    high = min(end - 1, k + GAPS_ASIDE)
    while low < k and distance(times[low], times[k]) > reach:
        low += 1
    while high > k and distance(times[k], times[high]) > reach:
        high -= 1
    for j in range(low, high):
        gap = distance(times[j], times[j + 1])
        if gap < smallest:
            smallest, second = gap, smallest
        elif gap < second:
            second = gap
    return min(second if second < FAR_MS else smallest, LONGEST_MS)


@kernel_part
def near_by(interval: int, other: int) -> int:
    """How far apart samples of these scrape intervals may be to be compared."""
    return NEAR_UNITS * unit_of(min(interval, other))


@kernel
def fill_hole(
    x: int,
    y: int,
    lo: int,
    hi: int,
    x_owner: int,
    y_owner: int,
    member: int,
    offsets: Int64s,
    times: Int64s,
    values: Float64s,
    kinds: Bools,
    guarded: bool,
    room: Int64s,
    count: int,
) -> int:
    """Append to `room` what the member fills in between the neighbours x and y (-1: none) out of
    its positions lo:hi, all of which lie between; returns the new count."""
    start, end = offsets[member], offsets[member + 1]
    x_start, x_end = offsets[x_owner], offsets[x_owner + 1]
    y_start, y_end = offsets[y_owner], offsets[y_owner + 1]
    x_interval = interval_at(times, x_start, x_end, x) if x >= 0 else FAR_MS
    y_interval = interval_at(times, y_start, y_end, y) if y >= 0 else FAR_MS
    small = x >= 0 and y >= 0 and distance(times[x], times[y]) <= near_by(x_interval, y_interval)
    base = count
    for tenths in APART_TENTHS:
        for k in range(lo, hi):
            own = interval_at(times, start, end, k)
            near_x = near_y = -1
            if x >= 0 and distance(times[x], times[k]) <= near_by(own, x_interval):
                near_x = x
            if y >= 0 and distance(times[k], times[y]) <= near_by(own, y_interval):
                near_y = y
            if tenths < APART_TENTHS[0] and (near_x < 0 or near_y < 0):
                continue
            interval = min(own, x_interval if near_x >= 0 else FAR_MS)
            interval = min(interval, y_interval if near_y >= 0 else FAR_MS)
            if not fits(kinds, near_x, near_y, k) or not is_wanted(
                times, near_x, near_y, k, start, end, interval, tenths
            ):  # fmt: skip
                continue
            compared = near_x >= 0 and guarded and count == base and same_kind(kinds, x, k)
            if compared and not switch_is_sound(
                times, values, x_start, x_end, x_interval, x, start, end, own, k
            ):  # fmt: skip
                continue
            room[count] = k
            count += 1
            if tenths < APART_TENTHS[0]:
                break
        while guarded and y >= 0 and count > base:
            k = room[count - 1]
            own = interval_at(times, start, end, k)
            if distance(times[k], times[y]) > near_by(own, y_interval):
                break
            if not same_kind(kinds, k, y) or switch_is_sound(
                times, values, start, end, own, k, y_start, y_end, y_interval, y
            ):  # fmt: skip
                break
            count -= 1
        if count > base or not small:
            break
    return count


@kernel_part
def same_kind(kinds: Bools, k: int, other: int) -> bool:
    """Whether two positions are both floats or both histograms."""
    return len(kinds) == 0 or kinds[k] == kinds[other]


@kernel
def fits(kinds: Bools, x: int, y: int, k: int) -> bool:
    """Whether position k is of the kind of a near neighbour, -1 for none, if there is one."""
    if x < 0 and y < 0:
        return True
    return (x >= 0 and same_kind(kinds, x, k)) or (y >= 0 and same_kind(kinds, k, y))


@kernel
def is_wanted(
    times: Int64s, x: int, y: int, k: int, start: int, end: int, interval: int, tenths: int
) -> bool:
    """Whether position k of start:end lies in a hole between its near neighbours x and y, and so
    many tenths of an interval away from them; -1 stands for a neighbour that is not near.

    interval: the shortest of those of k and its neighbours.
    """
    if x < 0 and y < 0:
        return True
    if interval >= FAR_MS:
        return False
    t = times[k]
    if x >= 0 and 10 * (t - times[x]) < tenths * interval:
        return False
    if y >= 0 and 10 * (times[y] - t) < tenths * interval:
        return False
    if x >= 0 and y >= 0:
        return bool(2 * (times[y] - times[x]) > 3 * interval)
    # One neighbour only: a scrape beyond it is missing if this replica shows that one was due, give
    # or take a twentieth of an interval, since scrapes are not punctual.
    reach = REACH_UNITS * unit_of(interval)
    if x >= 0:
        while k < end and distance(t, times[k]) <= reach:
            if 20 * (times[k] - times[x]) >= 21 * interval:
                return True
            k += 1
        return False
    while k >= start and distance(times[k], t) <= reach:
        if 20 * (times[y] - times[k]) >= 21 * interval:
            return True
        k -= 1
    return False
