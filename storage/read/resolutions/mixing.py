"""A selection over several resolutions: of each stretch of time what answers it, one by one.

Invariants:
* Stretches share no moment and no window, and are in the order of time.
* Rows are those of the samples as they came; of pairs, the series that was aggregated from all of
  its replicas is of the same row as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from storage.deletion.masks import Mask, Run
from storage.downsampling.cuts import without_windows
from storage.downsampling.points import points_of
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.read.resolutions.covering import Piece
from storage.read.sealed import SampleBudget
from storage.samples.cuts import Cuts, without
from storage.samples.hint import Purpose
from storage.samples.merge import merge_all, stack, take_rows
from storage.samples.samples import Samples, empty_samples
from storage.segments.aggregates.reader import AggregateReader

# The columns that points of a purpose are made of, beside the times of the last samples.
ENDS = ("first_ms", "first", "last", "count", "stale_ms")
EXTREMES = ("min_ms", "min", "max_ms", "max")
COLUMNS = {
    Purpose.VALUES: (*ENDS, *EXTREMES),
    Purpose.ALL: (*ENDS, *EXTREMES),
    Purpose.RISES: (*ENDS, "falls", "fallen"),
    Purpose.RESETS: (*ENDS, "falls", "fallen"),
    Purpose.LOWEST: ("first_ms", "min_ms", "min", "count", "stale_ms"),
    Purpose.HIGHEST: ("first_ms", "max_ms", "max", "count", "stale_ms"),
    Purpose.TOTALS: ("first_ms", "sum", "count", "stale_ms"),
}


class Part(Protocol):
    """The samples of all rows in a stretch of time."""

    @property
    def expected_samples(self) -> int: ...

    def read(self, first_row: int, end_row: int) -> Samples: ...


@dataclass(frozen=True)
class AggregatedRows:
    """What aggregates have of a stretch of time.

    ids: the aggregated series of each row, -1: none. runs: the segments of the piece, with what is
    deleted from the rows. cuts: what is not to be seen of the rows, whatever has it.
    """

    reader: AggregateReader
    piece: Piece
    ids: Int64s
    runs: Sequence[Run]
    purpose: Purpose
    samples_max: int
    cuts: Cuts | None = None

    @cached_property
    def expected_samples(self) -> int:
        """About how many, if the series of segments have about as many windows each."""
        found = 0.0
        for segment in self.piece.segments:
            begin_ms = max(segment.from_ms, self.piece.span[0] - 1)
            share = (min(segment.to_ms, self.piece.span[1]) - begin_ms) / (
                segment.to_ms - segment.from_ms
            )
            found += max(0.0, share) * segment.samples / max(1, segment.series)
        return int(found * np.count_nonzero(self.ids >= 0))

    def read(self, first_row: int, end_row: int) -> Samples:
        rows = first_row + np.flatnonzero(self.ids[first_row:end_row] >= 0)
        rows = rows[np.argsort(self.ids[rows], kind="stable")]
        budget, parts = SampleBudget(self.samples_max), []
        for segments, cuts in self.runs:
            found = self.reader.select(
                segments,
                self.ids[rows],
                self.piece.span,
                budget.spend,
                columns=COLUMNS[self.purpose],
            )
            resolution_ms = self.piece.resolution_ms
            if cuts is not None:
                found = without_windows(found, cuts.take(rows), resolution_ms)
            parts.append(points_of(found, self.purpose, resolution_ms))
        merged = merge_all(parts, len(rows))
        if self.cuts is not None:
            merged = without(merged, self.cuts.take(rows))
        if np.array_equal(rows, np.arange(first_row, end_row)):
            return merged
        # The series behind them all has nothing, as rows that are not aggregated do.
        places = np.full(end_row - first_row, len(rows))
        places[rows - first_row] = np.arange(len(rows))
        return take_rows(stack([merged, empty_samples(1)]), places)


@dataclass(frozen=True, slots=True)
class AggregatedSource:
    """Where the rows of one select are read from aggregates, as AggregatedRows has it. mask: what
    is deleted from the segments."""

    reader: AggregateReader
    ids: Int64s
    mask: Mask
    purpose: Purpose
    samples_max: int
    cuts: Cuts | None = None

    def rows(self, piece: Piece) -> AggregatedRows:
        """Those of one piece."""
        runs = tuple(self.mask.runs(piece.segments))
        return AggregatedRows(
            self.reader, piece, self.ids, runs, self.purpose, self.samples_max, self.cuts
        )


@dataclass(frozen=True)
class MixedSelection:
    """The parts of one selection, in the order of time."""

    labels: LabelFrame
    parts: Sequence[Part]
    resolutions: tuple[int, ...]

    @property
    def expected_samples(self) -> int:
        return sum(part.expected_samples for part in self.parts)

    def read(self, first_row: int, end_row: int) -> Samples:
        return in_turn([part.read(first_row, end_row) for part in self.parts])

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        raise AssertionError("BUG: which replicas aggregates were made of is not known")

    def replicas(self) -> LabelFrame:
        raise AssertionError("BUG: which replicas aggregates were made of is not known")


def in_turn(parts: Sequence[Samples]) -> Samples:
    """The samples of all parts, which are over the same series, each after those before it."""
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else parts[0]
    count = parts[0].series_count
    places = np.arange(len(filled) * count).reshape(len(filled), count).T.reshape(-1)
    found = take_rows(stack(filled), places)
    ends = found.offsets[:: len(filled)].copy()
    return Samples(ends, found.timestamps, found.values, found.starts, found.natives, found.weights)
