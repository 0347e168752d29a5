"""How the replicas of series behave over a stretch of time: kernels over columns, nothing else.

A row is a series of one replica; a group has the rows members[g]:members[g+1], which are the same
series but for their replica labels, and the output that dedup made of them. Stale markers are no
samples here: they only show how a row ended.

The interval of a row is the median distance of its samples; that of a group is its first known one.
What is reported of a row is only measured against its own group:
* missed: output samples where the row has a hole of more than 1.5 intervals, half an interval from
  its edges; before its first and after its last sample, a whole interval from them;
* offset: the median distance of the row's samples to the nearest time of the group's first row;
* hole: a gap of more than 1.5 intervals in all rows together, where the output has a gap, too, and
  no marker that explains it.
"""

from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Bools, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.stale import STALE_NAN_BITS
from storage.samples.samples import Samples
from storage.samples.search import first_at_least

STALE = np.uint64(STALE_NAN_BITS)
UNKNOWN_MS = np.int64(np.iinfo(np.int64).min)  # an interval, offset or time that is not known


@dataclass(frozen=True, slots=True)
class RowHealth:
    """Columns over rows. last_ms, interval_ms and offset_ms may be UNKNOWN_MS.

    counts: samples; ended: the row's newest sample is a stale marker; outputs: samples of the
    output that came from the row.
    """

    counts: Int64s
    last_ms: Int64s
    interval_ms: Int64s
    offset_ms: Int64s
    missed: Int64s
    outputs: Int64s
    ended: Bools


@dataclass(frozen=True, slots=True)
class GroupHealth:
    """Columns over groups: changes of the row that output comes from, and holes of the output."""

    switches: Int64s
    holes: Int64s


def measure(
    samples: Samples, members: Int64s, output: Samples, sources: Int32s
) -> tuple[RowHealth, GroupHealth]:
    """What there is to report about rows and groups. sources: of each sample of the output, the
    number of its row within the group."""
    rows, groups = samples.series_count, len(members) - 1
    counts, last_ms, interval_ms, offset_ms, missed, outputs = np.zeros((6, rows), np.int64)
    switches, holes = np.zeros((2, groups), np.int64)
    ended = np.zeros(rows, np.bool_)
    columns = (samples.offsets, samples.timestamps, samples.values.view(np.uint64))
    made = (output.offsets, output.timestamps, output.values.view(np.uint64))
    measure_rows(*columns, counts, last_ms, interval_ms, ended)
    share_intervals(members, interval_ms)
    measure_offsets(*columns, members, offset_ms)
    count_missed(*columns, members, *made, interval_ms, missed)
    count_outputs(members, made[0], made[2], sources, outputs, switches)
    count_holes(*columns, members, *made, interval_ms, holes)
    return (
        RowHealth(counts, last_ms, interval_ms, offset_ms, missed, outputs, ended),
        GroupHealth(switches, holes),
    )


@kernel
def lower_median(numbers: Int64s) -> np.int64:
    """The smaller of the two in the middle; UNKNOWN_MS of none. Leaves the numbers in disorder.

    Hoare's selection: each round narrows [low, high] to the side of the pivot with the middle.
    """
    if len(numbers) == 0:
        return UNKNOWN_MS
    middle = (len(numbers) - 1) // 2
    low, high = 0, len(numbers) - 1
    while low < high:
        pivot = numbers[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while numbers[i] < pivot:
                i += 1
            while numbers[j] > pivot:
                j -= 1
            if i <= j:
                numbers[i], numbers[j] = numbers[j], numbers[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            break
    median: np.int64 = numbers[middle]
    return median


@kernel
def measure_rows(
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    counts: Int64s,
    last_ms: Int64s,
    interval_ms: Int64s,
    ended: Bools,
) -> None:
    """What a row shows by itself."""
    distances = np.empty(len(timestamps), np.int64)
    for i in range(len(offsets) - 1):
        last = UNKNOWN_MS
        count = 0
        for k in range(offsets[i], offsets[i + 1]):
            if bits[k] == STALE:
                continue
            if count > 0:
                distances[count - 1] = timestamps[k] - last
            last = timestamps[k]
            count += 1
        counts[i] = count
        last_ms[i] = last
        interval_ms[i] = lower_median(distances[: max(0, count - 1)])
        end = offsets[i + 1]
        ended[i] = end > offsets[i] and bits[end - 1] == STALE


@kernel
def share_intervals(members: Int64s, interval_ms: Int64s) -> None:
    """Give rows without an interval the first one that is known in their group."""
    for g in range(len(members) - 1):
        known = UNKNOWN_MS
        for i in range(members[g], members[g + 1]):
            if known == UNKNOWN_MS:
                known = interval_ms[i]
        for i in range(members[g], members[g + 1]):
            if interval_ms[i] == UNKNOWN_MS:
                interval_ms[i] = known


@kernel
def measure_offsets(
    offsets: Int64s, timestamps: Int64s, bits: UInt64s, members: Int64s, offset_ms: Int64s
) -> None:
    """The median signed distance of each row's samples to the nearest one of its group's first."""
    distances = np.empty(len(timestamps), np.int64)
    for g in range(len(members) - 1):
        first = members[g]
        low, high = offsets[first], offsets[first + 1]
        for i in range(first, members[g + 1]):
            count = 0
            at = low
            for k in range(offsets[i], offsets[i + 1]):
                if bits[k] == STALE or low == high:
                    continue
                t = timestamps[k]
                while at + 1 < high and abs(timestamps[at + 1] - t) <= abs(timestamps[at] - t):
                    at += 1
                distances[count] = t - timestamps[at]
                count += 1
            offset_ms[i] = lower_median(distances[:count])


@kernel
def count_missed(
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    members: Int64s,
    out_offsets: Int64s,
    out_times: Int64s,
    out_bits: UInt64s,
    interval_ms: Int64s,
    missed: Int64s,
) -> None:
    """Output samples in the holes of each row."""
    for g in range(len(members) - 1):
        for i in range(members[g], members[g + 1]):
            interval = interval_ms[i]
            at = offsets[i]
            before = UNKNOWN_MS
            for k in range(out_offsets[g], out_offsets[g + 1]):
                if out_bits[k] == STALE:
                    continue
                t = out_times[k]
                while at < offsets[i + 1] and (timestamps[at] <= t or bits[at] == STALE):
                    if bits[at] != STALE:
                        before = timestamps[at]
                    at += 1
                after = UNKNOWN_MS if at == offsets[i + 1] else timestamps[at]
                missed[i] += is_missed(t, before, after, interval)


@kernel
def is_missed(t: np.int64, before: np.int64, after: np.int64, interval: np.int64) -> bool:
    """Whether a row whose samples next to t are `before` (<= t) and `after` has a hole there."""
    if before == UNKNOWN_MS and after == UNKNOWN_MS:
        return True
    if before == t or interval == UNKNOWN_MS:
        return False
    if before == UNKNOWN_MS:
        return bool(after - t > interval)
    if after == UNKNOWN_MS:
        return bool(t - before > interval)
    hole = 2 * (after - before) > 3 * interval
    return bool(hole and 2 * (t - before) > interval and 2 * (after - t) > interval)


@kernel
def count_outputs(
    members: Int64s,
    out_offsets: Int64s,
    out_bits: UInt64s,
    sources: Int32s,
    outputs: Int64s,
    switches: Int64s,
) -> None:
    """How many output samples came from each row, and how often the row changed."""
    for g in range(len(members) - 1):
        previous = -1
        for k in range(out_offsets[g], out_offsets[g + 1]):
            if out_bits[k] == STALE:
                continue
            outputs[members[g] + sources[k]] += 1
            if previous >= 0 and sources[k] != previous:
                switches[g] += 1
            previous = sources[k]


@kernel
def count_holes(
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    members: Int64s,
    out_offsets: Int64s,
    out_times: Int64s,
    out_bits: UInt64s,
    interval_ms: Int64s,
    holes: Int64s,
) -> None:
    """Gaps that are left of the gaps of the output when every row fills in what it has."""
    for g in range(len(members) - 1):
        if members[g] == members[g + 1] or interval_ms[members[g]] == UNKNOWN_MS:
            continue
        interval = interval_ms[members[g]]
        for k in range(out_offsets[g] + 1, out_offsets[g + 1]):
            explained = out_bits[k] == STALE or out_bits[k - 1] == STALE
            start, end = out_times[k - 1], out_times[k]
            if explained or 2 * (end - start) <= 3 * interval:
                continue
            while start < end:
                after = end
                for i in range(members[g], members[g + 1]):
                    at = first_at_least(timestamps, offsets[i], offsets[i + 1], start + 1)
                    while at < offsets[i + 1] and bits[at] == STALE:
                        at += 1
                    if at < offsets[i + 1]:
                        after = min(after, timestamps[at])
                holes[g] += 2 * (after - start) > 3 * interval
                start = after
