"""The plain twin of `</` and `>/`: a histogram without the observations above or below a bound."""

from __future__ import annotations

import math
from copy import deepcopy

from tests.twins.promql.native_histograms import Plain
from tests.twins.promql.native_values import limits_of, log_below, zero_limits

# The count that stays of a bucket, and where its observations are taken to be.
Kept = tuple[float, float]
NOTHING: Kept = (0.0, 0.0)


def trimmed(p: Plain, bound: float, *, below: bool) -> Plain:
    """below: what is below the bound stays. Untouched histograms keep their count and sum."""
    out, kept = deepcopy(p), []
    for sign, own, side in zip((1, -1), p.sides, out.sides, strict=True):
        for index, (count, _) in sorted(own.items()):
            lower, upper = limits_of(p, index) if sign > 0 else minus(limits_of(p, index))
            kept.append((count, stays(count, (lower, upper), bound, below, p.custom)))
            side[index] = [kept[-1][1][0], 0.0]
            if side[index][0] == 0:
                del side[index]
    if p.zero[0] > 0:
        lower, upper = zero_limits(p, -p.threshold, p.threshold)
        kept.append((p.zero[0], of_zero(p.zero[0], (lower, upper), bound, below)))
        out.zero = [kept[-1][1][0], 0.0]
    if any(before != after for before, (after, _) in kept):
        out.count = [sum(count for _, (count, _) in kept), 0.0]
        out.sum = [sum(count * place for _, (count, place) in kept if count != 0), 0.0]
    return out


def minus(limits: tuple[float, float]) -> tuple[float, float]:
    return -limits[1], -limits[0]


def middle(lower: float, upper: float, linear: bool) -> float:
    if lower == -math.inf:
        if upper == math.inf:
            return 0.0
        return upper if upper <= 0 else upper / 2
    if upper == math.inf:
        return lower
    if linear:
        return (lower + upper) / 2
    return math.copysign(math.sqrt(lower * upper), upper if upper > 0 else -1.0)


def stays(
    count: float, limits: tuple[float, float], bound: float, below: bool, linear: bool
) -> Kept:
    lower, upper = limits
    if (below and upper <= bound) or (not below and lower >= bound):
        return count, middle(lower, upper, linear)
    if not lower < bound < upper:
        # Of an endless bucket a bound at its end is inside; of a NaN bound nothing stays.
        return NOTHING
    if upper == math.inf:
        return NOTHING if below or lower == -math.inf else (count, bound)
    if lower == -math.inf:
        return of_first(count, upper, bound, below)
    share = (bound - lower) / (upper - lower) if linear else log_below(bound, lower, upper)
    if below:
        return count * share, middle(lower, bound, linear)
    return count - count * share, middle(bound, upper, linear)


def of_first(count: float, upper: float, bound: float, below: bool) -> Kept:
    """Of the endless first bucket: above zero it is taken to begin there."""
    if upper <= 0:
        return (count, bound) if below else NOTHING
    if below:
        return (count * bound / upper, bound / 2) if bound > 0 else NOTHING
    return (count * (1 - bound / upper), (bound + upper) / 2) if bound >= 0 else NOTHING


def of_zero(count: float, limits: tuple[float, float], bound: float, below: bool) -> Kept:
    """A NaN bound is neither below nor above the bucket around zero, and makes it NaN."""
    lower, upper = limits
    if bound >= upper:
        return (count, (lower + upper) / 2) if below else NOTHING
    if bound <= lower:
        return NOTHING if below else (count, (lower + upper) / 2)
    start, end = (lower, bound) if below else (bound, upper)
    return count * ((end - start) / (upper - lower)), (start + end) / 2
