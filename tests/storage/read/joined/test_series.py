"""Rows of several sources as one list."""

from __future__ import annotations

import numpy as np
import pytest

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.read.joined.fetched import FetchedSeries
from storage.read.joined.series import JoinedRows, join, spread
from storage.samples.samples import Samples
from tests.makers.memory_store import float_samples_of

SPAN = (0, 100)


def source(symbols: Symbols, **points: list[int]) -> FetchedSeries:
    """Series by name, with samples at these times; their values say which one it is."""
    names = list(points)
    frame = LabelFrame.from_dicts(symbols, [{"n": name} for name in names])
    samples = float_samples_of([[(t, float(ord(n))) for t in points[n]] for n in names])
    return FetchedSeries(frame, samples, SPAN)


def opened(*rows: int) -> tuple[JoinedRows, list[list[int]]]:
    """Rows of two sources with symbols of their own, and the times that each should have."""
    symbols = Symbols()
    one = source(symbols, d=[1, 5], b=[2, 3])
    other = source(Symbols(), b=[1, 3, 9], c=[7], d=[])
    series = join(symbols, [one, other])
    assert [series.labels.labelset(row)["n"] for row in range(3)] == ["b", "c", "d"]
    times = [[1, 2, 3, 9], [7], [1, 5]]
    return series.open(np.array(rows), SPAN), [times[row] for row in rows]


def by_row(samples: Samples) -> list[list[int]]:
    cuts = samples.offsets[1:-1]
    return [part.tolist() for part in np.split(samples.timestamps, cuts)]


@pytest.mark.parametrize("rows", [(0, 1, 2), (2, 0, 1), (1,), (1, 2)])
def test_blocks_have_the_samples_of_all_sources(rows: tuple[int, ...]) -> None:
    joined, times = opened(*rows)
    for first in range(len(rows)):
        for end in range(first + 1, len(rows) + 1):
            assert by_row(joined.read(first, end)) == times[first:end]
            assert by_row(joined.loaded(first, end).read(first, end)) == times[first:end]
            near = joined.read_near(first, end, SPAN, 2)
            assert by_row(near) == times[first:end]
    assert joined.is_plain
    assert len(joined.read(0, 0)) == 0


@pytest.mark.parametrize("picked", [[0], [2, 1], [1, 2, 0]])
def test_rows_are_picked(picked: list[int]) -> None:
    joined, times = opened(2, 1, 0)
    found = joined.pick(np.array(picked))
    assert by_row(found.read(0, len(picked))) == [times[row] for row in picked]
    assert found.labels.rows == len(picked)


def test_samples_are_spread() -> None:
    samples = float_samples_of([[(1, 1.0)], [(2, 2.0), (3, 3.0)]])

    def offsets(places: Int64s, count: int) -> list[int]:
        return spread(samples, places, count).offsets.tolist()

    assert offsets(np.array([0, 1]), 2) == [0, 1, 3]
    assert offsets(np.array([1, 3]), 5) == [0, 0, 1, 1, 3, 3]
