"""Edges of windows are those of all samples of a series, however they come in pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.stale import STALE_NAN
from storage.samples.edges import EdgeRoom, WindowGrid
from storage.samples.samples import Samples
from tests.twins.storage.edges import Point, Window, window_edges

points = st.dictionaries(
    st.integers(-20, 60), st.sampled_from([0.0, -0.0, 1.0, 2.5, 7.0, 0.1, np.inf, np.nan])
).map(lambda found: sorted(found.items()))
series_lists = st.lists(points, min_size=1, max_size=3)
grids = st.tuples(
    st.lists(st.integers(-30, 70), min_size=1, max_size=6).map(sorted),
    st.integers(1, 40),
    st.booleans(),
    st.tuples(st.integers(-25, 20), st.integers(15, 65)),
)


def samples_of(series: list[list[Point]]) -> Samples:
    ends = np.cumsum([0, *map(len, series)])
    times = [t for own in series for t, _ in own]
    return Samples(
        ends, np.array(times, np.int64), np.array([v for o in series for _, v in o], float)
    )


def room_of(series: list[list[Point]], grid: WindowGrid) -> EdgeRoom:
    return EdgeRoom(len(series), sum(map(len, series)), grid)


def found_in(room: EdgeRoom) -> list[list[Window]]:
    edges = room.closed()
    columns = edges.counts, edges.first_ms, edges.last_ms, edges.first, edges.change
    found = []
    for i in range(len(edges.counts)):
        rows = list(zip(*[column[i].tolist() for column in columns], strict=True))
        found.append([row if row[0] else None for row in rows])
    return found


@settings(deadline=None)
@given(series_lists, grids, st.lists(st.integers(-20, 60), max_size=3).map(sorted))
def test_edges_of_pieces(
    series: list[list[Point]],
    given_grid: tuple[list[int], int, bool, tuple[int, int]],
    cuts: list[int],
) -> None:
    ends, range_ms, is_counter, span = given_grid
    grid = WindowGrid(np.array(ends, np.int64), range_ms, is_counter, span)
    room = room_of(series, grid)
    for low, high in zip([-100, *cuts], [*cuts, 100], strict=True):
        pieces = [[p for p in own if low <= p[0] < high] for own in series]
        assert room.take(samples_of(pieces))
    seen = [[p for p in own if span[0] <= p[0] <= span[1]] for own in series]
    expected = [window_edges(own, ends, range_ms, is_counter) for own in seen]
    assert repr(found_in(room)) == repr(expected)


def test_samples_are_counted() -> None:
    grid = WindowGrid(np.array([5]), 5, True, (2, 9))
    room = room_of([[], []], grid)
    assert room.take(samples_of([[(1, 1.0), (2, 1.0), (9, 1.0)], [(10, 1.0)]]))
    assert room.closed().samples == 2


@pytest.mark.parametrize("piece", [[(3, 1.0)], [(2, 1.0), (9, 1.0)], [(5, STALE_NAN)]])
def test_what_cannot_be_taken(piece: list[Point]) -> None:
    """A sample that is not after those before, and a stale marker."""
    grid = WindowGrid(np.array([5]), 5, True, (0, 99))
    room = EdgeRoom(1, 9, grid)
    assert room.take(samples_of([[(1, 1.0), (3, 2.0)]]))
    assert not room.take(samples_of([piece]))
