"""Pieces of range queries put together are what one evaluation gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from api.frontend.joining import Piece, joined
from api.promql.vectors.value import Vector
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.histograms import Plain, columns, plain

Rows = dict[str, Sequence[float | None]]


def vector(rows: Rows, symbols: Symbols | None = None) -> Vector:
    """Series by the value of their label `a`; None: absent."""
    labels = LabelFrame.from_dicts(symbols or Symbols(), [{"a": name} for name in rows])
    present = np.array([[v is not None for v in each] for each in rows.values()], np.bool_)
    values = np.array([[v or 0.0 for v in each] for each in rows.values()])
    width = len(next(iter(rows.values()), ()))
    return Vector(labels, values.reshape(-1, width), present.reshape(-1, width))


def shown(found: Vector) -> Rows:
    return {
        found.labels.labelset(row)["a"]: [
            float(v) if there else None
            for v, there in zip(found.values[row], found.present[row], strict=True)
        ]
        for row in range(found.labels.rows)
    }


def test_known_rows_keep_their_frame() -> None:
    kept = vector({"x": [1, 2, 3], "y": [4, None, 6]})
    fresh = vector({"y": [7]})
    found = joined([Piece(kept, slice(1, 3), 0), Piece(fresh, slice(0, 1), 2)], 3, kept.labels)
    assert shown(found) == {"x": [2, 3, None], "y": [None, 6, 7]}
    assert found.labels is kept.labels


def test_new_rows_come_to_their_places() -> None:
    kept = vector({"b": [1, 2], "d": [3, 4]})
    fresh = vector({"a": [5], "c": [6], "d": [7]})
    found = joined([Piece(kept, slice(0, 2), 0), Piece(fresh, slice(0, 1), 2)], 3, kept.labels)
    assert list(shown(found)) == ["a", "b", "c", "d"]
    assert shown(found)["d"] == [3, 4, 7] and shown(found)["c"] == [None, None, 6]
    assert found.labels.symbols is not fresh.labels.symbols


def test_known_texts_in_new_rows() -> None:
    kept = vector({"b": [1], "a": [2]})
    fresh = Vector(
        LabelFrame.from_dicts(Symbols(), [{"a": "b", "b": "a"}, {"a": "b"}]),
        np.array([[3.0], [4.0]]), np.ones((2, 1), np.bool_),
    )  # fmt: skip
    kept.labels.symbols.code("b")
    found = joined([Piece(kept, slice(0, 1), 0), Piece(fresh, slice(0, 1), 1)], 2, kept.labels)
    assert [found.labels.labelset(row) for row in range(3)] == [
        {"a": "a"}, {"a": "b"}, {"a": "b", "b": "a"},
    ]  # fmt: skip


def test_rows_without_a_sample_go() -> None:
    kept = vector({"x": [1, None], "y": [2, 3]})
    found = joined([Piece(kept, slice(1, 2), 0)], 1, kept.labels)
    assert shown(found) == {"y": [3]}
    nothing = joined([Piece(kept, slice(0, 0), 0)], 0, kept.labels)
    assert nothing.labels.rows == 0


def test_pieces_without_kept_ones() -> None:
    symbols = Symbols()
    left, right = vector({"y": [1]}, symbols), vector({"x": [2], "y": [3]}, symbols)
    pieces = [Piece(left, slice(0, 1), 1), Piece(right, slice(0, 1), 0)]
    assert shown(joined(pieces, 2, None)) == {"x": [2, None], "y": [3, 1]}
    alone = joined(pieces[:1], 2, None)
    assert shown(alone) == {"y": [None, 1]}
    assert alone.labels.symbols is not symbols


def histogram(count: float) -> Plain:
    return Plain(
        count=count, sum_bits=0, schema=0, zero_threshold=0.0, zero_count=0.0, negative=[],
        positive=[(1, count)], hint=0, bounds=[],
    )  # fmt: skip


def native(counts: Sequence[float | None]) -> Vector:
    """One series of histograms; None: a float."""
    found = [count for count in counts if count is not None]
    rows = np.full((1, len(counts)), NO_HISTOGRAM, np.int32)
    rows[0, [count is not None for count in counts]] = np.arange(len(found))
    base = vector({"x": [9.0] * len(counts)})
    natives = Natives(columns([histogram(count) for count in found]), rows)
    return Vector(base.labels, base.values, base.present, natives=natives)


def test_histograms_move_along() -> None:
    kept, floats, fresh = native([1, None, 2]), vector({"x": [7], "y": [8]}), native([3])
    pieces = [
        Piece(kept, slice(1, 3), 0), Piece(floats, slice(0, 1), 2), Piece(fresh, slice(0, 1), 3),
        Piece(kept, slice(0, 1), 4),
    ]  # fmt: skip
    found = joined(pieces, 5, kept.labels)
    assert found.natives is not None
    rows = found.natives.rows[0].tolist()
    assert [r == NO_HISTOGRAM for r in rows] == [True, False, True, False, False]
    counts = [plain(found.natives.histograms, r).count for r in rows if r >= 0]
    assert counts == [2, 3, 1]
    assert (found.natives.rows[1] == NO_HISTOGRAM).all()
