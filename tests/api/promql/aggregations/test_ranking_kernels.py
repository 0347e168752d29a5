"""Quantiles and ranks by the plain definition."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.aggregations.ranking_kernels import quantile_of, select_rank
from tests.twins.promql.vectors import naive_quantile


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(width=16), min_size=1, max_size=9),
    st.floats(0, 1) | st.sampled_from([-0.5, 1.5, math.nan]),
)
def test_quantile_of(values: list[float], q: float) -> None:
    got, expected = quantile_of(np.array(values), q), naive_quantile(values, q)
    assert got == expected or (math.isnan(got) and math.isnan(expected))


def test_quantile_of_nothing() -> None:
    assert math.isnan(quantile_of(np.zeros(0), 0.5))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 11))
def test_select_rank(values: list[int], rank: int) -> None:
    rank %= len(values)
    array = np.array(values, np.float64)
    assert select_rank(array, rank) == sorted(values)[rank]
    assert array[:rank].max(initial=-1) <= array[rank] <= array[rank:].min()
