"""Quantiles of sliding windows against quantiles of each window by itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.ranges.quantiles import MOVED_MAX, put_in, quantile_windows, take_out
from tests.twins.promql import ranges as naive

# Few distinct numbers, so that equal ones come and go; 0 and -0 are equal but not the same.
VALUES = st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0, math.nan, math.inf, -math.inf]) | st.floats()
ROWS = st.lists(st.lists(st.tuples(st.integers(1, 20), VALUES), max_size=25), max_size=3)


def quantiles(
    rows: list[naive.Window], ends: list[int], range_ms: int, q: float
) -> list[float | None]:
    """What the kernel gives, row by row; None where there is no window."""
    samples = [sample for row in rows for sample in row]
    offsets = np.cumsum([0] + [len(row) for row in rows])
    out, present = np.zeros((len(rows), len(ends))), np.zeros((len(rows), len(ends)), np.bool_)
    quantile_windows(
        offsets,
        np.array([t for t, _ in samples], np.int64),
        np.array([v for _, v in samples], np.float64),
        np.array(ends, np.int64),
        range_ms,
        np.full(len(ends), q),
        out,
        present,
    )
    return [
        value if there else None
        for value, there in zip(out.ravel().tolist(), present.ravel().tolist(), strict=True)
    ]


def expected(
    rows: list[naive.Window], ends: list[int], range_ms: int, q: float
) -> list[float | None]:
    windows = [naive.window_of(row, end, range_ms) for row in rows for end in ends]
    return [naive.quantile(q, naive.values_of(window)) if window else None for window in windows]


def assert_same(got: list[float | None], want: list[float | None]) -> None:
    assert [v is None for v in got] == [v is None for v in want]
    np.testing.assert_array_equal(np.array(got, float), np.array(want, float))


@settings(deadline=None)  # the first call may compile
@given(ROWS, st.integers(1, 60), st.integers(1, 40), st.floats(-0.1, 1.1) | st.just(math.nan))
def test_each_window_has_its_own_quantile(
    gaps: list[list[tuple[int, float]]], range_ms: int, step_ms: int, q: float
) -> None:
    rows = []
    for row in gaps:
        times = np.cumsum([gap for gap, _ in row], dtype=np.int64).tolist()
        rows.append(list(zip(times, [value for _, value in row], strict=True)))
    ends = list(range(0, 300, step_ms))
    got, want = quantiles(rows, ends, range_ms, q), expected(rows, ends, range_ms, q)
    assert_same(got, want)


@pytest.mark.parametrize("step", [1, 7, MOVED_MAX, MOVED_MAX + 1, 3 * MOVED_MAX])
def test_long_windows_are_the_same_moved_and_sorted(step: int) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(-50, 50, 1_000) / 8.0
    values[rng.random(1_000) < 0.05] = math.nan
    row = list(enumerate(values.tolist()))
    ends = list(range(0, 1_200, step))
    got = quantiles([row, row[::2]], ends, 2 * MOVED_MAX, 0.37)
    want = expected([row, row[::2]], ends, 2 * MOVED_MAX, 0.37)
    assert_same(got, want)


@given(st.lists(VALUES, min_size=1, max_size=20), st.data())
def test_an_ordered_copy_has_the_bits_of_what_is_in_it(
    values: list[float], data: st.DataObject
) -> None:
    values = [math.nan if math.isnan(v) else v for v in values]
    ordered = np.empty(len(values))
    for count, value in enumerate(values):
        put_in(ordered, count, value)
    gone = data.draw(st.sampled_from(values))
    take_out(ordered, len(values), gone)
    left = list(values)
    bits = [np.float64(v).view(np.uint64) for v in left]
    del left[bits.index(np.float64(gone).view(np.uint64))]
    assert sorted(ordered[:-1].view(np.uint64)) == sorted(np.array(left).view(np.uint64))
    numbers = [v for v in ordered[:-1].tolist() if not math.isnan(v)]
    assert ordered[:-1].tolist()[len(left) - len(numbers) :] == sorted(numbers)
