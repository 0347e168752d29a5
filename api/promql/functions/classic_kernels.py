"""The kernels over the buckets of classic histograms.

A histogram at a step is two arrays: ascending bounds, and how many observations were at most that
large. Equal bounds are one bucket. Nothing can be said without a bound of +Inf.
"""

import math

import numpy as np

from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel

# Counts that differ relatively by less are taken as equal: sums of rates are not exact.
SMALL_DIFFERENCE = 1e-12
SMALLEST_NORMAL = 2.2250738585072014e-308
LARGEST = 1.7976931348623157e308


@float_kernel
def almost_equal(a: float, b: float, tolerance: float) -> bool:
    """Whether a and b differ by less than `tolerance` of their sum; zero equals only zero."""
    if a == b:
        return True
    difference = abs(a - b)
    scale = abs(a) + abs(b)
    if a == 0 or b == 0 or scale < SMALLEST_NORMAL:
        return difference < tolerance * SMALLEST_NORMAL
    return difference / min(scale, LARGEST) < tolerance


@float_kernel
def collect_buckets(
    rows: Int64s,
    bounds: Float64s,
    values: Float64s,
    present: Bools,
    k: int,
    out_bounds: Float64s,
    out_counts: Float64s,
) -> int:
    """Write the buckets that are present at step k, equal bounds added up; returns how many."""
    n = 0
    for row in rows:
        if not present[row, k]:
            continue
        if n > 0 and bounds[row] == out_bounds[n - 1]:
            out_counts[n - 1] += values[row, k]
        else:
            out_bounds[n] = bounds[row]
            out_counts[n] = values[row, k]
            n += 1
    return n


@float_kernel
def make_monotonic(bounds: Float64s, counts: Float64s, repair: Float64s) -> bool:
    """Raise counts that are below an earlier one; returns whether that was more than noise.

    repair: smallest and largest bound of a raised count, and the largest difference; widened.
    """
    forced = False
    previous = counts[0]
    for i in range(1, len(counts)):
        count = counts[i]
        if almost_equal(previous, count, SMALL_DIFFERENCE):
            counts[i] = previous
        elif count < previous:
            counts[i] = previous
            forced = True
            repair[0] = min(repair[0], bounds[i])
            repair[1] = max(repair[1], bounds[i])
            repair[2] = max(repair[2], previous - count)
        else:
            previous = count
    return forced


@float_kernel
def bucket_quantile(q: float, bounds: Float64s, counts: Float64s) -> float:
    """The q-quantile, interpolated within its bucket; counts are monotonic and q is in [0, 1].

    The first bucket begins at 0 if its bound is positive. In the last bucket the quantile is the
    bound before it.
    """
    last = len(counts) - 1
    if last < 1 or counts[last] == 0:
        return np.nan
    rank = q * counts[last]
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        if counts[middle] >= rank:
            high = middle
        else:
            low = middle + 1
    if low == last:
        return float(bounds[last - 1])
    if low == 0 and bounds[0] <= 0:
        return float(bounds[0])
    start, below = 0.0, 0.0
    if low > 0:
        start, below = bounds[low - 1], counts[low - 1]
    return float(start + (bounds[low] - start) * ((rank - below) / (counts[low] - below)))


@float_kernel
def bucket_fraction(lower: float, upper: float, bounds: Float64s, counts: Float64s) -> float:
    """The share of observations between lower and upper, interpolated within buckets."""
    total = counts[-1]
    if total == 0 or math.isnan(lower) or math.isnan(upper):
        return np.nan
    if lower >= upper:
        return 0.0
    return float((rank_of(upper, bounds, counts) - rank_of(lower, bounds, counts)) / total)


@float_kernel
def rank_of(value: float, bounds: Float64s, counts: Float64s) -> float:
    """How many observations are at most `value`."""
    below = 0.0
    start = 0.0 if bounds[0] > 0 else -np.inf
    for i in range(len(bounds)):
        if i > 0:
            start = bounds[i - 1]
        if start >= value:
            return float(min(below, counts[-1]))
        if bounds[i] > value:
            if start == -np.inf:
                return float(min(counts[i], counts[-1]))
            inside = (counts[i] - below) * (value - start) / (bounds[i] - start)
            return float(min(below + inside, counts[-1]))
        below = counts[i]
    return float(counts[-1])


@float_kernel
def group_quantiles_of_buckets(
    rows: Int64s,
    offsets: Int64s,
    bounds: Float64s,
    values: Float64s,
    present: Bools,
    q: Float64s,
    noted: Bools,
) -> tuple[Float64s, Bools, Float64s, Int64s]:
    """(quantiles, present, repairs, repaired steps), of every histogram at every step.

    repairs, float64[histograms, 5]: smallest and largest bound, largest difference, first and last
    step of what make_monotonic did, at the steps for which `noted` is true.
    """
    groups, steps = len(offsets) - 1, values.shape[1]
    out = np.zeros((groups, steps))
    out_present = np.zeros((groups, steps), np.bool_)
    repairs = np.zeros((groups, 5))
    repaired = np.zeros(groups, np.int64)
    some_bounds, counts = np.empty(len(rows)), np.empty(len(rows))
    ignored = np.zeros(5)
    for g in range(groups):
        own = rows[offsets[g] : offsets[g + 1]]
        repairs[g, 0], repairs[g, 1] = np.inf, -np.inf
        for k in range(steps):
            n = collect_buckets(own, bounds, values, present, k, some_bounds, counts)
            if n == 0:
                continue
            out_present[g, k] = True
            if math.isnan(q[k]):
                out[g, k] = np.nan
            elif q[k] < 0:
                out[g, k] = -np.inf
            elif q[k] > 1:
                out[g, k] = np.inf
            elif some_bounds[n - 1] != np.inf:
                out[g, k] = np.nan
            else:
                repair = repairs[g] if noted[k] else ignored
                if make_monotonic(some_bounds[:n], counts[:n], repair) and noted[k]:
                    repairs[g, 3] = k if repaired[g] == 0 else repairs[g, 3]
                    repairs[g, 4] = k
                    repaired[g] += 1
                out[g, k] = bucket_quantile(q[k], some_bounds[:n], counts[:n])
    return out, out_present, repairs, repaired


@float_kernel
def group_fractions(
    rows: Int64s,
    offsets: Int64s,
    bounds: Float64s,
    values: Float64s,
    present: Bools,
    lower: Float64s,
    upper: Float64s,
) -> tuple[Float64s, Bools]:
    """The share of observations in [lower[k], upper[k]] of every histogram at every step k."""
    groups, steps = len(offsets) - 1, values.shape[1]
    out = np.zeros((groups, steps))
    out_present = np.zeros((groups, steps), np.bool_)
    some_bounds, counts = np.empty(len(rows)), np.empty(len(rows))
    for g in range(groups):
        own = rows[offsets[g] : offsets[g + 1]]
        for k in range(steps):
            n = collect_buckets(own, bounds, values, present, k, some_bounds, counts)
            if n == 0:
                continue
            out_present[g, k] = True
            out[g, k] = np.nan
            if some_bounds[n - 1] == np.inf:
                out[g, k] = bucket_fraction(lower[k], upper[k], some_bounds[:n], counts[:n])
    return out, out_present
