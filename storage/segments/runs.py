"""The kernels that check, cut and merge the rows of segments.

Rows are sorted by (series id, timestamp). Values travel as their uint64 bits, so that no NaN is
ever touched. A run is a stretch of rows of one series.
"""

from typing import Any

from storage.kernels.arrays import Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.samples.search import end_at_most, first_at_least


@kernel
def strictly_ascending(ids: Int64s, offsets: Int64s, timestamps: Int64s) -> bool:
    """Whether ids ascend, and the timestamps of each series [offsets[i], offsets[i + 1]) do."""
    for i in range(len(ids)):
        if i > 0 and ids[i] <= ids[i - 1]:
            return False
        for k in range(offsets[i] + 1, offsets[i + 1]):
            if timestamps[k] <= timestamps[k - 1]:
                return False
    return True


@kernel
def find_runs(
    row_ids: Int64s,
    timestamps: Int64s,
    ids: Int64s,
    start_ms: int,
    end_ms: int,
    items: Int64s,
    starts: Int64s,
    lengths: Int64s,
) -> int:
    """Where the rows of the wanted ids with times in [start_ms, end_ms] are.

    row_ids, timestamps: sorted rows; ids: strictly ascending. Writes (position in ids, first row,
    number of rows) for each id that has such rows, and returns how many have.
    """
    found = 0
    row = 0
    rows = len(row_ids)
    i = first_at_least(ids, 0, len(ids), row_ids[0]) if rows else len(ids)
    while i < len(ids) and row < rows:
        row = first_at_least(row_ids, row, rows, ids[i])
        behind = row
        step = 1
        while behind < rows and row_ids[behind] == ids[i]:
            behind += step
            step *= 2
        behind = end_at_most(row_ids, row, min(behind, rows), ids[i])
        start = first_at_least(timestamps, row, behind, start_ms)
        end = end_at_most(timestamps, start, behind, end_ms)
        if end > start:
            items[found] = i
            starts[found] = start
            lengths[found] = end - start
            found += 1
        row = behind
        i += 1
    return found


@kernel
def find_series(
    known: Int64s,
    offsets: Int64s,
    min_ms: Int64s,
    max_ms: Int64s,
    ids: Int64s,
    start_ms: int,
    end_ms: int,
    found: Int64s,
) -> int:
    """Which of the wanted ids are known and may have times in [start_ms, end_ms].

    known, ids: strictly ascending; known[k] has the rows offsets[k]:offsets[k + 1], with times from
    min_ms[k] to max_ms[k]. found: int64[5, n], gets the position in ids, first row, end, min_ms and
    max_ms of each, and returns how many there are.
    """
    count = 0
    k = 0
    for i in range(len(ids)):
        k = first_at_least(known, k, len(known), ids[i])
        if k == len(known):
            break
        if known[k] == ids[i] and min_ms[k] <= end_ms and max_ms[k] >= start_ms:
            found[0, count], found[1, count], found[2, count] = i, offsets[k], offsets[k + 1]
            found[3, count], found[4, count] = min_ms[k], max_ms[k]
            count += 1
    return count


@kernel
def find_groups(firsts: Int64s, ends: Int64s, offsets: Int64s, numbers: Int64s) -> int:
    """Which row groups have rows of some of the runs: numbers gets them, ascending, each once;
    returns how many there are. Runs ascend; group g has the rows offsets[g]:offsets[g + 1]."""
    count = 0
    behind: Any = 0  # the first group that is not noted and may be wanted
    for r in range(len(firsts)):
        if ends[r] <= firsts[r]:
            continue
        group: Any = max(behind, end_at_most(offsets, behind, len(offsets), firsts[r]) - 1)
        while group < len(offsets) - 1 and offsets[group] < ends[r]:
            numbers[count] = group
            count += 1
            group += 1
        behind = group
    return count


@kernel
def narrow_runs(
    offsets: Int64s, least: Int64s, greatest: Int64s, start_ms: int, end_ms: int, found: Int64s
) -> int:
    """Take those row groups off both ends of runs that have no time in [start_ms, end_ms].

    Group g has the rows offsets[g]:offsets[g + 1], with times from least[g] to greatest[g]. found:
    int64[5, n], ascending: as find_series() has them. Returns how many runs are left.
    """
    count = 0
    first: Any = 0
    for r in range(found.shape[1]):
        if found[3, r] < start_ms or found[4, r] > end_ms:
            first = end_at_most(offsets, first, len(offsets), found[1, r]) - 1
            last: Any = end_at_most(offsets, first, len(offsets), found[2, r] - 1) - 1
            low: Any = first
            while low <= last and greatest[low] < start_ms:
                low += 1
            while low <= last and least[last] > end_ms:
                last -= 1
            if low > last:
                continue
            found[1, r] = max(found[1, r], offsets[low])
            found[2, r] = min(found[2, r], offsets[last + 1])
            found[3, r] = max(found[3, r], least[low])
            found[4, r] = min(found[4, r], greatest[last])
        found[:, count] = found[:, r]
        count += 1
    return count


@kernel
def copy_runs(
    starts: Int64s,
    lengths: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    out_timestamps: Int64s,
    out_bits: UInt64s,
) -> None:
    """Write the runs one after the other."""
    out = 0
    for r in range(len(starts)):
        for k in range(starts[r], starts[r] + lengths[r]):
            out_timestamps[out] = timestamps[k]
            out_bits[out] = bits[k]
            out += 1


@kernel
def merge_runs(
    order: Int64s,
    items: Int64s,
    starts: Int64s,
    ends: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    offsets: Int64s,
    out_timestamps: Int64s,
    out_bits: UInt64s,
) -> None:
    """Merge the runs of each item into one strictly ascending run; the earlier run wins.

    order: the runs by item, runs of one item in the order in which they win; some may be empty.
    offsets[i + 1] becomes the end of item i, items without runs are empty. starts is used up.
    """
    out = 0
    first = 0
    item = 0
    while first < len(order):
        while item < items[order[first]]:
            item += 1
            offsets[item] = out
        last = first + 1
        while last < len(order) and items[order[last]] == item:
            last += 1
        chained = True
        before = -1  # the run before that has samples
        for r in range(first, last):
            run = order[r]
            if starts[run] == ends[run]:
                continue
            if before >= 0 and timestamps[starts[run]] <= timestamps[ends[before] - 1]:
                chained = False
                break
            before = run
        if chained:
            for r in range(first, last):
                for k in range(starts[order[r]], ends[order[r]]):
                    out_timestamps[out] = timestamps[k]
                    out_bits[out] = bits[k]
                    out += 1
        else:
            out = merge_group(
                order[first:last], starts, ends, timestamps, bits, out, out_timestamps, out_bits
            )
        first = last
    for rest in range(item + 1, len(offsets)):
        offsets[rest] = out


@kernel
def merge_group(
    runs: Int64s,
    starts: Int64s,
    ends: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    out: int,
    out_timestamps: Int64s,
    out_bits: UInt64s,
) -> int:
    """Merge overlapping runs of one series from position `out` on; returns the end.

    Looks at every run for each sample: few series overlap, and in few segments.
    """
    while True:
        best = -1
        for run in runs:
            if starts[run] < ends[run] and (
                best < 0 or timestamps[starts[run]] < timestamps[starts[best]]
            ):
                best = run
        if best < 0:
            return out
        time = timestamps[starts[best]]
        out_timestamps[out] = time
        out_bits[out] = bits[starts[best]]
        out += 1
        for run in runs:
            if starts[run] < ends[run] and timestamps[starts[run]] == time:
                starts[run] += 1


@kernel
def cut_rows(
    first_row: int,
    timestamps: Int64s,
    firsts: Int64s,
    ends: Int64s,
    start_ms: int,
    end_ms: int,
    starts: Int64s,
    lengths: Int64s,
) -> None:
    """What of runs of rows lies in a row group, and in [start_ms, end_ms] there.

    timestamps: those of the rows from first_row on; run r has the rows firsts[r]:ends[r]. Writes
    where in the row group the rows begin, and how many there are.
    """
    for r in range(len(firsts)):
        low = max(firsts[r] - first_row, 0)
        high = min(ends[r] - first_row, len(timestamps))
        start = first_at_least(timestamps, low, max(low, high), start_ms)
        starts[r] = start
        lengths[r] = end_at_most(timestamps, start, max(start, high), end_ms) - start


@kernel
def place_rows(
    first_row: int,
    timestamps: Int64s,
    bits: UInt64s,
    firsts: Int64s,
    ends: Int64s,
    places: Int64s,
    out_timestamps: Int64s,
    out_bits: UInt64s,
) -> None:
    """Copy what of runs of rows lies in a row group to where it belongs.

    Run r has the rows firsts[r]:ends[r], the first of which belongs to places[r] of the output.
    """
    for r in range(len(firsts)):
        low, high = max(firsts[r], first_row), min(ends[r], first_row + len(timestamps))
        if low >= high:
            continue
        start, count = low - first_row, high - low
        place = places[r] + low - firsts[r]
        # A slice is indexed from 0 up, which lets the loop be vectorized.
        times, room = timestamps[start : start + count], out_timestamps[place : place + count]
        own, own_room = bits[start : start + count], out_bits[place : place + count]
        for k in range(count):
            room[k] = times[k]
            own_room[k] = own[k]
