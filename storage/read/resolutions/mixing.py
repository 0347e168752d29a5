"""A selection over several resolutions: of each stretch of time what answers it, one by one.

Invariants:
* Stretches share no moment and no window, and are in the order of time.
* Rows are those of the samples as they came; of pairs, the series that was aggregated from all of
  its replicas is of the same row as they are.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from storage.deletion.masks import Mask, Run
from storage.downsampling.aggregates import Aggregates, WindowRuns
from storage.downsampling.cuts import without_windows
from storage.downsampling.points import PointRoom, count_points, points_of
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.read.resolutions.covering import Piece
from storage.read.sealed import SampleBudget
from storage.samples.cuts import Cuts, without
from storage.samples.hint import Purpose
from storage.samples.merge import is_plain, merge_all, stack, take_rows
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

    ids: the aggregated series of each row, -1: none. segment_runs: the segments of the piece, with
    what is deleted from the rows. cuts: what is not to be seen of the rows, whatever has it.
    """

    reader: AggregateReader
    piece: Piece
    ids: Int64s
    segment_runs: Sequence[Run]
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

    def runs(self, first_row: int, end_row: int) -> list[WindowRuns] | None:
        """The windows of rows as they lie in the segments; None if that is not all that is to be
        done: some are cut, or there are histograms."""
        if self.cuts is not None or any(cuts is not None for _, cuts in self.segment_runs):
            return None
        rows = np.flatnonzero(self.ids[first_row:end_row] >= 0)
        ids = self.ids[first_row:end_row][rows]
        order = np.argsort(ids, kind="stable")
        budget, found = SampleBudget(self.samples_max), []
        for segments, _ in self.segment_runs:
            runs = self.reader.runs(
                segments,
                ids[order],
                self.piece.span,
                budget.spend,
                columns=COLUMNS[self.purpose],
            )
            if runs is None:
                return None
            found += [replace(each, items=rows[order][each.items]) for each in runs]
        return found

    def windows(
        self, first_row: int, end_row: int, columns: Collection[str]
    ) -> list[tuple[Int64s, Aggregates]]:
        """The windows that are to be seen, with these columns of theirs, in the order of time; of
        the series that are these rows. Raises LimitExceeded."""
        rows = first_row + np.flatnonzero(self.ids[first_row:end_row] >= 0)
        rows = rows[np.argsort(self.ids[rows], kind="stable")]
        budget, parts = SampleBudget(self.samples_max), []
        for segments, cuts in self.segment_runs:
            found = self.reader.select(
                segments, self.ids[rows], self.piece.span, budget.spend, columns=columns
            )
            for each in (cuts, self.cuts):
                if each is not None:
                    found = without_windows(found, each.take(rows), self.piece.resolution_ms)
            parts.append((rows, found))
        return parts

    def read(self, first_row: int, end_row: int) -> Samples:
        rows = first_row + np.flatnonzero(self.ids[first_row:end_row] >= 0)
        rows = rows[np.argsort(self.ids[rows], kind="stable")]
        budget, parts = SampleBudget(self.samples_max), []
        for segments, cuts in self.segment_runs:
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
    is deleted from the segments; cuts: what is not to be seen of a resolution."""

    reader: AggregateReader
    ids: Int64s
    mask: Mask
    purpose: Purpose
    samples_max: int
    cuts: Callable[[int], Cuts | None]

    def rows(self, piece: Piece) -> AggregatedRows:
        """Those of one piece."""
        runs = tuple(self.mask.runs(piece.segments))
        cuts = self.cuts(piece.resolution_ms)
        return AggregatedRows(
            self.reader, piece, self.ids, runs, self.purpose, self.samples_max, cuts
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
        placed = self._placed(first_row, end_row)
        if placed is not None:
            return placed
        return in_turn([part.read(first_row, end_row) for part in self.parts])

    def _placed(self, first_row: int, end_row: int) -> Samples | None:
        """The samples of all parts, each put where it belongs; None where some are more than
        floats, some windows are cut, or there are no windows."""
        found: list[tuple[list[WindowRuns], Purpose] | Samples] = []
        sizes = np.zeros(end_row - first_row, np.int64)
        for part in self.parts:
            if not isinstance(part, AggregatedRows):
                samples = part.read(first_row, end_row)
                if not is_plain(samples):
                    return None
                sizes += np.diff(samples.offsets)
                found.append(samples)
                continue
            runs = part.runs(first_row, end_row)
            if runs is None:
                return None
            for each in runs:
                count_points(each, part.purpose, sizes)
            found.append((runs, part.purpose))
        samples_only = [each for each in found if isinstance(each, Samples)]
        if len(samples_only) == len(found):
            return in_turn(samples_only)
        return filled(found, sizes)

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


def filled(pieces: Sequence[tuple[list[WindowRuns], Purpose] | Samples], sizes: Int64s) -> Samples:
    """Windows and samples, in the order of time, as points; sizes: how many each series has."""
    room = PointRoom.of(sizes)
    for piece in pieces:
        if isinstance(piece, Samples):
            room.put_samples(piece)
            continue
        for runs in piece[0]:
            room.put_windows(runs, piece[1])
    return room.filled()
