"""What there is to say of NaN observations, which are counted but in no bucket."""

from __future__ import annotations

import math

from tests.twins.promql.native_histograms import Plain
from tests.twins.promql.native_values import lines_of


def is_nan_excluded(p: Plain) -> bool:
    """Whether there are observations in no bucket, which are NaN."""
    known = 0.0
    for _, _, count in lines_of(p):
        known += count
    return math.isnan(p.sum[0]) and p.count[0] != 0 and known < p.count[0]


def nan_note(p: Plain, q: float) -> str:
    """What there is to say of NaN observations beside a quantile."""
    total, seen = p.count[0], 0.0
    if not 0 <= q <= 1 or total == 0 or not math.isnan(p.sum[0]):
        return ""
    waiting, lower, upper = lines_of(p), 0.0, 0.0
    while waiting:
        lower, upper, count = waiting.pop(0)
        seen += count
        if seen >= q * total:
            break
    if p.custom and (
        (lower == -math.inf and upper <= 0) or (lower > -math.inf and upper == math.inf)
    ):
        return ""
    seen = min(seen, total)
    if seen < q * total:
        return "result is NaN"
    for _, _, count in waiting:
        seen += count
    return "result is skewed higher" if seen < total else ""
