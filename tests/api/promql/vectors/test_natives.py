"""Native histograms move with their cells."""

import numpy as np

from api.promql.vectors.natives import (
    compacted,
    float_mask,
    has_histograms,
    histogram_cost,
    histogram_mask,
    histogram_places,
    merged_natives,
    natives_at,
    natives_cost,
    only_floats,
    only_histograms,
    spread_natives,
    stacked_natives,
)
from api.promql.vectors.value import Vector
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.native_points import NativePoint, histograms_of

POINTS = [NativePoint(count=float(i), positive=((1, float(i + 1)),)) for i in range(5)]
HISTOGRAMS = histograms_of(POINTS)


def natives_of(*rows: list[int]) -> Natives:
    return Natives(HISTOGRAMS, np.array(rows, np.int32))


def counts(natives: Natives | None) -> list[list[float | None]]:
    assert natives is not None
    return [
        [None if row < 0 else float(natives.histograms.counts[row]) for row in line]
        for line in natives.rows.tolist()
    ]


def vector(natives: Natives | None, present: list[list[bool]]) -> Vector:
    mask = np.array(present)
    labels = LabelFrame.from_dicts(Symbols(), [{"i": str(i)} for i in range(len(mask))])
    return Vector(labels, np.ones(mask.shape), mask, natives=natives)


def test_cells_are_floats_or_histograms_if_they_are_there_at_all() -> None:
    mixed = vector(natives_of([3, -1], [4, -1]), [[True, True], [False, False]])
    assert histogram_mask(mixed).tolist() == [[True, False], [False, False]]
    assert float_mask(mixed).tolist() == [[False, True], [False, False]]
    assert only_floats(mixed).natives is None
    assert only_histograms(mixed).present.tolist() == [[True, False], [False, False]]
    places, rows = histogram_places(mixed)
    assert places.tolist() == [0] and rows.tolist() == [3]
    assert has_histograms(mixed) and not has_histograms(only_floats(mixed))


def test_vectors_of_floats_have_nothing_to_carry() -> None:
    plain = vector(None, [[True, False]])
    assert only_floats(plain) is plain
    assert not histogram_mask(plain).any() and float_mask(plain) is plain.present
    assert len(histogram_places(plain)[0]) == 0
    assert spread_natives(None, 3) is None
    assert merged_natives(None, np.array([0]), plain.present, 1) is None
    assert stacked_natives([(None, (1, 2)), (None, (3, 2))]) is None
    assert natives_cost(None) == 0


def test_rows_are_taken_spread_and_placed() -> None:
    natives = natives_of([0, -1], [-1, 2])
    assert counts(natives.at(np.array([1, 0, 1])))[0] == [None, 2.0]
    assert counts(spread_natives(natives_of([4]), 3)) == [[4.0, 4.0, 4.0]]
    placed = natives_at(HISTOGRAMS, np.array([1, 2]), (2, 2))
    assert counts(placed) == [[None, 0.0], [1.0, None]]


def test_merging_keeps_the_cells_that_are_present() -> None:
    natives = natives_of([0, 1, -1], [2, 3, 4])
    present = np.array([[True, False, True], [False, True, False]])
    assert counts(merged_natives(natives, np.array([0, 0]), present, 1)) == [[0.0, 3.0, None]]


def test_stacking_moves_the_rows_of_other_histograms_only() -> None:
    others = Natives(histograms_of([NativePoint(count=9.0)]), np.array([[0]], np.int32))
    parts: list[tuple[Natives | None, tuple[int, int]]] = [
        (natives_of([1]), (1, 1)),
        (None, (1, 1)),
        (others, (1, 1)),
        (natives_of([2]), (1, 1)),
    ]
    stacked = stacked_natives(parts)
    assert counts(stacked) == [[1.0], [None], [9.0], [2.0]]
    assert stacked is not None and len(stacked.histograms) == len(POINTS) + 1


def test_histograms_in_no_cell_are_dropped_if_they_are_many() -> None:
    few = compacted(natives_of([4, NO_HISTOGRAM, 4]))
    assert counts(few) == [[4.0, None, 4.0]] and len(few.histograms) == 1
    most = natives_of([0, 1, 2])
    assert compacted(most) is most


def test_histograms_cost_more_than_floats() -> None:
    assert histogram_cost(HISTOGRAMS) == 5 * 11 + 5 // 2
