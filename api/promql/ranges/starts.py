"""Counters that state when they began: resets by start timestamps, and rates that know them.

A start timestamp says since when a sample counts. One between two samples means that the counter
restarted between them, although its value may not have fallen. One within the window means that
nothing has to be guessed about the time before the first sample: the counter was zero there.
"""

import numpy as np

from api.promql.ranges.rates import stretched, stretched_from_start
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel, float_kernel_part


@float_kernel_part
def starts_anew(before_ms: int, start_before_ms: int, time_ms: int, start_ms: int) -> bool:
    """Whether a counter began after the sample before; its start is 0 if unknown.

    A start at the very time of the sample before is that of the next interval of a delta, unless
    that sample's own start is unknown: then it only means that no one knows when it began.
    """
    if start_ms == 0 or start_ms >= time_ms:
        return False
    if start_ms > before_ms:
        return True
    return start_ms == before_ms and start_before_ms != 0 and start_before_ms < before_ms


@float_kernel_part
def starts_within(window_start_ms: int, time_ms: int, start_ms: int) -> bool:
    """Whether the start of a window's first sample can stand for a sample of zero."""
    return start_ms != 0 and window_start_ms < start_ms and start_ms < time_ms


@float_kernel_part
def overlaps(before_ms: int, start_before_ms: int, start_ms: int) -> bool:
    """Whether a sample claims to count from before the sample before it, with another start."""
    known = start_ms != 0 and start_before_ms != 0
    return known and start_ms < before_ms and start_ms != start_before_ms


@float_kernel
def find_new_starts(
    offsets: Int64s, timestamps: Int64s, starts: Int64s, anew: Bools, overlap: Bools
) -> None:
    """Where counters restart after the sample before in their series, and where they overlap it."""
    for i in range(len(offsets) - 1):
        for j in range(offsets[i] + 1, offsets[i + 1]):
            before, start_before = timestamps[j - 1], starts[j - 1]
            anew[j] = starts_anew(before, start_before, timestamps[j], starts[j])
            overlap[j] = overlaps(before, start_before, starts[j])


@float_kernel
def started_change(values: Float64s, anew: Bools, low: int, high: int) -> float:
    """The increase from sample low to high - 1 of a counter."""
    change = values[high - 1] - values[low]
    for j in range(low + 1, high):
        if anew[j] or values[j] < values[j - 1]:
            change += values[j - 1]
    return float(change)


@float_kernel
def started_rate_windows(
    is_rate: bool,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    starts: Int64s,
    ends: Int64s,
    range_ms: int,
    out: Float64s,
    present: Bools,
    overlapping: Bools,
) -> None:
    """Like rate_windows of counters, with start timestamps; one sample may be enough then.

    overlapping: where a window has a sample that overlaps the one before.
    """
    anew = np.zeros(len(timestamps), np.bool_)
    overlap = np.zeros(len(timestamps), np.bool_)
    find_new_starts(offsets, timestamps, starts, anew, overlap)
    seconds = range_ms // 1000 + (range_ms % 1000) * 1_000_000 / 1e9
    for i in range(len(offsets) - 1):
        low = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(ends)):
            begin = ends[k] - range_ms
            while low < stop and timestamps[low] <= begin:
                low += 1
            high = max(low, high)
            while high < stop and timestamps[high] <= ends[k]:
                high += 1
            if high == low:
                continue
            started = starts_within(begin, timestamps[low], starts[low])
            if high - low < 2 and not started:
                continue
            change = started_change(values, anew, low, high)
            if started:
                change += values[low]
            first_ms, last_ms, distances = timestamps[low], timestamps[high - 1], high - low - 1
            between, after = float(last_ms - first_ms), float(ends[k] - last_ms)
            if started:
                sampled = float(last_ms - starts[low])
                factor = stretched_from_start(between, sampled, after, distances)
            else:
                before = float(first_ms - begin)
                factor = stretched(True, values[low], change, before, between, after, distances)
            if is_rate:
                factor = factor / seconds
            out[i, k] = change * factor
            present[i, k] = True
            for j in range(low + 1, high):
                overlapping[i, k] |= overlap[j]
