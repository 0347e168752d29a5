"""What can be made of one window: a number of the values at the positions [low, high).

The order of floating-point operations is that of Prometheus, so that results agree to the last bit.
"""

import math

from api.promql.parts import is_quantile, odd_quantile, ranks_of
from storage.kernels.arrays import Float64s, Int64s
from storage.kernels.jit import kernel

# What reduce_window computes.
SUM, AVG, MIN, MAX, COUNT, FIRST, LAST, PRESENT, STDDEV, STDVAR = range(10)
MAD, TS_FIRST, TS_LAST, TS_MIN, TS_MAX, IRATE, IDELTA, DERIV = range(10, 18)


@kernel
def kahan_add(increment: float, total: float, lost: float) -> tuple[float, float]:
    """Like parts.compensated, with branches: each sum here waits for its last addition, and skips
    by a right guess what vectors would have to work out (a fifth faster)."""
    t = total + increment
    if math.isinf(t):
        return t, 0.0
    if abs(total) >= abs(increment):
        return t, lost + ((total - t) + increment)
    return t, lost + ((increment - t) + total)


@kernel
def sum_of(values: Float64s, low: int, high: int) -> float:
    total, lost = 0.0, 0.0
    for i in range(low, high):
        total, lost = kahan_add(values[i], total, lost)
    if math.isinf(total):
        return total
    return total + lost


@kernel
def mean_of(values: Float64s, low: int, high: int) -> float:
    """One division at the end; a running mean from where the sum would overflow."""
    total, lost, mean, count = float(values[low]), 0.0, 0.0, 1.0
    running = False
    for i in range(low + 1, high):
        count = float(i - low + 1)
        if not running:
            new_total, new_lost = kahan_add(values[i], total, lost)
            if not math.isinf(new_total):
                total, lost = new_total, new_lost
                continue
            running = True
            mean = total / (count - 1)
            lost /= count - 1
        q = (count - 1) / count
        mean, lost = kahan_add(values[i] / count, q * mean, q * lost)
    if running:
        return mean + lost
    return total / count + lost / count


@kernel
def variance_of(values: Float64s, low: int, high: int) -> float:
    """Welford's population variance, with compensated mean and sum of squares."""
    count, mean, mean_lost, squares, squares_lost = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(low, high):
        count += 1
        delta = values[i] - (mean + mean_lost)
        mean, mean_lost = kahan_add(delta / count, mean, mean_lost)
        square = delta * (values[i] - (mean + mean_lost))
        squares, squares_lost = kahan_add(square, squares, squares_lost)
    return (squares + squares_lost) / count


@kernel
def min_of(values: Float64s, low: int, high: int) -> float:
    """The smallest number; NaN only if there is nothing else."""
    found = float(values[low])
    for i in range(low + 1, high):
        if values[i] < found or math.isnan(found):
            found = values[i]
    return found


@kernel
def max_of(values: Float64s, low: int, high: int) -> float:
    """The largest number; NaN only if there is nothing else."""
    found = float(values[low])
    for i in range(low + 1, high):
        if values[i] > found or math.isnan(found):
            found = values[i]
    return found


@kernel
def last_min_of(values: Float64s, low: int, high: int) -> int:
    """The position of the smallest number, of the last one if several are equal."""
    found = low
    for i in range(low, high):
        if values[i] <= values[found] or math.isnan(values[found]):
            found = i
    return found


@kernel
def last_max_of(values: Float64s, low: int, high: int) -> int:
    """The position of the largest number, of the last one if several are equal."""
    found = low
    for i in range(low, high):
        if values[i] >= values[found] or math.isnan(values[found]):
            found = i
    return found


@kernel
def sort_numbers(values: Float64s) -> None:
    """Sort in place, NaN before all numbers."""
    nans = 0
    for i in range(len(values)):
        if math.isnan(values[i]):
            values[i] = values[nans]
            values[nans] = math.nan
            nans += 1
    values[nans:].sort()


@kernel
def quantile_of(q: float, ordered: Float64s, count: int) -> float:
    """The q-quantile of the first `count` values, which are in the order of sort_numbers; linear
    between neighbours."""
    if not is_quantile(q, count):
        return odd_quantile(q, count)
    lower, upper, weight = ranks_of(q, count)
    return float(ordered[lower] * (1 - weight) + ordered[upper] * weight)


@kernel
def mad_of(values: Float64s, low: int, high: int) -> float:
    """The median of the absolute deviations from the median; NaN if any value is."""
    window = values[low:high].copy()
    for i in range(len(window)):
        if math.isnan(window[i]):
            return math.nan
    window.sort()
    median = quantile_of(0.5, window, len(window))
    for i in range(len(window)):
        window[i] = abs(window[i] - median)
    sort_numbers(window)
    return quantile_of(0.5, window, len(window))


@kernel
def regression_of(
    timestamps: Int64s, values: Float64s, low: int, high: int, origin_ms: int
) -> tuple[float, float]:
    """Slope per second and value at origin_ms of the least-squares line through the window."""
    n, constant = 0.0, True
    x_sum, x_lost, y_sum, y_lost = 0.0, 0.0, 0.0, 0.0
    xy_sum, xy_lost, xx_sum, xx_lost = 0.0, 0.0, 0.0, 0.0
    for i in range(low, high):
        if values[i] != values[low] and i > low:
            constant = False
        n += 1.0
        x = (timestamps[i] - origin_ms) / 1e3
        x_sum, x_lost = kahan_add(x, x_sum, x_lost)
        y_sum, y_lost = kahan_add(values[i], y_sum, y_lost)
        xy_sum, xy_lost = kahan_add(x * values[i], xy_sum, xy_lost)
        xx_sum, xx_lost = kahan_add(x * x, xx_sum, xx_lost)
    if constant:
        if math.isinf(values[low]):
            return math.nan, math.nan
        return 0.0, values[low]
    x_sum += x_lost
    y_sum += y_lost
    xy_sum += xy_lost
    xx_sum += xx_lost
    covariance = xy_sum - x_sum * y_sum / n
    variance = xx_sum - x_sum * x_sum / n
    slope = covariance / variance if variance != 0 else covariance * math.inf
    return slope, y_sum / n - slope * x_sum / n


@kernel
def instant_change(timestamps: Int64s, values: Float64s, high: int, is_rate: bool) -> float:
    """The difference of the last two samples; per second, and seeing resets, if is_rate."""
    last, before = float(values[high - 1]), float(values[high - 2])
    change = last if is_rate and last < before else last - before
    if is_rate:
        change /= (timestamps[high - 1] - timestamps[high - 2]) / 1000.0
    return change


@kernel
def reduce_window(op: int, timestamps: Int64s, values: Float64s, low: int, high: int) -> float:
    """What `op` makes of the samples [low, high): at least one, or as many as it needs."""
    if op == SUM:
        return sum_of(values, low, high)
    if op == AVG:
        return mean_of(values, low, high)
    if op == MIN:
        return min_of(values, low, high)
    if op == MAX:
        return max_of(values, low, high)
    if op == COUNT:
        return float(high - low)
    if op == FIRST:
        return float(values[low])
    if op == LAST:
        return float(values[high - 1])
    if op == STDDEV:
        return math.sqrt(variance_of(values, low, high))
    if op == STDVAR:
        return variance_of(values, low, high)
    if op == MAD:
        return mad_of(values, low, high)
    if op == TS_FIRST:
        return float(timestamps[low]) / 1000.0
    if op == TS_LAST:
        return float(timestamps[high - 1]) / 1000.0
    if op == TS_MIN:
        return float(timestamps[last_min_of(values, low, high)]) / 1000.0
    if op == TS_MAX:
        return float(timestamps[last_max_of(values, low, high)]) / 1000.0
    if op in (IRATE, IDELTA):
        return instant_change(timestamps, values, high, op == IRATE)
    if op == DERIV:
        return regression_of(timestamps, values, low, high, timestamps[low])[0]
    return 1.0  # PRESENT
