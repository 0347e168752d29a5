"""Brute-force twins of quantiles and fractions of classic histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence


def naive_bucket_quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    """buckets: (bound, count), not in order."""
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    bounds, counts = naive_buckets(buckets)
    if bounds[-1] != math.inf:
        return math.nan
    highest = counts[0]
    for i in range(1, len(counts)):
        if naive_almost_equal(highest, counts[i]) or counts[i] < highest:
            counts[i] = highest
        else:
            highest = counts[i]
    if len(bounds) < 2 or counts[-1] == 0:
        return math.nan
    rank = q * counts[-1]
    at = next((i for i in range(len(bounds) - 1) if counts[i] >= rank), len(bounds) - 1)
    if at == len(bounds) - 1:
        return bounds[-2]
    if at == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[at - 1], counts[at - 1]) if at else (0.0, 0.0)
    return start + (bounds[at] - start) * divide(rank - below, counts[at] - below)


def naive_bucket_fraction(
    lower: float, upper: float, buckets: Sequence[tuple[float, float]]
) -> float:
    bounds, counts = naive_buckets(buckets)
    if bounds[-1] != math.inf or counts[-1] == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0

    def rank(value: float) -> float:
        start, below = 0.0 if bounds[0] > 0 else -math.inf, 0.0
        for bound, count in zip(bounds, counts, strict=True):
            if start >= value:
                return below
            if bound > value:
                if math.isinf(start):
                    return count
                return below + (count - below) * (value - start) / (bound - start)
            start, below = bound, count
        return counts[-1]

    ranks = [min(rank(value), counts[-1]) for value in (lower, upper)]
    return (ranks[1] - ranks[0]) / counts[-1]


def naive_buckets(buckets: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Ascending bounds and their counts; equal bounds are added up."""
    counts: dict[float, float] = {}
    for bound, count in sorted(buckets, key=lambda bucket: bucket[0]):
        counts[bound] = counts[bound] + count if bound in counts else count
    return list(counts), list(counts.values())


def divide(a: float, b: float) -> float:
    """IEEE 754 division."""
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def naive_almost_equal(a: float, b: float) -> bool:
    if a == b:
        return True
    if a == 0 or b == 0:
        return abs(a - b) < 1e-12 * 2.2250738585072014e-308
    return abs(a - b) / (abs(a) + abs(b)) < 1e-12
