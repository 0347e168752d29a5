"""The kernel of rate, increase and delta: what lies between the first and last sample of windows.

A series is walked twice. The first walk finds the samples at the edges of each window, the second
stretches the differences to the whole windows. The second has no branches that depend on the data,
so several steps are computed at once: seven divisions a step are most of the work.

Windows are those of range_kernels, and so is the order of floating-point operations.
"""

import numpy as np

from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel, float_kernel_part
from storage.samples.search import first_near


@float_kernel_part
def stretched(
    is_counter: bool,
    first: float,
    change: float,
    before_ms: float,
    sampled_ms: float,
    after_ms: float,
    distances: float,
) -> float:
    """By how much a change between the first and last sample grows when stretched to the window.

    before_ms, sampled_ms, after_ms: from the window's start to the first sample, from there to the
    last one, and on to the window's end; distances: how many lie between samples, one at least.

    An edge further away than 1.1 average distances is taken as the end of the series, half a
    distance out; a counter is not stretched to before where it would have been zero.
    """
    sampled = sampled_ms / 1000.0
    average = sampled / distances
    threshold, half = average * 1.1, average / 2.0
    before, after = before_ms / 1000.0, after_ms / 1000.0
    before = half if before >= threshold else before
    after = half if after >= threshold else after
    if is_counter:
        to_zero = sampled * (first / change)
        is_nearer = (change > 0) & (first >= 0) & (to_zero < before)
        before = to_zero if is_nearer else before
    return (sampled + before + after) / sampled


@float_kernel_part
def stretched_from_start(
    between_ms: float, sampled_ms: float, after_ms: float, distances: float
) -> float:
    """Like stretched, of a counter that is known to have been zero at a time inside the window.

    between_ms: from the first to the last sample, 0 if there is only one; sampled_ms: from that
    time to the last sample. Nothing is stretched to before it, nor behind a single sample.
    """
    average = between_ms / 1000.0 / max(distances, 1.0)
    sampled, after = sampled_ms / 1000.0, after_ms / 1000.0
    after = average / 2.0 if after >= average * 1.1 else after
    return (sampled + after) / sampled


@float_kernel
def find_resets(values: Float64s, resets: Int64s) -> int:
    """Write the positions of the values below the one before; returns how many there are."""
    falls = 0
    for j in range(1, len(values)):
        falls += 1 if values[j] < values[j - 1] else 0
    if falls == 0:
        return 0
    count = 0
    for j in range(1, len(values)):
        if values[j] < values[j - 1]:
            resets[count] = j
            count += 1
    return count


@float_kernel
def find_changes(
    timestamps: Int64s,
    values: Float64s,
    resets: Int64s,
    ends: Int64s,
    range_ms: int,
    edges: Float64s,
    present: Bools,
) -> None:
    """The first value, change, time before, time after and distances of each window of a series.

    edges: float64[5, steps]. resets: positions of the samples at which the counter had been reset;
    the values before those in a window are added to its change in time order, as if it had looked
    at each of its samples.
    """
    low = high = first_reset = low_step = high_step = 0
    stop = len(timestamps)
    for k in range(len(ends)):
        end = ends[k]
        start = end - range_ms
        # Windows may be far apart, or long.
        before, low = low, first_near(timestamps, low, stop, start + 1, low_step)
        low_step = low - before
        before = max(low, high)
        high = first_near(timestamps, before, stop, end + 1, high_step)
        high_step = high - before
        if high - low < 2:
            # Numbers that the arithmetic of absent cells has no trouble with.
            edges[0, k] = edges[1, k] = edges[2, k] = edges[3, k] = 0.0
            edges[4, k] = 1.0
            continue
        first = values[low]
        change = values[high - 1] - first
        while first_reset < len(resets) and resets[first_reset] <= low:
            first_reset += 1
        for r in range(first_reset, len(resets)):
            if resets[r] >= high:
                break
            change += values[resets[r] - 1]
        edges[0, k] = first
        edges[1, k] = change
        edges[2, k] = timestamps[low] - start
        edges[3, k] = end - timestamps[high - 1]
        edges[4, k] = high - low - 1
        present[k] = True


@float_kernel
def rate_windows(
    is_counter: bool,
    is_rate: bool,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    ends: Int64s,
    range_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """The extrapolated increase of counters (per second if is_rate), or the difference of gauges,
    of every window with two samples; the cells of others mean nothing."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    resets = np.empty(longest, np.int64)
    edges = np.empty((5, len(ends)))
    first, change, before, after, distances = edges[0], edges[1], edges[2], edges[3], edges[4]
    seconds = range_ms // 1000 + (range_ms % 1000) * 1_000_000 / 1e9
    length_ms = float(range_ms)
    for i in range(len(offsets) - 1):
        times = timestamps[offsets[i] : offsets[i + 1]]
        numbers = values[offsets[i] : offsets[i + 1]]
        resets_found = find_resets(numbers, resets) if is_counter else 0
        find_changes(times, numbers, resets[:resets_found], ends, range_ms, edges, present[i])
        cells = out[i]
        for k in range(len(ends)):
            # Whole milliseconds, so what is between the samples is exact.
            sampled = length_ms - before[k] - after[k]
            factor = stretched(
                is_counter, first[k], change[k], before[k], sampled, after[k], distances[k]
            )
            if is_rate:
                factor = factor / seconds
            cells[k] = change[k] * factor


@float_kernel
def rates_of_edges(
    is_counter: bool,
    is_rate: bool,
    counts: Int64s,
    first_ms: Int64s,
    last_ms: Int64s,
    first: Float64s,
    change: Float64s,
    ends: Int64s,
    range_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """As rate_windows, of what is known of windows, [series, steps]."""
    seconds = range_ms // 1000 + (range_ms % 1000) * 1_000_000 / 1e9
    length_ms = float(range_ms)
    for i in range(counts.shape[0]):
        for k in range(len(ends)):
            if counts[i, k] < 2:
                continue
            before = float(first_ms[i, k] - (ends[k] - range_ms))
            after = float(ends[k] - last_ms[i, k])
            factor = stretched(
                is_counter, first[i, k], change[i, k], before, length_ms - before - after, after,
                float(counts[i, k] - 1),
            )  # fmt: skip
            if is_rate:
                factor = factor / seconds
            out[i, k] = change[i, k] * factor
            present[i, k] = True
