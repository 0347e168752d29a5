"""Row groups that are kept decoded: rows are cut, copied and looked at where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.stale import STALE_NAN
from storage.samples.edges import EdgeRoom, WindowGrid
from storage.segments.encoding.groups import Group
from storage.segments.encoding.held import HeldGroups
from tests.twins.storage.edges import window_edges

ROWS = 24
TIMES = np.concatenate([np.arange(9) * 3, np.arange(ROWS - 9) * 2])
VALUES = np.random.default_rng(1).integers(0, 9, ROWS) / 4


def groups_of(bounds: list[tuple[int, int]]) -> HeldGroups:
    """Row groups of the rows [first, end), each an array of its own."""
    return HeldGroups(
        [(a, Group(TIMES[a:b].copy(), VALUES[a:b].copy().view(np.uint64))) for a, b in bounds]
    )


WHOLE = [(0, 5), (5, 6), (6, 15), (15, 24)]
runs = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(9, ROWS), st.integers(9, ROWS))


@settings(deadline=None)
@given(runs, st.integers(-1, 30), st.integers(-1, 30))
def test_rows_in_a_span(run: tuple[int, int, int, int], start: int, end: int) -> None:
    bounds = [(min(run[:2]), max(run[:2])), (min(run[2:]), max(run[2:]))]
    firsts, ends = (np.array([b[k] for b in bounds], np.int64) for k in range(2))
    low, high = groups_of(WHOLE).trim(firsts, ends, (start, end))
    for i, (a, b) in enumerate(bounds):
        expected = [k for k in range(a, b) if start <= TIMES[k] <= end]
        assert list(range(low[i], high[i])) == expected


@settings(deadline=None)
@given(runs)
def test_rows_are_copied_to_their_places(run: tuple[int, int, int, int]) -> None:
    bounds = [(min(run[:2]), max(run[:2])), (min(run[2:]), max(run[2:]))]
    firsts, ends = (np.array([b[k] for b in bounds], np.int64) for k in range(2))
    places = np.array([30, 1], np.int64)
    times, bits = np.full(60, -7), np.full(60, 7, np.uint64)
    groups_of(WHOLE).put(firsts, ends, places, times, bits)
    expected_times, expected_bits = np.full(60, -7), np.full(60, 7, np.uint64)
    for place, (a, b) in zip(places.tolist(), bounds, strict=True):
        expected_times[place : place + b - a] = TIMES[a:b]
        expected_bits[place : place + b - a] = VALUES[a:b].view(np.uint64)
    assert times.tolist() == expected_times.tolist()
    assert bits.tolist() == expected_bits.tolist()


def test_groups_that_are_not_there() -> None:
    firsts, ends = np.array([0]), np.array([9])
    some = groups_of([(0, 5), (6, 15)])
    times, bits = np.full(9, -7), np.zeros(9, np.uint64)
    some.put(firsts, ends, np.array([0]), times, bits)
    assert times.tolist() == [*TIMES[:5], -7, *TIMES[6:9]]
    assert [bound.tolist() for bound in some.trim(firsts, ends, (4, 99))] == [[2], [9]]
    room = EdgeRoom(1, 9, WindowGrid(np.array([20]), 20, True, (0, 99)))
    assert not some.take(np.array([0]), firsts, ends, room)
    assert groups_of([]).trim(firsts, ends, (0, 9))[0].tolist() == [9]


@pytest.mark.parametrize("is_counter", [True, False])
def test_edges_are_taken_from_groups(is_counter: bool) -> None:
    ends, span = np.arange(0, 40, 3), (1, 25)
    room = EdgeRoom(2, ROWS, WindowGrid(ends, 7, is_counter, span))
    firsts, behinds = np.array([0, 9]), np.array([9, ROWS])
    assert groups_of(WHOLE).take(np.arange(2), firsts, behinds, room)
    edges = room.closed()
    for i, (a, b) in enumerate(zip(firsts.tolist(), behinds.tolist(), strict=True)):
        points = list(zip(TIMES[a:b].tolist(), VALUES[a:b].tolist(), strict=True))
        points = [point for point in points if span[0] <= point[0] <= span[1]]
        columns = edges.counts, edges.first_ms, edges.last_ms, edges.first, edges.change
        rows = zip(*[column[i].tolist() for column in columns], strict=True)
        expected = window_edges(points, ends.tolist(), 7, is_counter)
        assert [row if row[0] else None for row in rows] == expected


def test_stale_markers_are_refused() -> None:
    values = np.array([1.0, STALE_NAN]).view(np.uint64)
    room = EdgeRoom(1, 2, WindowGrid(np.array([9]), 9, True, (0, 99)))
    groups = HeldGroups([(0, Group(np.array([1, 2]), values))])
    assert not groups.take(np.array([0]), np.array([0]), np.array([2]), room)
    assert groups.take(np.array([0]), np.array([0]), np.array([1]), room)
