"""What stands for windows, against what they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.folding import fold
from storage.downsampling.points import points_of
from storage.kernels.stale import is_stale
from storage.samples.hint import Purpose
from storage.samples.samples import Samples
from tests.makers.downsampling.aggregates import (
    FINE,
    float_points,
    histogram_points,
    samples_of,
    without_times,
)
from tests.twins.storage import points as naive
from tests.twins.storage.aggregates import STALE, HistogramPoint, Point, bits_of, number, windows

# Counters: of one time in a while they begin anew, and there are three milliseconds between them.
SPACE = 3
WINDOW = 60
counters = st.dictionaries(
    st.integers(-40, 80).map(lambda t: SPACE * t),
    st.one_of(st.integers(0, 30).map(lambda n: bits_of(float(n))), st.just(STALE)),
    max_size=60,
).map(lambda d: sorted(d.items()))


def points(points: list[Point], purpose: Purpose, resolution: int = FINE) -> Samples:
    return points_of(fold(samples_of([points], [[]]), resolution), purpose, resolution)


def columns(samples: Samples) -> list[naive.Weighted]:
    assert samples.weights is not None
    return [
        naive.Weighted(*row)
        for row in zip(
            samples.timestamps.tolist(),
            samples.values.view(np.uint64).tolist(),
            samples.weights.counts.tolist(),
            samples.weights.since.tolist(),
            strict=True,
        )
    ]


@given(float_points)
def test_values_are_the_first_the_smallest_the_largest_and_the_last(raw: list[Point]) -> None:
    for purpose in (Purpose.VALUES, Purpose.ALL):
        assert columns(points(raw, purpose)) == naive.values(raw, FINE)


@given(float_points)
def test_extremes_stand_at_their_own_times(raw: list[Point]) -> None:
    for purpose, smallest in ((Purpose.LOWEST, True), (Purpose.HIGHEST, False)):
        found = [row[:2] for row in columns(points(raw, purpose)) if row.bits != STALE]
        assert found == naive.extremes(raw, FINE, smallest=smallest)


@given(float_points)
def test_totals_are_sums_of_as_many(raw: list[Point]) -> None:
    found = [row for row in columns(points(raw, Purpose.TOTALS)) if row.bits != STALE]
    expected = naive.totals(raw, FINE)
    assert [(t, n, s) for t, _, n, s in found] == [(t, n, s) for t, _, n, s in expected]
    assert repr([number(row.bits) for row in found]) == repr([total for _, total, *_ in expected])


@given(counters)
def test_a_counter_rises_by_what_it_rose(raw: list[Point]) -> None:
    found = points(raw, Purpose.RISES, WINDOW)
    assert (np.diff(found.timestamps) > 0).all()
    fresh = [number(bits) for _, bits in raw if bits != STALE]
    kept = found.values[~is_stale(found.values)].tolist()
    assert naive.risen(kept) == naive.risen(fresh)
    # Also from any window on: what points there are of others does not matter.
    for inside in windows(raw, WINDOW):
        own = [number(bits) for _, bits in inside if bits != STALE]
        part = points(inside, Purpose.RISES, WINDOW).values
        assert naive.risen(part[~is_stale(part)].tolist()) == naive.risen(own)
    assert found.weights is not None
    assert found.weights.counts.sum() == len(fresh)


@given(counters)
def test_a_counter_is_reset_as_often_as_it_was(raw: list[Point]) -> None:
    found = points(raw, Purpose.RESETS, WINDOW)
    assert (np.diff(found.timestamps) > 0).all()
    fresh = [number(bits) for _, bits in raw if bits != STALE]
    kept = found.values[~is_stale(found.values)].tolist()
    assert naive.resets(kept) == naive.resets(fresh)
    assert naive.risen(kept) == pytest.approx(naive.risen(fresh))


def test_a_fall_stands_where_a_steady_rise_would_have_it() -> None:
    """0 to 30 in half the window, reset, then up to 29: both halves rise at one pace."""
    values = [*range(31), *range(30)]
    raw = [(1_000 * (t + 1), bits_of(float(v))) for t, v in enumerate(values)]
    times = points(raw, Purpose.RISES, 61_000).timestamps.tolist()
    assert times[0] == 1_000 and times[3] == 61_000
    assert times[1] == pytest.approx(31_500, abs=20) and times[2] == times[1] + 1


def test_falls_of_samples_a_millisecond_apart_find_no_room() -> None:
    raw = [(t, bits_of(v)) for t, v in ((1, 5.0), (2, 1.0), (3, 4.0))]
    assert points(raw, Purpose.RISES).timestamps.tolist() == [1, 3]


@given(float_points, histogram_points)
def test_histograms_stand_among_floats(floats: list[Point], others: list[HistogramPoint]) -> None:
    found = points_of(fold(samples_of([floats], [others]), FINE), Purpose.VALUES, FINE)
    assert (np.diff(found.timestamps) > 0).all()
    assert found.weights is not None
    alone = without_times(others, floats)
    live = sum(1 for _, bits in floats if bits != STALE) + sum(1 for _, n in alone if n is not None)
    assert found.weights.counts.sum() == live
    if found.natives is not None:
        kept = found.natives.mask & ~is_stale(found.values)
        counts = found.natives.histograms.counts[found.natives.rows[kept]].tolist()
        times = found.timestamps[kept].tolist()
        assert set(zip(times, counts, strict=True)) <= set(alone)
        for inside in windows([point for point in alone if point[1] is not None], FINE):
            within = [t for t in times if inside[0][0] <= t <= inside[-1][0]]
            assert (within[0], within[-1]) == (inside[0][0], inside[-1][0])
            since = found.weights.since[np.isin(found.timestamps, within) & kept].tolist()
            hidden = len(within) < len(inside)
            assert since == ([within[0]] * len(within) if hidden else within)
