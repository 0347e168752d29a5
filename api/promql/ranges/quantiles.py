"""Order statistics of windows: quantiles of samples that are kept in order from step to step.

A window differs from the one before it by a few samples at its ends. So its values are kept in an
ordered copy, from which what leaves is taken out and into which what comes is put; where nearly
all of them change, the copy is sorted again.

Invariants of an ordered copy:
* NaN stands before all numbers, as Prometheus sorts it, and all NaN have the same bits.
* It holds the window's values bit for bit, also where 0 and -0 are equal.
"""

import math

import numpy as np

from api.promql.ranges.kernels import skip_until
from api.promql.ranges.reductions import quantile_of, sort_numbers
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel, kernel_part

# Moving a value in or out costs a step for each value behind it, sorting grows slower: the two were
# measured to be about equal where 40 values change in a window of 6,000.
MOVED_MAX = 64


@kernel_part
def put_in(ordered: Float64s, count: int, value: float) -> None:
    """Put one more value into the first `count` ordered ones. Starts at the end: counters grow."""
    at = count
    if math.isnan(value):
        value = math.nan
        while at > 0:
            ordered[at] = ordered[at - 1]
            at -= 1
    while at > 0 and ordered[at - 1] > value:
        ordered[at] = ordered[at - 1]
        at -= 1
    ordered[at] = value


@kernel_part
def take_out(ordered: Float64s, count: int, value: float) -> None:
    """Take out one of the first `count` ordered values, which has the same bits as `value`."""
    at = 0
    if not math.isnan(value):
        # NaN is not below anything, but stands before all numbers.
        while math.isnan(ordered[at]) or ordered[at] < value:
            at += 1
        while value == 0 and math.copysign(1.0, ordered[at]) != math.copysign(1.0, value):
            at += 1
    for i in range(at, count - 1):
        ordered[i] = ordered[i + 1]


@kernel
def quantile_windows(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    ends: Int64s,
    range_ms: int,
    q: Float64s,
    out: Float64s,
    present: Bools,
) -> None:
    """The q[k]-quantile of each window with samples."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    ordered = np.empty(longest)
    for i in range(len(offsets) - 1):
        low = high = offsets[i]
        stop = offsets[i + 1]
        count = 0
        for k in range(len(ends)):
            held, held_end = low, high
            low = skip_until(timestamps, low, stop, ends[k] - range_ms)
            high = skip_until(timestamps, max(low, high), stop, ends[k])
            if low >= held_end or low - held > MOVED_MAX or high - held_end > MOVED_MAX:
                count, held, held_end = 0, low, low
            for j in range(held, low):
                take_out(ordered, count, values[j])
                count -= 1
            if high - held_end > MOVED_MAX:
                count = high - low
                ordered[:count] = values[low:high]
                sort_numbers(ordered[:count])
                held_end = high
            for j in range(held_end, high):
                put_in(ordered, count, values[j])
                count += 1
            if count > 0:
                out[i, k] = quantile_of(q[k], ordered, count)
                present[i, k] = True
