"""What other sources have beside a selection of the database that is downsampled in part.

Samples that were downsampled stand for others that are not there any more, so they cannot be made
one with those of replicas one by one. Of each series the database's selection counts from its first
to its last sample, and what others have before and behind that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.read.federation import stack_frames
from storage.read.joined.series import ABSENT, index_of, spread
from storage.samples.merge import merge, pick, take_rows
from storage.samples.samples import Samples, empty_samples


class Selected(Protocol):
    """Series that are made one already."""

    @property
    def labels(self) -> LabelFrame: ...

    def read(self, first_row: int, end_row: int) -> Samples: ...


@dataclass(frozen=True, slots=True)
class BesideSelection:
    """Rows of both. first: what counts where it is; other: what counts around it; of_first,
    of_other: which row of theirs each row is, ABSENT where it is none. resolutions: in ms, that
    `first` was read in."""

    labels: LabelFrame
    first: Selected
    other: Selected
    of_first: Int64s
    of_other: Int64s
    resolutions: tuple[int, ...]

    @property
    def expected_samples(self) -> int:
        return sum(int(getattr(each, "expected_samples", 0)) for each in (self.first, self.other))

    def read(self, first_row: int, end_row: int) -> Samples:
        rows = slice(first_row, end_row)
        count = end_row - first_row
        own = read_rows(self.first, self.of_first[rows], count)
        return merge(own, around(own, read_rows(self.other, self.of_other[rows], count)))

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        raise AssertionError("BUG: which replicas aggregates were made of is not known")

    def replicas(self) -> LabelFrame:
        raise AssertionError("BUG: which replicas aggregates were made of is not known")


def beside(first: Selected, other: Selected) -> BesideSelection:
    """Both as one; rows come in the order of their labels."""
    symbols = other.labels.symbols
    frame = stack_frames(symbols, [first.labels, other.labels])
    numbers, firsts = frame.group(frame.names)
    order = frame.take(firsts).order()
    row_of_number = index_of(order, len(order))
    places = row_of_number[numbers]
    own = first.labels.rows
    resolutions: tuple[int, ...] = getattr(first, "resolutions", (0,))
    return BesideSelection(
        frame.take(firsts[order]),
        first,
        other,
        index_of(places[:own], len(order)),
        index_of(places[own:], len(order)),
        resolutions,
    )


def read_rows(selection: Selected, rows: Int64s, count: int) -> Samples:
    """Some rows of a selection, nothing where it has none: rows are its own, or ABSENT."""
    there = np.flatnonzero(rows != ABSENT)
    if not len(there):
        return empty_samples(count)
    wanted = rows[there]
    low, high = int(wanted.min()), int(wanted.max()) + 1
    found = take_rows(selection.read(low, high), wanted - low)
    return spread(found, there, count)


def around(own: Samples, other: Samples) -> Samples:
    """The samples of `other` before the first and behind the last one that each series has of its
    own."""
    filled = np.flatnonzero(np.diff(own.offsets))
    firsts = np.full(own.series_count, np.iinfo(np.int64).max)
    lasts = firsts.copy()
    firsts[filled] = own.timestamps[own.offsets[filled]]
    lasts[filled] = own.timestamps[own.offsets[filled + 1] - 1]
    rows = np.repeat(np.arange(other.series_count), np.diff(other.offsets))
    times = other.timestamps
    kept = np.flatnonzero((times < firsts[rows]) | (times > lasts[rows]))
    if len(kept) == len(other):
        return other
    return pick(other, np.searchsorted(rows[kept], np.arange(other.series_count + 1)), kept)
