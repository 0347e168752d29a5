"""Plain Python twins of the range kernels: one window at a time, by the definition."""

import math
from collections.abc import Callable

# The NaN that ends a series until its next sample.
STALE_NAN_BITS = 0x7FF0000000000002

Window = list[tuple[int, float]]


def kahan_sum(numbers: list[float]) -> tuple[float, float]:
    """Neumaier's sum: (total, what was lost)."""
    total = lost = 0.0
    for x in numbers:
        total, lost = kahan_step(x, total, lost)
    return total, lost


def kahan_step(x: float, total: float, lost: float) -> tuple[float, float]:
    t = total + x
    if math.isinf(t):
        return t, 0.0
    bigger, smaller = (total, x) if abs(total) >= abs(x) else (x, total)
    return t, lost + ((bigger - t) + smaller)


def window_of(samples: Window, end: int, range_ms: int) -> Window:
    return [(t, v) for t, v in samples if end - range_ms < t <= end]


def values_of(window: Window) -> list[float]:
    return [v for _, v in window]


def total(window: Window) -> float | None:
    if not window:
        return None
    result, lost = kahan_sum(values_of(window))
    return result if math.isinf(result) else result + lost


def mean(window: Window) -> float | None:
    if not window:
        return None
    values = values_of(window)
    result, lost = values[0], 0.0
    for i, x in enumerate(values[1:], start=2):
        new, new_lost = kahan_step(x, result, lost)
        if math.isinf(new):
            return running_mean(values, i - 1, result / (i - 1), lost / (i - 1))
        result, lost = new, new_lost
    return result / len(values) + lost / len(values)


def running_mean(values: list[float], done: int, mean: float, lost: float) -> float:
    for count, x in enumerate(values[done:], start=done + 1):
        q = (count - 1) / count
        mean, lost = kahan_step(x / count, q * mean, q * lost)
    return mean + lost


def extreme(window: Window, better: Callable[[float, float], bool]) -> float | None:
    if not window:
        return None
    numbers = [v for v in values_of(window) if not math.isnan(v)]
    if not numbers:
        return math.nan
    best = numbers[0]
    for v in numbers:
        if better(v, best):
            best = v
    return best


def time_of_extreme(window: Window, better: Callable[[float, float], bool]) -> float | None:
    best = extreme(window, better)
    if best is None:
        return None
    if math.isnan(best):
        return window[-1][0] / 1000
    return max(t for t, v in window if v == best) / 1000


def variance(window: Window) -> float | None:
    if not window:
        return None
    count, mean, mean_lost, squares, lost = 0, 0.0, 0.0, 0.0, 0.0
    for v in values_of(window):
        count += 1
        delta = v - (mean + mean_lost)
        mean, mean_lost = kahan_step(delta / count, mean, mean_lost)
        squares, lost = kahan_step(delta * (v - (mean + mean_lost)), squares, lost)
    return (squares + lost) / count


def quantile(q: float, values: list[float]) -> float:
    if not values or math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    ordered = sorted(values, key=lambda v: (not math.isnan(v), v if not math.isnan(v) else 0.0))
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


def mad(window: Window) -> float | None:
    if not window:
        return None
    values = values_of(window)
    if any(map(math.isnan, values)):
        return math.nan
    median = quantile(0.5, values)
    return quantile(0.5, [abs(v - median) for v in values])


def changes(window: Window) -> float | None:
    if not window:
        return None
    pairs = zip(values_of(window), values_of(window)[1:], strict=False)
    return float(sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs))


def resets(window: Window) -> float | None:
    if not window:
        return None
    return float(sum(b < a for a, b in zip(values_of(window), values_of(window)[1:], strict=False)))


def extrapolated(
    window: Window, end: int, range_ms: int, *, is_counter: bool, is_rate: bool
) -> float | None:
    if len(window) < 2:
        return None
    (first_t, first), (last_t, last) = window[0], window[-1]
    change = last - first
    if is_counter:
        for (_, before), (_, now) in zip(window, window[1:], strict=False):
            if now < before:
                change += before
    sampled = (last_t - first_t) / 1000
    average = sampled / (len(window) - 1)
    to_start = (first_t - (end - range_ms)) / 1000
    to_end = (end - last_t) / 1000
    if to_start >= average * 1.1:
        to_start = average / 2
    if is_counter and change > 0 and first >= 0:
        to_start = min(to_start, sampled * (first / change))
    if to_end >= average * 1.1:
        to_end = average / 2
    factor = (sampled + to_start + to_end) / sampled
    if is_rate:
        factor /= range_ms / 1000
    return change * factor


def last_change(window: Window, *, is_rate: bool) -> float | None:
    if len(window) < 2:
        return None
    (before_t, before), (last_t, last) = window[-2:]
    change = last if is_rate and last < before else last - before
    return change / ((last_t - before_t) / 1000) if is_rate else change


def regression(window: Window, origin_ms: int) -> tuple[float, float] | None:
    """(slope, level at the origin)."""
    if len(window) < 2:
        return None
    first = window[0][1]
    if all(v == first for _, v in window[1:]):
        return (math.nan, math.nan) if math.isinf(first) else (0.0, first)
    xs = [(t - origin_ms) / 1000 for t, _ in window]
    ys = values_of(window)
    x, y = sum(kahan_sum(xs)), sum(kahan_sum(ys))
    xy = sum(kahan_sum([a * b for a, b in zip(xs, ys, strict=True)]))
    xx = sum(kahan_sum([a * a for a in xs]))
    n = len(window)
    slope = (xy - x * y / n) / (xx - x * x / n)
    return slope, y / n - slope * x / n


def deriv(window: Window) -> float | None:
    line = regression(window, window[0][0]) if window else None
    return None if line is None else line[0]


def smoothed(window: Window, smoothing: float, trend_weight: float) -> float | None:
    if len(window) < 2:
        return None
    values = values_of(window)
    levels = [values[0]]
    trend = values[1] - values[0]
    for i, x in enumerate(values[1:]):
        if i > 0:
            trend = trend_weight * (levels[-1] - levels[-2]) + (1 - trend_weight) * trend
        levels.append(smoothing * x + (1 - smoothing) * (levels[-1] + trend))
    return levels[-1]


def newest(samples: Window, time: int, lookback_ms: int) -> tuple[int, float] | None:
    """The newest sample in (time - lookback, time]."""
    window = window_of(samples, time, lookback_ms)
    return window[-1] if window else None


def per_window(of: Callable[[Window], float | None]) -> Callable[[Window, int, int], float | None]:
    return lambda window, end, range_ms: of(window)


FUNCTIONS: dict[str, Callable[[Window, int, int], float | None]] = {
    "avg_over_time": per_window(mean),
    "changes": per_window(changes),
    "count_over_time": per_window(lambda w: float(len(w)) if w else None),
    "delta": lambda w, end, r: extrapolated(w, end, r, is_counter=False, is_rate=False),
    "deriv": per_window(deriv),
    "first_over_time": per_window(lambda w: w[0][1] if w else None),
    "idelta": per_window(lambda w: last_change(w, is_rate=False)),
    "increase": lambda w, end, r: extrapolated(w, end, r, is_counter=True, is_rate=False),
    "irate": per_window(lambda w: last_change(w, is_rate=True)),
    "last_over_time": per_window(lambda w: w[-1][1] if w else None),
    "mad_over_time": per_window(mad),
    "max_over_time": per_window(lambda w: extreme(w, lambda a, b: a > b)),
    "min_over_time": per_window(lambda w: extreme(w, lambda a, b: a < b)),
    "present_over_time": per_window(lambda w: 1.0 if w else None),
    "rate": lambda w, end, r: extrapolated(w, end, r, is_counter=True, is_rate=True),
    "resets": per_window(resets),
    "stddev_over_time": per_window(lambda w: math.sqrt(variance(w) or 0.0) if w else None),
    "stdvar_over_time": per_window(variance),
    "sum_over_time": per_window(total),
    "ts_of_first_over_time": per_window(lambda w: w[0][0] / 1000 if w else None),
    "ts_of_last_over_time": per_window(lambda w: w[-1][0] / 1000 if w else None),
    "ts_of_max_over_time": per_window(lambda w: time_of_extreme(w, lambda a, b: a > b)),
    "ts_of_min_over_time": per_window(lambda w: time_of_extreme(w, lambda a, b: a < b)),
}


# --- anchored and smoothed ranges: a window reaches beyond (start, end] as far as they look -------


def between(a: tuple[int, float], b: tuple[int, float], time: int, *, counter: bool) -> float:
    """The value on the line from one sample to the next."""
    first, second = a[1], b[1]
    if counter and second < first:
        first = 0.0
    return first + (second - first) * float(time - a[0]) / float(b[0] - a[0])


def edges(
    window: Window, start: int, end: int, *, smoothed: bool, counter: bool
) -> tuple[float, float, Window] | None:
    """(value at the start, value at the end, samples between), or None if there is no value."""
    before = [s for s in window if s[0] <= start]
    behind = [s for s in window if s[0] >= end]
    inside = [s for s in window if start < s[0] < end]
    if not smoothed:
        behind = behind[:1]
        if not inside and not behind:
            return None
        first = before[-1] if before else (inside + behind)[0]
        last = behind[0] if behind else inside[-1]
        return first[1], last[1], inside
    after_start, before_end = inside + behind, before[-1:] + inside
    if not after_start or not (before_end or behind):
        return None
    left = after_start[0][1]
    if before:
        left = before[-1][1]
        if before[-1][0] < start:
            left = between(before[-1], after_start[0], start, counter=counter)
    right = before_end[-1][1] if before_end else behind[0][1]
    if behind:
        right = behind[0][1]
        if behind[0][0] > end and before_end:
            right = between(before_end[-1], behind[0], end, counter=counter)
    return left, right, inside


def extended_change(
    window: Window, start: int, end: int, *, smoothed: bool, counter: bool, per_second: bool
) -> float | None:
    if smoothed and all(t > end for t, _ in window):
        return None
    found = edges(window, start, end, smoothed=smoothed, counter=counter)
    if found is None:
        return None
    left, right, inside = found
    change = right - left
    if counter:
        lost, before = 0.0, left
        for value in [v for _, v in inside] + [right]:
            if value < before:
                lost += before
            before = value
        change += lost
    return change / ((end - start) / 1000) if per_second else change


def anchored(window: Window, start: int) -> Window:
    """The samples after the start with the one before; empty if there is none after."""
    inside = [s for s in window if s[0] > start]
    return [s for s in window if s[0] <= start][-1:] + inside if inside else []


def smoothed_value(samples: Window, time: int, lookback_ms: int) -> float | None:
    """Between the samples around a time; the last one if none follows."""
    before = [s for s in samples if time - lookback_ms < s[0] <= time]
    behind = [s for s in samples if time < s[0] <= time + lookback_ms]
    if not before:
        return None
    if before[-1][0] == time or not behind:
        return before[-1][1]
    return between(before[-1], behind[0], time, counter=False)
