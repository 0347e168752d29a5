"""The range functions against their plain Python twins, and the edges that rules are about."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.errors import ExecutionError
from api.promql.ranges.table import over
from api.promql.ranges.windows import Windows
from storage.kernels.arrays import Bools, Float64s
from storage.samples.samples import Samples
from tests.makers.memory_store import float_samples_of
from tests.twins.promql import ranges as naive
from tests.twins.promql.ranges import Window

RANGE_MS = 100

# Values whose sums and squares stay finite, and those that the rules single out.
PLAIN = st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float)
ODD = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1e308, -1e308])


def series(values: st.SearchStrategy[float]) -> st.SearchStrategy[Window]:
    times = st.lists(st.integers(0, 400), unique=True, max_size=12).map(sorted)
    return times.flatmap(
        lambda ts: st.lists(values, min_size=len(ts), max_size=len(ts)).map(
            lambda vs: list(zip(ts, vs, strict=True))
        )
    )


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b


def cells_over(
    name: str, samples: Samples, windows: Windows, params: list[Float64s]
) -> tuple[Float64s, Bools]:
    result = over(name, samples, windows, params)
    assert result.natives is None and not result.notes
    return result.values, result.present


def check(name: str, all_series: list[Window], ends: list[int]) -> None:
    windows = Windows(np.array(ends), np.array(ends), RANGE_MS)
    values, present = cells_over(name, float_samples_of(all_series), windows, [])
    for i, one in enumerate(all_series):
        for k, end in enumerate(ends):
            window = naive.window_of(one, end, RANGE_MS)
            expected = naive.FUNCTIONS[name](window, end, RANGE_MS)
            got = values[i, k] if present[i, k] else None
            if expected is None or got is None:
                assert got is expected, (name, window, end)
            else:
                assert same(got, expected), (name, window, end, got, expected)


ENDS = st.lists(st.integers(-50, 500), max_size=6).map(sorted)


@pytest.mark.parametrize("name", sorted(naive.FUNCTIONS))
@settings(max_examples=40, deadline=None)
@given(all_series=st.lists(series(PLAIN), max_size=4), ends=ENDS)
def test_function_equals_its_twin(name: str, all_series: list[Window], ends: list[int]) -> None:
    check(name, all_series, ends)


FINITE_ONLY = {"deriv", "stddev_over_time", "stdvar_over_time"}


@pytest.mark.parametrize("name", sorted(set(naive.FUNCTIONS) - FINITE_ONLY))
@settings(max_examples=40, deadline=None)
@given(all_series=st.lists(series(ODD), max_size=3), ends=ENDS)
def test_function_equals_its_twin_on_odd_values(
    name: str, all_series: list[Window], ends: list[int]
) -> None:
    check(name, all_series, ends)


@settings(max_examples=60, deadline=None)
@given(
    one=series(PLAIN | ODD),
    ends=ENDS,
    q=st.floats(-0.5, 1.5) | st.sampled_from([math.nan, 0.0, 1.0, 0.5]),
)
def test_quantile_equals_its_twin(one: Window, ends: list[int], q: float) -> None:
    windows = Windows(np.array(ends), np.array(ends), RANGE_MS)
    qs = np.full(len(ends), q)
    values, present = cells_over("quantile_over_time", float_samples_of([one]), windows, [qs])
    for k, end in enumerate(ends):
        window = naive.window_of(one, end, RANGE_MS)
        assert present[0, k] == bool(window)
        if window:
            assert same(values[0, k], naive.quantile(q, naive.values_of(window)))


@settings(max_examples=60, deadline=None)
@given(one=series(PLAIN), ends=ENDS, ahead=st.integers(-100, 100).map(float))
def test_prediction_equals_its_twin(one: Window, ends: list[int], ahead: float) -> None:
    steps = np.array([end + 7 for end in ends], np.int64)
    windows = Windows(steps, np.array(ends, np.int64), RANGE_MS)
    params = [np.full(len(ends), ahead)]
    values, present = cells_over("predict_linear", float_samples_of([one]), windows, params)
    for k, end in enumerate(ends):
        line = naive.regression(naive.window_of(one, end, RANGE_MS), int(steps[k]))
        assert present[0, k] == (line is not None)
        if line is not None:
            assert same(values[0, k], line[0] * ahead + line[1])


@settings(max_examples=60, deadline=None)
@given(one=series(PLAIN), ends=ENDS)
def test_smoothing_equals_its_twin(one: Window, ends: list[int]) -> None:
    windows = Windows(np.array(ends), np.array(ends), RANGE_MS)
    params = [np.full(len(ends), 0.3), np.full(len(ends), 0.7)]
    name = "double_exponential_smoothing"
    values, present = cells_over(name, float_samples_of([one]), windows, params)
    for k, end in enumerate(ends):
        expected = naive.smoothed(naive.window_of(one, end, RANGE_MS), 0.3, 0.7)
        assert present[0, k] == (expected is not None)
        if expected is not None:
            assert same(values[0, k], expected)


@pytest.mark.parametrize("factors", [(0.0, 0.5), (1.0, 0.5), (0.5, 0.0), (0.5, 1.0)])
def test_smoothing_refuses_factors_outside_0_and_1(factors: tuple[float, float]) -> None:
    windows = Windows(np.array([50]), np.array([50]), RANGE_MS)
    params = [np.array([factor]) for factor in factors]
    samples = float_samples_of([[(1, 1.0), (2, 2.0)]])
    with pytest.raises(ExecutionError, match="Expected: 0 < [st]f < 1"):
        over("double_exponential_smoothing", samples, windows, params)


@pytest.mark.parametrize(
    ("name", "one", "end", "expected"),
    [
        ("count_over_time", [(0, 1.0), (100, 2.0)], 100, 1.0),  # left-open
        ("sum_over_time", [(1, 1e100), (2, 1.0), (3, -1e100)], 3, 1.0),  # compensated
        ("avg_over_time", [(1, 1e308), (2, 1e308)], 2, 1e308),  # no overflow
        ("max_over_time", [(1, math.nan), (2, -1.0)], 2, -1.0),
        ("ts_of_max_over_time", [(1000, 5.0), (1010, 5.0)], 1050, 1.01),  # the last tie
        ("changes", [(1, math.nan), (2, math.nan), (3, 1.0)], 3, 1.0),
        ("resets", [(1, 3.0), (2, math.nan), (3, 1.0)], 3, 0.0),
        ("irate", [(0, 5.0), (50, 2.0)], 60, 40.0),
        ("deriv", [(1, 2.0), (2, 2.0)], 2, 0.0),
    ],
)
def test_rule(name: str, one: Window, end: int, expected: float) -> None:
    windows = Windows(np.array([end]), np.array([end]), RANGE_MS)
    values, present = cells_over(name, float_samples_of([one]), windows, [])
    assert present.all()
    assert values[0, 0] == pytest.approx(expected, rel=1e-12)
