"""Samples as cells and back: the newest ones, floats and histograms apart, hints filled in."""

import math

import numpy as np
import pytest

from api.promql.vectors.cells import (
    INFO_TIMESTAMP,
    START,
    TIMESTAMP,
    VALUE,
    HintedSelection,
    float_samples,
    fresh_between,
    fresh_samples,
    histogram_samples,
    newest_cells,
    samples_of_cells,
    with_filled_hints,
    without_starts,
)
from api.promql.vectors.natives import natives_at
from api.promql.vectors.value import Vector
from storage.histograms.columns import (
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    NO_HISTOGRAM,
)
from storage.kernels.stale import STALE_NAN, is_stale
from storage.labels.frames import Symbols, one_row
from tests.makers.memory_store import MemorySelection, Timed, samples_of
from tests.makers.native_points import NativePoint, histograms_of, point_of

STALE = float(STALE_NAN)
LOOKBACK_MS = 30


def native(count: float, hint: int = HINT_UNKNOWN) -> NativePoint:
    return NativePoint(count=count, sum=count, positive=((1, count),), hint=hint)


MIXED: list[list[Timed]] = [
    [(10, 1.0, 5), (20, native(2), 0), (30, native(3), 25), (40, STALE, 0), (50, 4.0, 45)],
    [(20, native(7), 0), (30, NativePoint(sum=STALE), 0)],
    [],
]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (VALUE, [1.0, native(2), native(3), None, 4.0, 4.0]),
        (TIMESTAMP, [0.01, 0.02, 0.03, None, 0.05, 0.05]),
        (START, [0.005, 0.0, 0.025, None, 0.045, 0.045]),
    ],
)
def test_the_newest_sample_is_a_float_or_a_histogram(what: int, expected: list[object]) -> None:
    times = np.array([10, 20, 39, 40, 50, 60])
    values, present, natives = newest_cells(samples_of(MIXED), times, LOOKBACK_MS, what)
    got: list[object] = [
        v if p else None for v, p in zip(values[0].tolist(), present[0], strict=True)
    ]
    if natives is not None:
        for k, row in enumerate(natives.rows[0].tolist()):
            got[k] = point_of(natives.histograms, row) if row != NO_HISTOGRAM else got[k]
    assert got == expected
    assert present[1].tolist() == [False, True, False, False, False, False]
    assert not present[2].any()


def test_info_series_are_told_to_be_histograms() -> None:
    values, present, natives = newest_cells(
        samples_of(MIXED), np.array([20]), LOOKBACK_MS, INFO_TIMESTAMP
    )
    assert natives is not None and values[:2, 0].tolist() == [0.02, 0.02]
    assert (natives.rows != NO_HISTOGRAM)[:, 0].tolist() == [True, True, False]


def test_both_kinds_are_taken_apart() -> None:
    samples = samples_of(MIXED)
    fresh = fresh_samples(samples)
    assert fresh.timestamps.tolist() == [10, 20, 30, 50, 20]
    assert fresh.starts is not None and fresh.starts.tolist() == [5, 0, 25, 45, 0]
    floats, natives = float_samples(fresh), histogram_samples(fresh)
    assert floats.values.tolist() == [1.0, 4.0] and floats.natives is None
    assert floats.offsets.tolist() == [0, 2, 2, 2]
    assert natives.values.tolist() == [2.0, 3.0, 7.0] and natives.natives is not None
    assert natives.offsets.tolist() == [0, 2, 3, 3]
    assert without_starts(natives).starts is None
    assert float_samples(floats) is floats
    assert len(histogram_samples(floats)) == 0
    assert fresh_between(samples, 15, 35).timestamps.tolist() == [20, 30, 20]


def test_hints_are_forgotten_in_subqueries_but_for_gauges() -> None:
    points = [native(1, HINT_RESET), native(2, HINT_NOT_RESET), native(3, HINT_GAUGE)]
    present = np.ones((1, 4), np.bool_)
    natives = natives_at(histograms_of(points), np.array([0, 1, 3]), (1, 4))
    vector = Vector(one_row(Symbols()), np.full((1, 4), 9.0), present, natives=natives)
    samples = samples_of_cells(vector, np.array([10, 20, 30, 40]))
    assert samples.values.tolist() == [1.0, 2.0, 9.0, 3.0]
    assert samples.natives is not None
    assert samples.natives.rows.tolist() == [0, 1, NO_HISTOGRAM, 2]
    assert samples.natives.histograms.hints.tolist() == [HINT_UNKNOWN, HINT_UNKNOWN, HINT_GAUGE]


def test_hints_are_filled_in_within_a_series_only() -> None:
    series: list[list[Timed]] = [
        [(1, native(5), 0), (2, 1.0, 0), (3, native(6), 0), (4, native(2), 0)],
        [(1, native(1, HINT_GAUGE), 0), (2, native(9), 0)],
    ]
    filled = with_filled_hints(samples_of(series))
    assert filled.natives is not None
    assert filled.natives.histograms.hints.tolist() == [
        *(HINT_UNKNOWN, HINT_NOT_RESET, HINT_RESET),
        *(HINT_GAUGE, HINT_NOT_RESET),
    ]
    selection = HintedSelection(MemorySelection(one_row(Symbols()), series))
    assert selection.read(0, 2).natives is not None
    assert selection.labels.rows == 1
    floats = samples_of([[(1, 2.0, 0)]])
    assert with_filled_hints(floats) is floats


def test_stale_markers_are_taken_out_and_other_nans_kept() -> None:
    samples = samples_of([[(1, 1.0, 0), (2, STALE, 0), (3, math.nan, 0)], [(2, STALE, 0)]])
    assert is_stale(samples.values).sum() == 2
    fresh = fresh_samples(samples)
    assert fresh.offsets.tolist() == [0, 2, 2]
    assert fresh.timestamps.tolist() == [1, 3]
    assert fresh_samples(fresh) is fresh


def test_cells_become_samples_at_their_steps() -> None:
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    present = np.array([[True, False, True], [False, False, False]])
    vector = Vector(one_row(Symbols()), values, present)
    samples = samples_of_cells(vector, np.array([10, 20, 30]))
    assert samples.offsets.tolist() == [0, 2, 2]
    assert samples.timestamps.tolist() == [10, 30]
    assert samples.values.tolist() == [1.0, 3.0]
