"""Start timestamps: which samples begin anew, and rates that know when a counter was zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.ranges.rates import rate_windows
from api.promql.ranges.starts import find_new_starts, started_rate_windows

RANGE_MS = 100_000
MINUTE = 60_000


def new_starts(times: list[int], starts: list[int]) -> tuple[list[bool], list[bool]]:
    anew, overlap = np.zeros(len(times), np.bool_), np.zeros(len(times), np.bool_)
    offsets = np.array([0, len(times)])
    find_new_starts(offsets, np.array(times), np.array(starts), anew, overlap)
    return anew.tolist(), overlap.tolist()


@pytest.mark.parametrize(
    ("starts", "anew", "overlaps"),
    [
        ((0, 0), False, False),
        ((5, 5), False, False),  # one unbroken series
        ((5, 10), True, False),  # a delta that begins where the one before ended
        ((5, 15), True, False),
        ((5, 20), False, False),  # a start that is no earlier than the sample tells nothing
        ((5, 25), False, False),
        ((0, 10), False, False),  # an unknown start, which the first sample's time stands for
        ((10, 10), False, False),
        ((12, 10), False, False),
        ((5, 7), False, True),
        ((5, 3), False, True),
        ((0, 7), False, False),
    ],
)
def test_a_sample_begins_anew(starts: tuple[int, int], *, anew: bool, overlaps: bool) -> None:
    assert new_starts([10, 20], list(starts)) == ([False, anew], [False, overlaps])


def rate_of(
    times: list[int], values: list[float], starts: list[int], end: int, *, is_rate: bool = False
) -> float | None:
    out, present = np.zeros((1, 1)), np.zeros((1, 1), np.bool_)
    overlapping = np.zeros((1, 1), np.bool_)
    started_rate_windows(
        is_rate,
        np.array([0, len(times)]),
        np.array(times, np.int64),
        np.array(values),
        np.array(starts, np.int64),
        np.array([end], np.int64),
        RANGE_MS,
        out,
        present,
        overlapping,
    )
    return float(out[0, 0]) if present[0, 0] else None


@pytest.mark.parametrize(
    ("times", "values", "starts", "expected"),
    [
        ([50_000], [3.0], [0], None),
        ([50_000], [3.0], [20_000], 3.0),  # nothing is stretched from one sample
        ([50_000], [3.0], [50_000], None),
        ([50_000], [3.0], [-1], None),  # before the window
        ([40_000, 80_000], [2.0, 6.0], [20_000, 20_000], 6.0 * 80 / 60),
        ([40_000, 100_000], [2.0, 1.0], [20_000, 70_000], 3.0),
        ([40_000, 100_000], [2.0, 5.0], [20_000, 70_000], 7.0),  # anew without a fall
    ],
)
def test_a_start_within_the_window_is_a_zero(
    times: list[int], values: list[float], starts: list[int], expected: float | None
) -> None:
    got = rate_of(times, values, starts, RANGE_MS)
    assert got == (expected if expected is None else pytest.approx(expected))
    per_second = rate_of(times, values, starts, RANGE_MS, is_rate=True)
    if expected is not None:
        assert per_second == pytest.approx(expected / 100)


@settings(max_examples=150, deadline=None)
@given(
    samples=st.dictionaries(
        st.integers(0, 30), st.sampled_from([0.0, 1.0, 2.5, 7.0, float("nan")]), max_size=10
    ),
    ends=st.lists(st.integers(0, 40), max_size=5).map(sorted),
    is_rate=st.booleans(),
)
def test_without_starts_it_is_the_plain_rate(
    samples: dict[int, float], ends: list[int], *, is_rate: bool
) -> None:
    times = np.array(sorted(samples), np.int64) * 10_000
    values = np.array([samples[t // 10_000] for t in times.tolist()])
    offsets, steps = np.array([0, len(times)]), np.array(ends, np.int64) * 10_000
    shape = (1, len(ends))
    out, present = np.zeros(shape), np.zeros(shape, np.bool_)
    rate_windows(True, is_rate, offsets, times, values, steps, RANGE_MS, out, present)
    got, there = np.zeros(shape), np.zeros(shape, np.bool_)
    overlapping = np.zeros(shape, np.bool_)
    starts = np.zeros(len(times), np.int64)
    started_rate_windows(
        is_rate, offsets, times, values, starts, steps, RANGE_MS, got, there, overlapping
    )
    assert there.tolist() == present.tolist() and not overlapping.any()
    np.testing.assert_array_equal(got[there], out[present])


def test_a_window_with_an_overlap_is_told() -> None:
    shape = (1, 3)
    out, present, overlapping = np.zeros(shape), np.zeros(shape, bool), np.zeros(shape, bool)
    times, ends = np.array([10, 20, 30, 40]), np.array([20, 30, 140])
    starts = np.array([1, 1, 15, 15])
    started_rate_windows(
        False, np.array([0, 4]), times, np.ones(4), starts, ends, 100, out, present, overlapping
    )
    assert overlapping.tolist() == [[False, True, False]]
