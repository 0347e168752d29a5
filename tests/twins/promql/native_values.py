"""The plain twin of what is read from native histograms: quantiles, fractions, variances."""

from __future__ import annotations

import math

from tests.twins.promql.native_histograms import Plain, bound_of, kahan


def limits_of(p: Plain, index: int) -> tuple[float, float]:
    if not p.custom:
        return bound_of(index - 1, p.schema), bound_of(index, p.schema)
    edges = [-math.inf, *p.bounds, math.inf]
    return edges[index], edges[index + 1]


def lines_of(p: Plain) -> list[tuple[float, float, float]]:
    """The buckets as (lower, upper, count), ascending."""
    lines = []
    for index, (count, _) in sorted(p.negative.items(), reverse=True):
        inner, outer = limits_of(p, index)
        lines.append((-outer, -max(inner, p.threshold) if inner > 0 else 0.0, count))
    if p.zero[0] > 0:
        lines.append((-p.threshold, p.threshold, p.zero[0]))
    for index, (count, _) in sorted(p.positive.items()):
        lower, upper = limits_of(p, index)
        lines.append((max(lower, p.threshold) if lower > 0 else lower, upper, count))
    return lines


def zero_limits(p: Plain, lower: float, upper: float) -> tuple[float, float]:
    """A bucket around zero belongs to the only side there is."""
    if p.positive and not p.negative:
        return 0.0, upper
    if p.negative and not p.positive:
        return lower, 0.0
    return lower, upper


def quantile(p: Plain, q: float) -> float:
    total, has_nan = p.count[0], math.isnan(p.sum[0])
    if not 0 <= q <= 1:
        return math.nan if math.isnan(q) else math.copysign(math.inf, q)
    if total == 0:
        return math.nan
    forward = has_nan or q < 0.5
    rank = q * total if forward else (1 - q) * total
    seen, bucket = 0.0, (0.0, 0.0, 0.0)
    for bucket in lines_of(p) if forward else reversed(lines_of(p)):
        seen += bucket[2]
        if seen >= rank:
            break
    lower, upper, here = bucket
    if p.custom and lower == -math.inf:
        if upper <= 0:
            return upper
        lower = 0.0
    elif p.custom and upper == math.inf:
        return lower
    elif not p.custom and lower < 0 < upper:
        lower, upper = zero_limits(p, lower, upper)
    seen = min(seen, total)
    if seen < rank:
        return math.nan if has_nan else upper
    rank = rank - (seen - here) if forward else seen - rank
    share = rank / here if here else math.nan
    if p.custom or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    small, large = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return 2.0 ** (small + (large - small) * share)
    return -(2.0 ** (large + (small - large) * (1 - share)))


def log_below(value: float, lower: float, upper: float) -> float:
    small, large = math.log2(abs(lower)), math.log2(abs(upper))
    at = math.log2(abs(value))
    return (at - small) / (large - small) if value > 0 else 1 - (at - large) / (small - large)


def fraction(p: Plain, lower: float, upper: float) -> float:
    total = p.count[0]
    if total == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    known = total
    if math.isnan(p.sum[0]):
        known = 0.0
        for _, _, count in lines_of(p):
            known += count

    def rank_of(value: float) -> float:
        rank = 0.0
        for start, end, count in lines_of(p):
            around = start <= 0 <= end
            low, high = zero_limits(p, start, end) if around else (start, end)
            if low >= value:
                return rank
            if high > value:
                if low == -math.inf:
                    return count
                if p.custom or around:
                    return rank + count * (value - low) / (high - low)
                return rank + count * log_below(value, low, high)
            rank += count
        return known

    return (min(rank_of(upper), known) - min(rank_of(lower), known)) / total


def variance(p: Plain) -> float:
    mean = p.sum[0] / p.count[0]
    total = [0.0, 0.0]
    for lower, upper, count in lines_of(p):
        middle = 0.0
        if p.custom:
            middle = (upper + lower) / 2.0
        elif not lower <= 0 <= upper:
            middle = math.copysign(math.sqrt(upper * lower), upper)
        delta = middle - mean
        kahan(count * delta * delta, total)
    return (total[0] + total[1]) / p.count[0]
