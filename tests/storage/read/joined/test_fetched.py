"""Series in memory: their rows in any order, and what is fetched again for a longer span."""

from __future__ import annotations

import numpy as np

from storage.labels.frames import LabelFrame, Symbols
from storage.read.joined.fetched import FetchedSeries, nothing, places_of
from tests.makers.memory_store import float_samples_of

SYMBOLS = Symbols()


def frame(*names: str) -> LabelFrame:
    return LabelFrame.from_dicts(SYMBOLS, [{"n": name} if name else {} for name in names])


def fetched(*names: str, span: tuple[int, int] = (0, 30), **more: object) -> FetchedSeries:
    """Each has samples at 0, 10, 20, ... of the span; values say which series it is."""
    times = range(span[0], span[1] + 1, 10)
    points = [[(t, float(ord(name or "0"))) for t in times] for name in names]
    return FetchedSeries(frame(*names), float_samples_of(points), span, **more)  # type: ignore[arg-type]


def test_rows_come_in_the_order_that_is_asked_for() -> None:
    series = fetched("a", "b", "c")
    opened = series.open(np.array([2, 0]), (5, 20))
    assert [opened.labels.labelset(row) for row in (0, 1)] == [{"n": "c"}, {"n": "a"}]
    samples = opened.read(0, 2)
    assert samples.timestamps.tolist() == [10, 20, 10, 20]
    assert samples.values.tolist() == [99.0, 99.0, 97.0, 97.0]
    assert opened.read(1, 2).values.tolist() == [97.0, 97.0]
    assert opened.read(1, 1).series_count == 0
    assert opened.pick(np.array([1])).read(0, 1).values.tolist() == [97.0, 97.0]
    assert opened.loaded(0, 2).read_near(0, 1, (5, 20), 2).values.tolist() == [99.0, 99.0]
    assert opened.is_plain and opened.expected_samples == 8


def test_a_longer_span_is_fetched_again() -> None:
    """The source has other series by then, in another order."""
    asked = []

    def wider(span: tuple[int, int]) -> FetchedSeries:
        asked.append(span)
        return fetched("z", "c", "", span=span)

    series = fetched("", "b", "c", wider=wider)
    assert series.open(np.array([0]), (10, 20)).read(0, 1).timestamps.tolist() == [10, 20]
    assert not asked
    samples = series.open(np.array([2, 1, 0]), (-10, 50)).read(0, 3)
    assert asked == [(-10, 50)]
    assert samples.offsets.tolist() == [0, 7, 7, 14]
    assert set(samples.values.tolist()) == {99.0, 48.0}


def test_places_of_rows() -> None:
    assert places_of(frame("b", "x", ""), frame("a", "b", "")).tolist() == [1, 3, 2]
    assert places_of(frame("b"), frame()).tolist() == [0]
    assert places_of(frame(), frame("a")).tolist() == []
    other = LabelFrame.from_dicts(SYMBOLS, [{"n": "a", "m": "a"}])
    assert places_of(other, frame("a")).tolist() == [1]


def test_nothing_has_no_series() -> None:
    opened = nothing(SYMBOLS, (0, 1)).open(np.zeros(0, np.int64), (0, 1))
    assert opened.labels.rows == 0 and len(opened.read(0, 0)) == 0
