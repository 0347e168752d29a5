"""The series of several sources as one list: each label set once, its samples those of all sources.

Invariants:
* Rows are distinct label sets.
* Where several sources have a sample of one series at one moment, that of the first source counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame, Symbols, one_row
from storage.read.federation import stack_frames
from storage.read.joined.source import SourceSeries
from storage.read.rows import Rows
from storage.read.selection import numbered
from storage.samples.merge import merge_all
from storage.samples.samples import Samples

Span = tuple[int, int]
ABSENT = -1


@dataclass(frozen=True, slots=True)
class JoinedRows:
    """Rows of several sources as one list. Each part has some of the rows, those at its places,
    which ascend; parts come in the order in which their samples count."""

    labels: LabelFrame
    parts: Sequence[tuple[Int64s, Rows]]

    @property
    def expected_samples(self) -> int:
        return sum(rows.expected_samples for _, rows in self.parts)

    @property
    def is_plain(self) -> bool:
        return all(rows.is_plain for _, rows in self.parts)

    def read(self, first_row: int, end_row: int) -> Samples:
        found = [
            spread(rows.read(first, end), places[first:end] - first_row, end_row - first_row)
            for places, rows, first, end in self._within(first_row, end_row)
        ]
        return merge_all(found, end_row - first_row)

    def read_near(self, first_row: int, end_row: int, span: Span, lead: int) -> Samples:
        """Like read(), for plain samples; see Rows."""
        found = []
        for places, rows, first, end in self._within(first_row, end_row):
            near = rows.read_near(first, end, span, lead)
            found.append(spread(near, places[first:end] - first_row, end_row - first_row))
        return merge_all(found, end_row - first_row)

    def pick(self, rows: Int64s) -> JoinedRows:
        parts = []
        for places, own in self.parts:
            wanted = index_of(places, self.labels.rows)[rows]
            there = np.flatnonzero(wanted != ABSENT)
            parts.append((there, own.pick(wanted[there])))
        return JoinedRows(self.labels.take(rows), parts)

    def loaded(self, first_row: int, end_row: int) -> JoinedRows:
        parts = [
            (places, rows.loaded(first, end))
            for places, rows, first, end in self._within(first_row, end_row)
        ]
        return JoinedRows(self.labels, parts)

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        """The samples with row numbers of replicas() in place of values: here there is but one."""
        samples = self.read(first_row, end_row)
        return numbered(samples, np.zeros(len(samples), np.float64))

    def replicas(self) -> LabelFrame:
        """No replica at all: a single row without labels."""
        return one_row(self.labels.symbols)

    def _within(self, first_row: int, end_row: int) -> list[tuple[Int64s, Rows, int, int]]:
        """The parts, and which of their own rows are within [first_row, end_row)."""
        found = []
        for places, rows in self.parts:
            first, end = np.searchsorted(places, [first_row, end_row]).tolist()
            found.append((places, rows, first, end))
        return found


@dataclass(frozen=True, slots=True)
class JoinedSeries:
    """What several sources have of a selector. members: a source's series, and which of them each
    row is there, ABSENT where it is not."""

    labels: LabelFrame
    members: Sequence[tuple[SourceSeries, Int64s]]

    def open(self, rows: Int64s, span: Span) -> JoinedRows:
        parts = []
        for series, row_of in self.members:
            own = row_of[rows]
            places = np.flatnonzero(own != ABSENT)
            if len(places):
                parts.append((places, series.open(own[places], span)))
        return JoinedRows(self.labels.take(rows), parts)


def join(symbols: Symbols, found: Sequence[SourceSeries]) -> JoinedSeries:
    """The series of all sources, in the order of their labels."""
    frame = stack_frames(symbols, [series.labels for series in found])
    numbers, firsts = frame.group(frame.names)
    order = frame.take(firsts).order()
    row_of_number = index_of(order, len(order))
    members, start = [], 0
    for series in found:
        end = start + series.labels.rows
        rows = np.full(len(order), ABSENT)
        rows[row_of_number[numbers[start:end]]] = np.arange(end - start)
        members.append((series, rows))
        start = end
    return JoinedSeries(frame.take(firsts[order]), members)


def index_of(places: Int64s, count: int) -> Int64s:
    """Of each place up to `count`, where it stands among `places`, or ABSENT."""
    index = np.full(count, ABSENT)
    index[places] = np.arange(len(places))
    return index


def spread(samples: Samples, places: Int64s, count: int) -> Samples:
    """The same samples as those of the series at `places`, which ascend, of `count` series."""
    if len(places) == count:
        return samples
    counts = np.zeros(count, np.int64)
    counts[places] = np.diff(samples.offsets)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return Samples(
        offsets,
        samples.timestamps,
        samples.values,
        samples.starts,
        samples.natives,
        samples.weights,
    )
