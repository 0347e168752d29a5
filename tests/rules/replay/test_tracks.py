"""Pieces of a result, joined."""

import numpy as np

from api.promql.vectors.value import Vector
from rules.replay.slots import Slots
from rules.replay.tracks import Piece, good_steps, regrouped, track_of
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.memory_store import float_samples_of

MINUTE = 60_000
SLOTS = Slots(0, MINUTE, 4)


def piece(first: int, rows: dict[str, list[float | None]]) -> Piece:
    """Rows by the label job."""
    cells = np.array([[v or 0.0 for v in row] for row in rows.values()], np.float64)
    present = np.array([[v is not None for v in row] for row in rows.values()])
    labels = LabelFrame.from_dicts(Symbols(), [{"job": job} for job in rows])
    return Piece(first, Vector(labels, cells, present))


def test_equal_rows_of_pieces_are_one() -> None:
    pieces = [
        piece(0, {"a": [1.0, None], "b": [5.0, 6.0]}),
        piece(2, {"c": [7.0, 8.0], "a": [3.0, 4.0]}),
    ]
    track = track_of(pieces, SLOTS, Symbols(), {})
    assert [track.labels.labelset(row)["job"] for row in range(3)] == ["a", "b", "c"]
    assert track.samples.offsets.tolist() == [0, 3, 5, 7]
    assert (track.samples.timestamps // MINUTE).tolist() == [0, 2, 3, 0, 1, 2, 3]
    assert track.samples.values.tolist() == [1, 3, 4, 5, 6, 7, 8]


def test_a_track_of_nothing() -> None:
    track = track_of([], SLOTS, Symbols(), {0: "failed"})
    assert (track.labels.rows, len(track.samples)) == (0, 0)
    assert good_steps(SLOTS, track.errors).tolist() == [False, True, True, True]


def test_rows_that_become_one_series_are_sorted_and_repeats_are_found() -> None:
    samples = float_samples_of([[(2, 1.0), (4, 2.0)], [(1, 3.0), (2, 4.0)], [(9, 5.0)]])
    found, sources, repeated = regrouped(samples, np.array([0, 0, 1]), 2)
    assert found.offsets.tolist() == [0, 3, 4]
    assert found.timestamps.tolist() == [1, 2, 4, 9]
    assert found.values.tolist() == [3.0, 1.0, 2.0, 5.0]
    assert sources.tolist() == [1, 0, 0, 2]
    assert repeated.tolist() == [2]
