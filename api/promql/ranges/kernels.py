"""Kernels over the windows of series: one number per series and step.

Samples come as CSR columns (storage.samples). The window of step k is left-open, right-closed:
(ends[k] - range_ms, ends[k]]; ends never decrease, so both edges of the window only move forward.
A cell whose window has too few samples is left untouched, and its `present` false.
"""

import numpy as np

from api.promql.ranges.reductions import reduce_window, regression_of
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel


@kernel
def skip_until(timestamps: Int64s, position: int, stop: int, bound: int) -> int:
    """The first position in [position, stop) whose timestamp is above bound, or stop."""
    while position < stop and timestamps[position] <= bound:
        position += 1
    return position


@kernel
def reduce_windows(
    op: int,
    needed: int,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    ends: Int64s,
    range_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """reduce_window for every window that has at least `needed` samples."""
    for i in range(len(offsets) - 1):
        low = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(ends)):
            low = skip_until(timestamps, low, stop, ends[k] - range_ms)
            high = skip_until(timestamps, max(low, high), stop, ends[k])
            if high - low >= needed:
                out[i, k] = reduce_window(op, timestamps, values, low, high)
                present[i, k] = True


@kernel
def predict_windows(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    ends: Int64s,
    range_ms: int,
    steps: Int64s,
    ahead: Float64s,
    out: Float64s,
    present: Bools,
) -> None:
    """The regression line of each window, ahead[k] seconds after steps[k]."""
    for i in range(len(offsets) - 1):
        low = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(ends)):
            low = skip_until(timestamps, low, stop, ends[k] - range_ms)
            high = skip_until(timestamps, max(low, high), stop, ends[k])
            if high - low >= 2:
                slope, level = regression_of(timestamps, values, low, high, steps[k])
                out[i, k] = slope * ahead[k] + level
                present[i, k] = True


@kernel
def smooth_windows(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    ends: Int64s,
    range_ms: int,
    smoothing: Float64s,
    trend_weight: Float64s,
    out: Float64s,
    present: Bools,
) -> None:
    """Double exponential smoothing (Holt's linear trend) of each window of two or more samples."""
    for i in range(len(offsets) - 1):
        low = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(ends)):
            low = skip_until(timestamps, low, stop, ends[k] - range_ms)
            high = skip_until(timestamps, max(low, high), stop, ends[k])
            if high - low < 2:
                continue
            before, level, trend = 0.0, values[low], values[low + 1] - values[low]
            for j in range(low + 1, high):
                if j > low + 1:
                    trend = trend_weight[k] * (level - before) + (1 - trend_weight[k]) * trend
                smoothed = smoothing[k] * values[j] + (1 - smoothing[k]) * (level + trend)
                before, level = level, smoothed
            out[i, k] = level
            present[i, k] = True


@kernel
def window_edges(
    offsets: Int64s, timestamps: Int64s, ends: Int64s, range_ms: int
) -> tuple[Int64s, Int64s]:
    """The positions of the samples of each window: low <= position < high."""
    lows = np.empty((len(offsets) - 1, len(ends)), np.int64)
    highs = np.empty((len(offsets) - 1, len(ends)), np.int64)
    for i in range(len(offsets) - 1):
        low = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(ends)):
            low = skip_until(timestamps, low, stop, ends[k] - range_ms)
            high = skip_until(timestamps, max(low, high), stop, ends[k])
            lows[i, k], highs[i, k] = low, high
    return lows, highs


@kernel
def count_events(
    offsets: Int64s,
    timestamps: Int64s,
    events: Bools,
    ends: Int64s,
    range_ms: int,
    anchored_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """How many samples of each window but its first have an event.

    With anchored_ms, the sample before the window comes first, if it is within that of its start.
    """
    for i in range(len(offsets) - 1):
        low = inside = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(ends)):
            start = ends[k] - range_ms
            low = skip_until(timestamps, low, stop, start - anchored_ms)
            inside = skip_until(timestamps, max(low, inside), stop, start)
            high = skip_until(timestamps, max(low, high), stop, ends[k])
            if inside >= high:
                continue
            first = max(low, inside - 1) if anchored_ms > 0 else inside
            count = 0.0
            for j in range(first + 1, high):
                if events[j]:
                    count += 1.0
            out[i, k] = count
            present[i, k] = True
