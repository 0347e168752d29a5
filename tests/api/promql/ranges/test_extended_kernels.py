"""The kernels of anchored and smoothed windows against their plain Python twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.ranges import extended_kernels as kernels
from api.promql.ranges.extended import Extension, extend_samples, smooth_cells
from api.promql.ranges.table import over
from api.promql.ranges.windows import Windows
from tests.makers.memory_store import float_samples_of
from tests.twins.promql import ranges as naive
from tests.twins.promql.ranges import Window

LOOKBACK_MS = 60
RANGE_MS = 100
VALUES = st.floats(-1e6, 1e6) | st.sampled_from(
    [0.0, 1.0, 1.0, 2.0, 5.0, math.nan, math.inf, -math.inf]
)
SERIES = st.dictionaries(st.integers(0, 400), VALUES, max_size=14).map(lambda d: sorted(d.items()))
ENDS = st.lists(st.integers(-80, 500), max_size=6).map(sorted)


def reach(one: Window, end: int, range_ms: int, *, smoothed: bool) -> Window:
    ahead = LOOKBACK_MS if smoothed else 0
    return [s for s in one if end - range_ms - LOOKBACK_MS < s[0] <= end + ahead]


def expected_cell(name: str, one: Window, end: int, *, smoothed: bool) -> float | None:
    window = reach(one, end, RANGE_MS, smoothed=smoothed)
    start = end - RANGE_MS
    if name in ("changes", "resets"):
        return naive.FUNCTIONS[name](naive.anchored(window, start), end, RANGE_MS)
    return naive.extended_change(
        window,
        start,
        end,
        smoothed=smoothed,
        counter=name != "delta",
        per_second=name == "rate",
    )


def assert_same(got: float | None, expected: float | None) -> None:
    if got is None or expected is None:
        assert got is expected, (got, expected)
    else:
        assert got == expected or (math.isnan(got) and math.isnan(expected)), (got, expected)


CASES = [
    *((name, False) for name in ("changes", "delta", "increase", "rate", "resets")),
    *((name, True) for name in ("delta", "increase", "rate")),
]


@pytest.mark.parametrize(("name", "smoothed"), CASES)
@settings(max_examples=120)
@given(all_series=st.lists(SERIES, max_size=3), ends=ENDS)
def test_function_equals_its_twin(
    name: str, smoothed: bool, all_series: list[Window], ends: list[int]
) -> None:
    windows = Windows(np.array(ends, np.int64), np.array(ends, np.int64), RANGE_MS)
    extension = Extension(LOOKBACK_MS, smoothed)
    result = over(name, float_samples_of(all_series), windows, [], extension)
    values, present = result.values, result.present
    for i, one in enumerate(all_series):
        for k, end in enumerate(ends):
            got = float(values[i, k]) if present[i, k] else None
            assert_same(got, expected_cell(name, one, end, smoothed=smoothed))


@settings(max_examples=150)
@given(all_series=st.lists(SERIES, max_size=3), times=ENDS)
def test_smooth_values_equal_their_twin(all_series: list[Window], times: list[int]) -> None:
    cells = smooth_cells(float_samples_of(all_series), np.array(times, np.int64), LOOKBACK_MS)
    values, present = cells.values, cells.present
    for i, one in enumerate(all_series):
        for k, time in enumerate(times):
            got = float(values[i, k]) if present[i, k] else None
            assert_same(got, naive.smoothed_value(one, time, LOOKBACK_MS))


@settings(max_examples=150)
@given(one=SERIES, end=st.integers(-80, 500), smoothed=st.booleans())
def test_extended_samples_equal_their_twin(one: Window, end: int, smoothed: bool) -> None:
    start = end - RANGE_MS
    got = extend_samples(float_samples_of([one]), end, RANGE_MS, Extension(LOOKBACK_MS, smoothed))
    window = reach(one, end, RANGE_MS, smoothed=smoothed)
    found = naive.edges(window, start, end, smoothed=smoothed, counter=False)
    expected = []
    if found is not None:
        left, right, inside = found
        expected = [(start, left), *inside, (end, right)]
    assert got.timestamps.tolist() == [t for t, _ in expected]
    for a, b in zip(got.values.tolist(), [v for _, v in expected], strict=True):
        assert_same(a, b)


@pytest.mark.parametrize(
    ("values", "is_counter", "expected"),
    [((10.0, 20.0), True, 15.0), ((10.0, 4.0), False, 7.0), ((10.0, 4.0), True, 2.0)],
)
def test_a_counter_that_falls_is_interpolated_from_zero(
    values: tuple[float, float], is_counter: bool, expected: float
) -> None:
    assert kernels.interpolate(0, values[0], 100, values[1], 50, is_counter) == expected


def test_a_window_of_no_length_has_no_change() -> None:
    windows = Windows(np.array([50]), np.array([50]), 0)
    samples = float_samples_of([[(40, 1.0), (60, 3.0)]])
    result = over("rate", samples, windows, [], Extension(LOOKBACK_MS, True))
    assert result.present.all() and result.values.tolist() == [[0.0]]
