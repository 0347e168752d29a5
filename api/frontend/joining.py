"""One vector out of the steps of several: what was kept, and what was computed beside it.

Rows are found again by their labels. Where all of them were kept already, the frame that was kept
goes on, and with it all that was ever derived from its labels.

Invariant: the result is what one evaluation of all steps gives: rows sorted by their labels, none
of them without a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from api.promql.vectors.natives import compacted
from api.promql.vectors.rows import in_order, take_rows
from api.promql.vectors.value import Vector
from storage.histograms.columns import NO_HISTOGRAM, Histograms, Natives
from storage.histograms.histograms import concat
from storage.kernels.arrays import Int32s, Int64s
from storage.labels.frames import NO_CODE, LabelFrame, Symbols
from storage.labels.numbering import group_rows
from storage.read.federation import recode, stack_frames

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some steps of a vector, and where the first of them is to stand."""

    vector: Vector
    steps: slice
    at: int

    @property
    def target(self) -> slice:
        return slice(self.at, self.at + self.steps.stop - self.steps.start)


def joined(pieces: Sequence[Piece], count: int, kept: LabelFrame | None) -> Vector:
    """The vector of `count` steps that the pieces have. Each step is in one piece at most; `kept`:
    the labels of pieces that were kept, if there are such."""
    labels, places, is_new = common_rows(pieces, kept)
    values = np.zeros((labels.rows, count))
    present = np.zeros((labels.rows, count), np.bool_)
    for piece, rows in zip(pieces, places, strict=True):
        put(values, piece.vector.values, piece, rows)
        put(present, piece.vector.present, piece, rows)
    vector = Vector(labels, values, present, natives=joined_natives(pieces, places, values.shape))
    used = present.any(axis=1)
    if not used.all():
        vector = take_rows(vector, np.flatnonzero(used))
    return in_order(vector) if is_new else vector


def put(out: NDArray[T], cells: NDArray[T], piece: Piece, rows: Int64s) -> None:
    """Copy the cells of a piece to its rows; those of all rows in their order at once."""
    if len(rows) and rows[0] == 0 and (np.diff(rows) == 1).all():
        out[: len(rows), piece.target] = cells[:, piece.steps]
    else:
        out[rows, piece.target] = cells[:, piece.steps]


def common_rows(
    pieces: Sequence[Piece], kept: LabelFrame | None
) -> tuple[LabelFrame, list[Int64s], bool]:
    """The label sets of all pieces, each once; where the rows of each piece are among them; and
    whether they are more than those of `kept`, and so not in order."""
    frames = [piece.vector.labels for piece in pieces]
    if kept is None and len(frames) == 1:
        own = recode(frames[0], Symbols())
        return own, [np.arange(own.rows)], False
    if kept is not None:
        if all(frame is kept for frame in frames):
            return kept, [np.arange(kept.rows)] * len(frames), False
        found = [frame if frame is kept else recoded(frame, kept.symbols) for frame in frames]
        known = [frame for frame in found if frame is not None]
        if len(known) == len(frames):
            labels, places = numbered([kept, *known])
            if labels.rows == kept.rows:
                return kept, places[1:], False
            return labels, places[1:], True
    symbols = Symbols()
    labels, places = numbered([recode(frame, symbols) for frame in frames])
    return labels, places, True


def numbered(frames: Sequence[LabelFrame]) -> tuple[LabelFrame, list[Int64s]]:
    """The distinct rows of frames with the same symbols, in the order in which they first appear,
    and where the rows of each frame are among them."""
    stacked = stack_frames(frames[0].symbols, frames)
    groups, firsts = group_rows(stacked.matrix(stacked.names))
    ends = np.cumsum([frame.rows for frame in frames])
    return stacked.take(firsts), np.split(groups, ends[:-1])


def recoded(labels: LabelFrame, symbols: Symbols) -> LabelFrame | None:
    """The same labels as codes of other symbols; None if they do not have all texts. Several
    threads may use these symbols, so that they must not get more."""
    names = labels.names
    codes = labels.matrix(names)
    distinct, places = np.unique(codes, return_inverse=True)
    known = np.array([symbols.known(text) for text in labels.symbols.texts(distinct)], np.int32)
    if (known == NO_CODE).any():
        return None
    found: Int32s = known[places].reshape(codes.shape) if len(known) else codes
    columns = {name: np.ascontiguousarray(found[:, i]) for i, name in enumerate(names)}
    return LabelFrame(symbols, labels.rows, columns)


def joined_natives(
    pieces: Sequence[Piece], places: Sequence[Int64s], shape: tuple[int, ...]
) -> Natives | None:
    """The native histograms of the pieces' cells, in their places."""
    if all(piece.vector.natives is None for piece in pieces):
        return None
    rows = np.full(shape, NO_HISTOGRAM, np.int32)
    pool: list[Histograms] = []
    firsts: dict[int, int] = {}
    count = 0
    for piece, at in zip(pieces, places, strict=True):
        natives = piece.vector.natives
        if natives is None:
            continue
        if id(natives.histograms) not in firsts:
            firsts[id(natives.histograms)] = count
            pool.append(natives.histograms)
            count += len(natives.histograms)
        moved = np.where(natives.mask, natives.rows + firsts[id(natives.histograms)], NO_HISTOGRAM)
        put(rows, moved.astype(np.int32), piece, at)
    return compacted(Natives(pool[0] if len(pool) == 1 else concat(pool), rows))
