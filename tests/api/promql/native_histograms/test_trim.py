"""Native histograms cut off at a bound."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.native_histograms import arithmetic as native
from api.promql.native_histograms.values import fractions
from storage.histograms.columns import CUSTOM_SCHEMA, Histograms
from storage.histograms.histograms import Parts, from_parts, parts_of
from tests.makers.promql.histograms import exponential, flat, parts
from tests.twins.promql.native_histograms import Plain, plain_of
from tests.twins.promql.native_values import limits_of, log_below

BOTH = Parts(
    0,
    34.0,
    123.75,
    0.001,
    1.0,
    [(0, 2), (1, 4), (2, 8), (3, 16)],
    [(0, 1), (1, 2)],
)
RIGHT = Parts(0, 12.0, 8.0210678118654755, 0.5, 2.0, [(0, 10)])
LEFT = Parts(0, 12.0, -8.0210678118654755, 0.5, 2.0, (), [(0, 10)])
ZERO = Parts(0, 5.0, 0.0, 0.1, 5.0)
FIVE = [(0, 1), (1, 6), (2, 4), (3, 3), (4, 1)]
CUSTOM = Parts(CUSTOM_SCHEMA, 15.0, 172.5, positive=FIVE, bounds=[5, 10, 15, 20])
LOW = Parts(CUSTOM_SCHEMA, 101.0, 33.0, positive=[(0, 1), (1, 100)], bounds=[-5])
HIGH = Parts(CUSTOM_SCHEMA, 101.0, 33.0, positive=[(0, 1), (1, 100)], bounds=[5])
WHOLE = Parts(CUSTOM_SCHEMA, 100.0, 100.0, positive=[(0, 100)])
INF = math.inf


def trimmed(p: Parts, bound: float, keep_below: bool) -> Histograms:
    trim = native.trim_upper if keep_below else native.trim_lower
    return trim(from_parts([Parts(), p]), np.array([1]), np.array([bound]))


@pytest.mark.parametrize(
    ("p", "op", "bound", "count", "total"),
    [
        (BOTH, "</", INF, 34, 123.75),
        (BOTH, ">/", INF, 0, 0),
        (BOTH, ">/", 0, 30.5, 120.20840280171308),
        (BOTH, "</", 0, 3.5, -3.53578390593273768),
        (BOTH, "</", 1.4142135624, 8, 0.2570938865989847),
        (BOTH, ">/", -1, 32, 119.50104602052653),
        (RIGHT, ">/", 0.1, 11.6, 7.551067811865476),
        (RIGHT, ">/", 0, 12, 8.0210678118654755),
        (RIGHT, "</", 0.1, 0.4, 0.02),
        (RIGHT, "</", 0, 0, 0),
        (LEFT, "</", -0.1, 11.6, -7.551067811865476),
        (LEFT, ">/", -0.5, 2, -0.5),
        (ZERO, "</", 0.05, 3.75, -0.09375),
        (ZERO, ">/", -0.1, 5, 0),
        (CUSTOM, "</", 13, 9.4, 75.1),
        (CUSTOM, ">/", 13, 5.6, 94.9),
        (CUSTOM, "</", 50, 14, 150.0),
        (CUSTOM, ">/", 0, 15, 172.5),
        (CUSTOM, "</", 0, 0, 0),
        (CUSTOM, "</", -INF, 0, 0),
        (LOW, "</", -2, 1, -5),
        (LOW, "</", -10, 1, -10),
        (LOW, ">/", -10, 100, -500),
        (LOW, ">/", -2, 100, -200),
        (LOW, ">/", -INF, 101, 33),
        (HIGH, "</", 2, 0.4, 0.4),
        (HIGH, ">/", 2, 100.6, 502.1),
        (HIGH, ">/", -10, 100, 500),
        (HIGH, ">/", 10, 100, 1000),
        (HIGH, ">/", INF, 0, 0),
        (WHOLE, "</", 10, 0, 0),
        (WHOLE, ">/", 10, 0, 0),
        (WHOLE, "</", INF, 100, 100),
        (WHOLE, ">/", -INF, 100, 100),
        (WHOLE, ">/", INF, 0, 0),
        (BOTH, "</", math.nan, math.nan, math.nan),
        (BOTH, ">/", math.nan, math.nan, math.nan),
        (ZERO, "</", math.nan, math.nan, math.nan),
        (replace(BOTH, zero_count=0.0), ">/", math.nan, 0, 0),
        (LOW, "</", math.nan, 0, 0),
        (HIGH, ">/", math.nan, 0, 0),
        (WHOLE, ">/", math.nan, 0, 0),
    ],
)
def test_counts_and_sums(p: Parts, op: str, bound: float, count: float, total: float) -> None:
    h = trimmed(p, bound, op == "</")
    assert h.counts[0] == pytest.approx(count, rel=1e-9, nan_ok=True)
    assert h.sums[0] == pytest.approx(total, rel=1e-9, nan_ok=True)


def test_a_bucket_is_cut_in_the_order_of_prometheus() -> None:
    """What stays above a bound is the count less what lies below it, to the last bit."""
    p = Parts(CUSTOM_SCHEMA, 3.1, 1.0, positive=[(1, 3.1)], bounds=[0.1, 0.7])
    low, high = (parts_of(trimmed(p, 0.3, keep), 0).positive[0][1] for keep in (True, False))
    assert low == 3.1 * ((0.3 - 0.1) / (0.7 - 0.1))
    assert high == 3.1 - low
    first = Parts(CUSTOM_SCHEMA, 3.1, 1.0, positive=[(0, 3.1)], bounds=[0.7])
    assert parts_of(trimmed(first, 0.3, True), 0).positive[0][1] == 3.1 * 0.3 / 0.7
    assert parts_of(trimmed(first, 0.3, False), 0).positive[0][1] == 3.1 * (1 - 0.3 / 0.7)


BOUND = st.one_of(st.floats(-30, 30), st.sampled_from([0.0, 1.0, -1.0, 0.001]))


def cut(p: Plain, bound: float, keep_below: bool) -> dict[tuple[int, int], float]:
    """What stays of each exponential bucket, by side and index."""
    kept = {}
    for sign, side in ((1, p.positive), (-1, p.negative)):
        for index, (count, _) in side.items():
            lower, upper = sorted(sign * limit for limit in limits_of(p, index))
            low = count if upper <= bound else 0.0
            if lower < bound < upper:
                low = count * log_below(bound, lower, upper)
            kept[sign, index] = low if keep_below else count - low
    return kept


@given(exponential(), BOUND, st.booleans())
def test_exponential_buckets_are_cut(p: Parts, bound: float, keep_below: bool) -> None:
    got = parts_of(trimmed(p, bound, keep_below), 0)
    wanted = cut(plain_of(p), bound, keep_below)
    own = {(1, i): c for i, c in got.positive} | {(-1, i): c for i, c in got.negative}
    for key, count in wanted.items():
        assert own.get(key, 0.0) == pytest.approx(count, rel=1e-9, abs=0.0)


@given(parts(), BOUND)
def test_both_sides_make_the_whole(p: Parts, bound: float) -> None:
    low, high = (parts_of(trimmed(p, bound, keep), 0) for keep in (True, False))
    assert low.zero_count + high.zero_count >= p.zero_count * (1 - 1e-9)
    for part in (low, high):
        kept = part.zero_count + sum(c for _, c in (*part.positive, *part.negative))
        untouched = flat(part) == flat(parts_of(from_parts([p]), 0))
        assert untouched or part.count == pytest.approx(kept, rel=1e-9)


@pytest.mark.parametrize("bound", [-1.3, -0.0005, 0.0004, 0.7, 2.0, 11.0])
def test_what_stays_is_the_fraction(bound: float) -> None:
    h = trimmed(BOTH, bound, keep_below=True)
    edges = np.array([-INF]), np.array([bound])
    share = fractions(from_parts([BOTH]), np.array([0]), *edges)[0][0]
    assert h.counts[0] == pytest.approx(share * BOTH.count, rel=1e-12)
