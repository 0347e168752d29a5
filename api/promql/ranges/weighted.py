"""Kernels over windows of downsampled samples, that stand for others which are not there.

Samples and windows are those of range_kernels; counts and since are those of storage's Weights. Up
to two stretches of hidden samples are cut by the edges of a window. What is in their parts is
estimated: their samples are taken to be evenly spread, and to rise steadily. Where no stretch is
cut, results are those of all the samples, but for the rounding of sums.
"""

import numpy as np

from api.promql.ranges.rates import find_resets, stretched
from api.promql.ranges.reductions import AVG, COUNT, PRESENT, SUM, kahan_add
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel, float_kernel_part, kernel_part
from storage.samples.search import first_near

# What reduce_totals computes.
TOTALS = frozenset({SUM, AVG, COUNT, PRESENT})


@kernel_part
def count_until(since: int, time: int, count: int, bound: int) -> int:
    """How many of the samples from `since` to `time` are not after bound."""
    if bound >= time:
        return count
    if bound < since or count < 2:
        return 0
    return (bound - since) * (count - 1) // (time - since) + 1


@float_kernel_part
def part_of(
    since: int, time: int, count: int, value: float, start: int, end: int
) -> tuple[int, float]:
    """How many of the samples from `since` to `time` are in (start, end], and their share of
    value."""
    inside = count_until(since, time, count, end) - count_until(since, time, count, start)
    return inside, value if inside == count else value * (inside / max(count, 1))


@float_kernel
def reduce_totals(
    op: int,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    counts: Int64s,
    since: Int64s,
    ends: Int64s,
    range_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """Sum, mean, number or presence of the samples that those of each window stand for."""
    adds = op in (SUM, AVG)
    until = np.zeros(len(values) + 1, np.int64)
    until[1:] = np.cumsum(counts)
    for i in range(len(offsets) - 1):
        low = high = offsets[i]
        stop = offsets[i + 1]
        low_step = high_step = 0
        for k in range(len(ends)):
            start, end = ends[k] - range_ms, ends[k]
            before, low = low, first_near(timestamps, low, stop, start + 1, low_step)
            low_step = low - before
            before = max(low, high)
            high = first_near(timestamps, before, stop, end + 1, high_step)
            high_step = high - before
            total, lost, number = 0.0, 0.0, 0
            j = low
            while j < stop and since[j] <= start:  # cut by the start
                inside, share = part_of(since[j], timestamps[j], counts[j], values[j], start, end)
                if inside > 0:
                    number += inside
                    total, lost = kahan_add(share, total, lost)
                j += 1
            if j < high:
                number += until[high] - until[j]
            while j < high:
                if adds and counts[j] > 0:
                    total, lost = kahan_add(values[j], total, lost)
                j += 1
            while j < stop and since[j] <= end:  # cut by the end
                inside, share = part_of(since[j], timestamps[j], counts[j], values[j], start, end)
                if inside > 0:
                    number += inside
                    total, lost = kahan_add(share, total, lost)
                j += 1
            if number == 0:
                continue
            present[i, k] = True
            if not np.isinf(total):
                total += lost
            if op == SUM:
                out[i, k] = total
            elif op == AVG:
                out[i, k] = total / number
            else:
                out[i, k] = float(number) if op == COUNT else 1.0


@float_kernel_part
def part_of_rise(
    is_counter: bool, values: Float64s, timestamps: Int64s, before: int, length_ms: int
) -> float:
    """What of the rise from sample `before` to the next one is in so many ms between them."""
    rise = values[before + 1] - values[before]
    if is_counter and values[before + 1] < values[before]:
        rise = values[before + 1]
    return float(rise * (length_ms / (timestamps[before + 1] - timestamps[before])))


@float_kernel
def rate_stretches(
    is_counter: bool,
    is_rate: bool,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    counts: Int64s,
    since: Int64s,
    ends: Int64s,
    range_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """Like rate_windows. An edge within a stretch is where the samples around it would be, joined
    by a line, and nothing is extrapolated beyond it."""
    seconds = range_ms // 1000 + (range_ms % 1000) * 1_000_000 / 1e9
    resets = np.empty(len(values), np.int64)
    until = np.zeros(len(values) + 1, np.int64)
    until[1:] = np.cumsum(counts)
    for i in range(len(offsets) - 1):
        low = high = begin = offsets[i]
        stop = offsets[i + 1]
        low_step = high_step = 0
        found = find_resets(values[begin:stop], resets) if is_counter else 0
        first_reset = 0
        for k in range(len(ends)):
            start, end = ends[k] - range_ms, ends[k]
            before, low = low, first_near(timestamps, low, stop, start + 1, low_step)
            low_step = low - before
            before = max(low, high)
            high = first_near(timestamps, before, stop, end + 1, high_step)
            high_step = high - before
            cut_start = begin < low < stop and since[low] <= start
            cut_end = begin < high < stop and since[high] <= end and timestamps[high - 1] < end
            if high - low + cut_start + cut_end < 2:
                continue
            present[i, k] = True
            first_ms, last_ms, change = start, end, 0.0
            if high > low:
                change = values[high - 1] - values[low]
                first_ms = start if cut_start else timestamps[low]
                last_ms = end if cut_end else timestamps[high - 1]
                while first_reset < found and begin + resets[first_reset] <= low:
                    first_reset += 1
                for r in range(first_reset, found):
                    if begin + resets[r] >= high:
                        break
                    change += values[begin + resets[r] - 1]
            if cut_start:
                inside = (timestamps[low] if high > low else end) - start
                change += part_of_rise(is_counter, values, timestamps, low - 1, inside)
            if cut_end and high > low:
                inside = end - timestamps[high - 1]
                change += part_of_rise(is_counter, values, timestamps, high - 1, inside)
            distances = until[high] - until[low] - 1 + cut_start + cut_end
            factor = stretched(
                is_counter,
                values[min(low, stop - 1)],
                change,
                float(first_ms - start),
                float(last_ms - first_ms),
                float(end - last_ms),
                float(max(distances, 1)),
            )
            out[i, k] = change * (factor / seconds if is_rate else factor)
