"""Quantiles and fractions of buckets against their twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.functions import classic_kernels as kernels
from tests.twins.promql.classic_histograms import (
    naive_almost_equal,
    naive_bucket_fraction,
    naive_bucket_quantile,
)
from tests.twins.promql.vectors import show

INF, NAN = math.inf, math.nan
BUCKETS = st.lists(
    st.tuples(
        st.sampled_from([-1.0, 0.0, 0.1, 1.0, 5.0, INF, INF]),
        st.sampled_from([0.0, 1.0, 1.0 + 1e-13, 3.0, 4.5, 10.0, NAN]) | st.integers(0, 20),
    ),
    min_size=1,
    max_size=8,
)
BOUNDS = st.sampled_from([-INF, -2.0, 0.0, 0.05, 0.1, 2.0, 7.0, INF, NAN])


def arrays(buckets: list[tuple[float, float]]) -> tuple[np.ndarray, ...]:
    """rows, offsets, bounds, values and presence of one histogram at one step."""
    bounds = np.array([bound for bound, _ in buckets])
    rows = np.argsort(bounds, kind="stable").astype(np.int64)
    values = np.array([[float(count)] for _, count in buckets])
    return rows, np.array([0, len(rows)]), bounds, values, np.ones(values.shape, np.bool_)


@settings(max_examples=400, deadline=None)
@given(BUCKETS, st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0, -0.1, 1.1, NAN]))
def test_quantiles(buckets: list[tuple[float, float]], q: float) -> None:
    got, *_ = kernels.group_quantiles_of_buckets(*arrays(buckets), np.array([q]), np.array([True]))
    if any(math.isnan(count) for _, count in buckets):
        return  # the order of a search among NaN is nobody's promise
    assert show(got[0, 0]) == show(naive_bucket_quantile(q, buckets))


@settings(max_examples=400, deadline=None)
@given(BUCKETS.filter(lambda b: not any(math.isnan(c) for _, c in b)), BOUNDS, BOUNDS)
def test_fractions(buckets: list[tuple[float, float]], lower: float, upper: float) -> None:
    got, _ = kernels.group_fractions(*arrays(buckets), np.array([lower]), np.array([upper]))
    assert show(got[0, 0]) == show(naive_bucket_fraction(lower, upper, buckets))


def test_repairs_are_told() -> None:
    bounds = np.array([1.0, 2.0, 3.0, 4.0, INF])
    values = np.array([[10.0, 5.0], [8.0, 5.0 - 1e-13], [7.0, 6.0], [12.0, 7.0], [11.0, 8.0]])
    present = np.ones(values.shape, np.bool_)
    rows, offsets = np.arange(5), np.array([0, 5])
    quantiles = np.array([0.5, 0.5])
    for noted, expected in (
        ([True, True], (1, [2.0, INF, 3.0, 0.0, 0.0])),
        ([False, True], (0, [INF, -INF, 0.0, 0.0, 0.0])),
    ):
        _, _, repairs, repaired = kernels.group_quantiles_of_buckets(
            rows, offsets, bounds, values, present, quantiles, np.array(noted)
        )
        assert (repaired[0], repairs[0].tolist()) == expected


@pytest.mark.parametrize(
    ("a", "b"), [(1.0, 1.0), (1.0, 1.0 + 1e-13), (0.0, 1e-300), (0.0, 0.0), (1.0, 2.0), (1, 1.0001)]
)
def test_almost_equal(a: float, b: float) -> None:
    assert kernels.almost_equal(a, b, 1e-12) == naive_almost_equal(a, b)
