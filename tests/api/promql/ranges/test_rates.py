"""The stretching of differences to their windows; test_over_time compares rates with a twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.ranges.rates import find_resets, rate_windows, rates_of_edges, stretched
from storage.samples.edges import EdgeRoom, WindowGrid
from storage.samples.samples import Samples


@pytest.mark.parametrize(
    ("before", "sampled", "after", "distances", "expected"),
    [
        (0, 100, 0, 2, 1.0),  # samples at both edges
        (10, 90, 0, 2, 100 / 90),  # near enough to be stretched to the edge
        (60, 40, 0, 2, 50 / 40),  # too far: half a distance of 20
        (0, 40, 60, 2, 50 / 40),
        (45, 55, 0, 1, 100 / 55),
        (50, 10, 40, 1, (10 + 5 + 5) / 10),
    ],
)
def test_a_gauge_is_stretched_to_near_edges(
    before: int, sampled: int, after: int, distances: int, expected: float
) -> None:
    got = stretched(False, 1.0, 1.0, before, sampled, after, distances)
    assert got == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "change", "expected"),
    [
        (1.0, 20.0, 21 / 20),  # zero would have been one second before
        (0.0, 20.0, 1.0),
        (20.0, 20.0, 30 / 20),
        (-1.0, 20.0, 30 / 20),
        (1.0, 0.0, 30 / 20),
        (1.0, -20.0, 30 / 20),
        (1.0, float("nan"), 30 / 20),
    ],
)
def test_a_counter_is_not_stretched_to_before_zero(
    first: float, change: float, expected: float
) -> None:
    assert stretched(False, first, change, 10_000, 20_000, 0, 2) == pytest.approx(30 / 20)
    assert stretched(True, first, change, 10_000, 20_000, 0, 2) == pytest.approx(expected)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan"), float("inf")]), max_size=20))
def test_resets_are_the_places_of_falls(values: list[float]) -> None:
    resets = np.empty(len(values), np.int64)
    count = find_resets(np.array(values, float), resets)
    expected = [i for i in range(1, len(values)) if values[i] < values[i - 1]]
    assert resets[:count].tolist() == expected


def test_windows_without_two_samples_are_absent() -> None:
    ends = np.array([0, 10, 20, 30, 60], np.int64)
    out, present = np.empty((2, 5)), np.zeros((2, 5), np.bool_)
    offsets, times = np.array([0, 0, 3]), np.array([5, 15, 25])
    rate_windows(True, True, offsets, times, np.array([1.0, 2.0, 4.0]), ends, 20, out, present)
    assert present.tolist() == [[False] * 5, [False, False, True, True, False]]
    # 1 in 10 ms, stretched to both edges: the counter would have been zero 10 ms before.
    assert out[1, 2] == pytest.approx(1 * 2.0 / 0.02)


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(0, 200), st.sampled_from([0.0, 1.0, 2.5, -1.0, float("nan")])),
    st.integers(1, 90),
    st.booleans(),
    st.booleans(),
)
def test_rates_of_edges_are_those_of_samples(
    points: dict[int, float], range_ms: int, is_counter: bool, is_rate: bool
) -> None:
    ends = np.arange(0, 260, 20)
    times = np.array(sorted(points), np.int64)
    values = np.array([points[t] for t in sorted(points)], float)
    samples = Samples(np.array([0, len(times)]), times, values)
    room = EdgeRoom(1, len(times), WindowGrid(ends, range_ms, is_counter, (-99, 999)))
    assert room.take(samples)
    edges, kinds, window = room.closed(), (is_counter, is_rate), (ends, range_ms)
    found, expected = ((np.zeros((1, 13)), np.zeros((1, 13), np.bool_)) for _ in range(2))
    columns = edges.counts, edges.first_ms, edges.last_ms, edges.first, edges.change
    rates_of_edges(*kinds, *columns, *window, *found)
    rate_windows(*kinds, samples.offsets, times, values, *window, *expected)
    assert found[1].tolist() == expected[1].tolist()
    assert found[0][found[1]].tobytes() == expected[0][expected[1]].tobytes()
