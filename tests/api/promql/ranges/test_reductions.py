"""The arithmetic of single windows; test_floats has the twins of whole functions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.ranges import reductions
from tests.twins.promql import ranges as naive

FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_sum_equals_its_twin(values: list[float]) -> None:
    window = list(enumerate(values))
    expected = naive.total(window)
    got = reductions.sum_of(np.array(values, float), 0, len(values))
    assert same(got, 0.0 if expected is None else expected)


def test_sum_keeps_what_rounding_loses() -> None:
    assert reductions.sum_of(np.array([1.0, 1e100, 1.0, -1e100]), 0, 4) == 2.0


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([5.0], 5.0),
        ([1e308, 1e308, 1e308], 1e308),
        ([-1.7e308, -1.7e308], -1.7e308),
        ([math.inf, 1.0], math.inf),
        ([math.inf, -math.inf], math.nan),
        ([1.0, math.nan], math.nan),
    ],
)
def test_mean_does_not_overflow(values: list[float], mean: float) -> None:
    got = reductions.mean_of(np.array(values), 0, len(values))
    assert same(got, mean) or got == pytest.approx(mean)


@given(st.lists(FLOATS, max_size=20))
def test_numbers_are_sorted_with_nan_first(values: list[float]) -> None:
    array = np.array(values, float)
    reductions.sort_numbers(array)
    nans = sum(map(math.isnan, values))
    assert np.isnan(array[:nans]).all()
    assert array[nans:].tolist() == sorted(v for v in values if not math.isnan(v))


@given(
    st.lists(st.floats(-1e9, 1e9) | st.just(math.nan), max_size=20),
    st.floats(-0.5, 1.5) | st.just(math.nan),
)
def test_quantile_equals_its_twin(values: list[float], q: float) -> None:
    array = np.array(values, float)
    reductions.sort_numbers(array)
    assert same(reductions.quantile_of(q, array, len(array)), naive.quantile(q, values))
