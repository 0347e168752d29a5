"""Replica dedup, first form: one series out of the samples of several replicas, at read.

The members of a group are ordered; the first is preferred. Another replica fills in only where the
result so far has a hole, which is a gap of more than 1.5 scrape intervals. The interval is that of
the filling replica at that place, so it may differ between series and change over time.

Invariants of the output of a group:
* Every sample was sent by some replica and is unaltered; timestamps strictly increase.
* A filled-in sample keeps half an interval's distance to its neighbours, so series do not get
  denser.
* A stale marker stays only if no other replica was alive at that moment.
"""

import numpy as np

from storage.batch import UInt64s
from storage.kernel import kernel
from storage.samples import STALE_NAN_BITS, Int64s, Samples
from storage.segment_kernels import first_at_least

STALE = np.uint64(STALE_NAN_BITS)
# A replica without a sample for this long is not alive: the lookback of PromQL.
SILENT_MS = 300_000
NO_MS = np.int64(np.iinfo(np.int64).max)


def dedup(samples: Samples, members: Int64s) -> Samples:
    """One series per group; group g has the series members[g]:members[g+1] of `samples`."""
    groups = len(members) - 1
    offsets = np.zeros(groups + 1, np.int64)
    timestamps = np.empty(len(samples), np.int64)
    bits = np.empty(len(samples), np.uint64)
    dedup_groups(
        members, samples.offsets, samples.timestamps, samples.values.view(np.uint64),
        offsets, timestamps, bits,
    )  # fmt: skip
    size = offsets[-1]
    return Samples(offsets, timestamps[:size], bits[:size].view(np.float64))


@kernel
def dedup_groups(
    members: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    out_offsets: Int64s,
    out_times: Int64s,
    out_bits: UInt64s,
) -> None:
    """Fold the members of each group, without stale markers, then put the valid markers back."""
    largest = 0
    for g in range(len(members) - 1):
        largest = max(largest, offsets[members[g + 1]] - offsets[members[g]])
    times_a, bits_a = np.empty(largest, np.int64), np.empty(largest, np.uint64)
    times_b, bits_b = np.empty(largest, np.int64), np.empty(largest, np.uint64)
    times_c, bits_c = np.empty(largest, np.int64), np.empty(largest, np.uint64)
    out = 0
    for g in range(len(members) - 1):
        first, last = members[g], members[g + 1]
        if last - first == 1:
            for k in range(offsets[first], offsets[last]):
                out_times[out] = timestamps[k]
                out_bits[out] = bits[k]
                out += 1
            out_offsets[g + 1] = out
            continue
        start, end = offsets[first], offsets[first + 1]
        size = drop_stale(timestamps[start:end], bits[start:end], times_a, bits_a)
        for m in range(first + 1, last):
            start, end = offsets[m], offsets[m + 1]
            other = drop_stale(timestamps[start:end], bits[start:end], times_b, bits_b)
            size = fill_holes(
                times_a[:size], bits_a[:size], times_b[:other], bits_b[:other], times_c, bits_c
            )
            times_a, times_c = times_c, times_a
            bits_a, bits_c = bits_c, bits_a
        markers = final_markers(first, last, offsets, timestamps, bits, times_b)
        out = interleave(times_a[:size], bits_a[:size], times_b[:markers], out, out_times, out_bits)
        out_offsets[g + 1] = out


@kernel
def drop_stale(timestamps: Int64s, bits: UInt64s, out_times: Int64s, out_bits: UInt64s) -> int:
    """Copy the samples that are no stale markers; returns how many."""
    count = 0
    for k in range(len(timestamps)):
        if bits[k] != STALE:
            out_times[count] = timestamps[k]
            out_bits[count] = bits[k]
            count += 1
    return count


@kernel
def spacing(timestamps: Int64s, k: int) -> np.int64:
    """The distance of sample k to its nearer neighbour; NO_MS for a single sample."""
    near = NO_MS
    if k > 0:
        near = min(near, np.int64(timestamps[k] - timestamps[k - 1]))
    if k + 1 < len(timestamps):
        near = min(near, np.int64(timestamps[k + 1] - timestamps[k]))
    return near


@kernel
def fill_holes(
    a_times: Int64s,
    a_bits: UInt64s,
    b_times: Int64s,
    b_bits: UInt64s,
    times: Int64s,
    bits: UInt64s,
) -> int:
    """All samples of a, and those of b that lie in the holes of a; returns how many."""
    count = 0
    b = 0
    for a in range(len(a_times) + 1):
        ends = a == len(a_times)
        begins = a == 0
        fill_start = b
        while b < len(b_times) and (ends or b_times[b] < a_times[a]):
            b += 1
        for k in range(fill_start, b):
            interval = spacing(b_times, k)
            if interval == NO_MS and len(a_times) > 0:
                interval = spacing(a_times, min(a, len(a_times) - 1))
            if interval == NO_MS:
                interval = np.int64(0)
            if not begins and not ends:
                hole = 2 * (a_times[a] - a_times[a - 1]) > 3 * interval
            elif ends and not begins:
                hole = 2 * (b_times[b - 1] - a_times[a - 1]) >= 3 * interval
            elif begins and not ends:
                hole = 2 * (a_times[a] - b_times[fill_start]) >= 3 * interval
            else:
                hole = True
            far_before = count == 0 or 2 * (b_times[k] - times[count - 1]) >= interval
            far_after = ends or 2 * (a_times[a] - b_times[k]) >= interval
            distinct = count == 0 or b_times[k] > times[count - 1]
            if hole and far_before and far_after and distinct:
                times[count] = b_times[k]
                bits[count] = b_bits[k]
                count += 1
        if ends:
            break
        if b < len(b_times) and b_times[b] == a_times[a]:
            b += 1
        times[count] = a_times[a]
        bits[count] = a_bits[a]
        count += 1
    return count


@kernel
def final_markers(
    first: int, last: int, offsets: Int64s, timestamps: Int64s, bits: UInt64s, markers: Int64s
) -> int:
    """The times, ascending, of stale markers at which no other member was alive; returns how many.

    A member is alive if its latest sample up to then is no marker and not older than SILENT_MS.
    """
    count = 0
    for m in range(first, last):
        for k in range(offsets[m], offsets[m + 1]):
            if bits[k] != STALE:
                continue
            t = timestamps[k]
            alive = False
            for other in range(first, last):
                if other == m:
                    continue
                low, high = offsets[other], offsets[other + 1]
                at = first_at_least(timestamps, low, high, t + 1) - 1
                if at >= low and bits[at] != STALE and timestamps[at] > t - SILENT_MS:
                    alive = True
            if not alive:
                # Sorted in by hand: they are few, and compiling a sort takes seconds.
                place = count
                while place > 0 and markers[place - 1] > t:
                    markers[place] = markers[place - 1]
                    place -= 1
                markers[place] = t
                count += 1
    return count


@kernel
def interleave(
    times: Int64s,
    bits: UInt64s,
    markers: Int64s,
    out: int,
    out_times: Int64s,
    out_bits: UInt64s,
) -> int:
    """Write samples and markers in time order from position `out` on; a sample beats a marker.

    Returns the position after the last.
    """
    m = 0
    last = np.int64(0)
    written = False
    for k in range(len(times) + 1):
        while m < len(markers) and (k == len(times) or markers[m] < times[k]):
            if not written or markers[m] > last:
                out_times[out] = markers[m]
                out_bits[out] = STALE
                last = markers[m]
                written = True
                out += 1
            m += 1
        if k < len(times):
            out_times[out] = times[k]
            out_bits[out] = bits[k]
            last = times[k]
            written = True
            out += 1
    return out
