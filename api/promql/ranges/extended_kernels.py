"""Kernels of anchored and smoothed selectors, which look beyond the edges of their windows.

Samples come as CSR columns without stale markers. A window (start, end] is extended by the lookback
to the left, and to the right as well if it is smoothed: what lies there serves to find the value at
the edges. An anchored window takes the sample before an edge as it is; a smoothed one interpolates
between the samples on both sides of it. Windows never move back, so their edges only move forward.

The order of floating-point operations is that of Prometheus.
"""

import numpy as np

from api.promql.ranges.kernels import skip_until
from api.promql.ranges.rates import find_resets
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel, kernel_part


@kernel_part
def interpolate(
    before_ms: int, before: float, after_ms: int, after: float, time_ms: int, is_counter: bool
) -> float:
    """The value at a time on the line from a sample to the next; a counter that falls between them
    starts from zero."""
    if is_counter and after < before:
        before = 0.0
    return before + (after - before) * float(time_ms - before_ms) / float(after_ms - before_ms)


@kernel
def left_value(
    smoothed: bool, timestamps: Int64s, values: Float64s, first: int, start: int, is_counter: bool
) -> float:
    """The value at the left edge of a window whose first sample is `first`."""
    at, value = timestamps[first], float(values[first])
    if smoothed and at < start:
        after = first + 1
        value = interpolate(at, value, timestamps[after], values[after], start, is_counter)
    return value


@kernel
def right_value(
    smoothed: bool,
    timestamps: Int64s,
    values: Float64s,
    low: int,
    last: int,
    end: int,
    is_counter: bool,
) -> float:
    """The value at the right edge of a window whose last sample is `last`, reaching from `low`."""
    at, value = timestamps[last], float(values[last])
    if smoothed and last > low and at > end:
        before = last - 1
        value = interpolate(timestamps[before], values[before], at, value, end, is_counter)
    return value


@kernel
def correction_of(
    left: float, right: float, values: Float64s, low: int, high: int, resets: Int64s
) -> float:
    """What a counter lost in resets on its way from left over [low, high) to right.

    resets: the positions of values below the one before that may be in there, in order.
    """
    lost, before = 0.0, left
    if low < high:
        if values[low] < left:
            lost += left
        for r in range(len(resets)):
            if resets[r] >= high:
                break
            if resets[r] > low:
                lost += values[resets[r] - 1]
        before = values[high - 1]
    if right < before:
        lost += before
    return lost


@kernel
def extended_rates(
    smoothed: bool,
    is_counter: bool,
    divisor: float,
    timestamps: Int64s,
    values: Float64s,
    resets: Int64s,
    ends: Int64s,
    range_ms: int,
    lookback_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """The change over each window of one series, as a share of divisor; nothing is extrapolated."""
    low = inside = behind = high = passed = 0
    stop = len(timestamps)
    ahead_ms = lookback_ms if smoothed else 0
    for k in range(len(ends)):
        end = ends[k]
        start = end - range_ms
        while low < stop and timestamps[low] <= start - lookback_ms:
            low += 1
        inside = max(low, inside)
        while inside < stop and timestamps[inside] <= start:
            inside += 1
        behind = max(low, behind)
        while behind < stop and timestamps[behind] < end:
            behind += 1
        high = max(behind, high)
        while high < stop and timestamps[high] <= end + ahead_ms:
            high += 1
        first = max(low, inside - 1)
        last = min(high - 1, behind) if smoothed else high - 1
        if high == low or timestamps[last] <= start:
            continue
        if smoothed and timestamps[first] > end:
            continue
        left = left_value(smoothed, timestamps, values, first, start, is_counter)
        right = right_value(smoothed, timestamps, values, low, last, end, is_counter)
        change = right - left
        while passed < len(resets) and resets[passed] <= first:
            passed += 1
        if is_counter:
            # The edges have seen the resets before the first and after the last sample inside.
            inner = first + 1 if timestamps[first] <= start else first
            inner_end = last if timestamps[last] >= end else last + 1
            change += correction_of(left, right, values, inner, inner_end, resets[passed:])
        out[k] = change / divisor
        present[k] = True


@kernel
def extended_rate_windows(
    smoothed: bool,
    is_counter: bool,
    is_rate: bool,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    ends: Int64s,
    range_ms: int,
    lookback_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """The change over each window of each series, per second if is_rate."""
    # A window of no length has no change either.
    seconds = range_ms // 1000 + (range_ms % 1000) * 1_000_000 / 1e9
    divisor = seconds if is_rate and range_ms > 0 else 1.0
    resets = np.empty(len(timestamps), np.int64)
    for i in range(len(offsets) - 1):
        times = timestamps[offsets[i] : offsets[i + 1]]
        numbers = values[offsets[i] : offsets[i + 1]]
        found = find_resets(numbers, resets) if is_counter else 0
        extended_rates(
            smoothed,
            is_counter,
            divisor,
            times,
            numbers,
            resets[:found],
            ends,
            range_ms,
            lookback_ms,
            out[i],
            present[i],
        )


@kernel
def smooth_values(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    times: Int64s,
    lookback_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """The value at each time between the samples around it, or of the last one if none follows.

    Samples count in (time - lookback, time + lookback]; there is no value before the first.
    """
    for i in range(len(offsets) - 1):
        after = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(times)):
            after = skip_until(timestamps, after, stop, times[k])
            last = after - 1
            if last < offsets[i] or timestamps[last] <= times[k] - lookback_ms:
                continue
            followed = after < stop and timestamps[after] <= times[k] + lookback_ms
            if timestamps[last] == times[k] or not followed:
                out[i, k] = values[last]
            else:
                out[i, k] = interpolate(
                    timestamps[last],
                    values[last],
                    timestamps[after],
                    values[after],
                    times[k],
                    False,
                )
            present[i, k] = True


@kernel
def extend_samples(
    smoothed: bool,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    start: int,
    end: int,
    out_offsets: Int64s,
    out_timestamps: Int64s,
    out_values: Float64s,
) -> None:
    """The samples inside one window, between a sample made up at each of its edges.

    The samples given are those of the extended window. The outputs have room for two more samples
    in each series, and one more offset than there are series.
    """
    at = 0
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        low, high = offsets[i], offsets[i + 1]
        out_offsets[i + 1] = at
        if high == low or timestamps[high - 1] <= start:
            continue
        inside = skip_until(timestamps, low, high, start)
        behind = skip_until(timestamps, low, high, end - 1)
        first = max(low, inside - 1)
        last = min(high - 1, behind) if smoothed else high - 1
        if timestamps[last] <= start:
            continue
        out_timestamps[at] = start
        out_values[at] = left_value(smoothed, timestamps, values, first, start, False)
        at += 1
        for j in range(first, last + 1):
            if start < timestamps[j] < end:
                out_timestamps[at] = timestamps[j]
                out_values[at] = values[j]
                at += 1
        out_timestamps[at] = end
        out_values[at] = right_value(smoothed, timestamps, values, low, last, end, False)
        out_offsets[i + 1] = at + 1
        at += 1
