"""Which rows of samples.parquet are those of which series.

The rows of a series lie next to each other, so the numbers of samples in series.parquet say where:
ids need not be decoded. Where histograms are among the samples, which lie in a file of their own,
and where the two files do not agree, the ids are decoded once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.files import SAMPLES_FILE, SERIES_FILE
from storage.kernels.arrays import Int64s, frozen
from storage.segments.access.places import HERE, Places, Wanted
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.encoding.footers import IDS, Footer, is_damage
from storage.segments.encoding.groups import GroupFile
from storage.segments.runs import find_groups, find_series, narrow_runs
from storage.segments.segment import SegmentMeta

INT64 = np.iinfo(np.int64)
SERIES_COLUMNS = ("series_id", "samples", "min_ts", "max_ts")
INDEX_SCHEMA = pa.schema([pa.field(name, pa.int64(), nullable=False) for name in SERIES_COLUMNS])


@dataclass(frozen=True, slots=True)
class RowRuns:
    """RowRuns of rows, ascending: items: positions among the ids asked for; firsts, ends: rows;
    min_ms, max_ms: bounds of the times of each run."""

    items: Int64s
    firsts: Int64s
    ends: Int64s
    min_ms: Int64s
    max_ms: Int64s

    def part(self, first: int, end: int) -> "RowRuns":
        """Those of the ids asked for that are at [first, end), as if no others had been."""
        low, high = np.searchsorted(self.items, (first, end)).tolist()
        found = self.take(slice(low, high))
        return replace(found, items=found.items - first) if first else found

    def take(self, chosen: Int64s | slice) -> "RowRuns":
        return RowRuns(
            self.items[chosen],
            self.firsts[chosen],
            self.ends[chosen],
            self.min_ms[chosen],
            self.max_ms[chosen],
        )

    def within(self, footer: Footer, span: tuple[int, int]) -> "RowRuns":
        """What is left without the row groups at both ends that have no time in the span."""
        if not len(self.items) or (self.min_ms.min() >= span[0] and self.max_ms.max() <= span[1]):
            return self
        found = np.stack([self.items, self.firsts, self.ends, self.min_ms, self.max_ms])
        bounds = frozen(footer.offsets), frozen(footer.min_ms), frozen(footer.max_ms)
        return RowRuns(*found[:, : narrow_runs(*bounds, *span, found)])


NO_ROWS = RowRuns(*[np.zeros(0, np.int64)] * 5)


@dataclass(frozen=True, slots=True)
class RowIndex:
    """The series with rows: ids ascending; series i has the rows offsets[i]:offsets[i+1], with
    times from min_ms[i] to max_ms[i], or within."""

    ids: Int64s
    offsets: Int64s
    min_ms: Int64s
    max_ms: Int64s

    @classmethod
    def of(cls, ids: Int64s, offsets: Int64s, min_ms: Int64s, max_ms: Int64s) -> "RowIndex":
        """Of columns that nothing writes to any more."""
        return cls(frozen(ids), frozen(offsets), frozen(min_ms), frozen(max_ms))

    @property
    def held_bytes(self) -> int:
        return 8 * 4 * (len(self.ids) + 1)

    def find(self, ids: Int64s, span: tuple[int, int]) -> RowRuns:
        """The rows of those of the ids (strictly ascending) that may have times in the span."""
        found = np.empty((5, min(len(ids), len(self.ids))), np.int64)
        count = find_series(
            self.ids, self.offsets, self.min_ms, self.max_ms, frozen(ids), *span, found
        )
        return RowRuns(*found[:, :count])


@dataclass(frozen=True, slots=True)
class Source:
    """A segment that may have some of the wanted rows, and these. path: of its floats."""

    segment: SegmentMeta
    path: Path
    footer: Footer
    wanted: RowRuns
    is_damaged: bool = False

    @property
    def has_extras(self) -> bool:
        """Whether it has more than floats without start timestamps, or less than it should."""
        return bool(self.segment.histograms) or self.footer.has_starts or self.is_damaged

    def is_wide(self, span: tuple[int, int]) -> bool:
        """Whether some runs reach out of the span, so that their times have to be read."""
        runs = self.wanted
        return bool(((runs.min_ms < span[0]) | (runs.max_ms > span[1])).any())


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Which rows of which segments a read of some series (strictly ascending) over a span takes.

    A segment must not be deleted while there is a plan with it that is to be read."""

    sources: Sequence[Source]
    ids: Int64s
    span: tuple[int, int]

    def part(self, first: int, end: int) -> "ReadPlan":
        """For the series at [first, end)."""
        if first == 0 and end == len(self.ids):
            return self
        parts = [replace(s, wanted=s.wanted.part(first, end)) for s in self.sources]
        sources = [s for s in parts if len(s.wanted.items) or s.segment.histograms]
        return ReadPlan(sources, self.ids[first:end], self.span)

    @property
    def runs(self) -> list[RowRuns]:
        return [source.wanted for source in self.sources]


def read_row_index(
    directory: Path,
    segment: SegmentMeta,
    footer: Footer,
    damages: Damages,
    places: Places = HERE,
) -> RowIndex:
    """directory: the segment's; damages: what is found not to be readable; places: where the files
    are. Raises FormatError if one is missing."""
    if not segment.histograms and damages.of(directory / SERIES_FILE) is not None:
        try:
            index = index_of_series(directory / SERIES_FILE)
            if agrees(index, footer):
                return index
        except FormatError as error:
            if not is_damage(error):
                raise
    return index_of_ids(directory / SAMPLES_FILE, footer, damages, places)


def index_of_series(path: Path) -> RowIndex:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            table = file.read(SERIES_COLUMNS, use_threads=False).cast(INDEX_SCHEMA)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    ids, counts, min_ms, max_ms = (table[name].to_numpy() for name in SERIES_COLUMNS)
    filled = np.flatnonzero(counts > 0)
    return RowIndex.of(ids[filled], offsets_of(counts[filled]), min_ms[filled], max_ms[filled])


def index_of_ids(path: Path, footer: Footer, damages: Damages, places: Places = HERE) -> RowIndex:
    """By the ids of all rows; nothing is known of the times. Where ids cannot be decoded, rows are
    not looked at by anyone: any will do."""
    ids = np.empty(footer.rows, np.int64)
    begins = footer.starts[:, IDS]
    places.bring([Wanted(path, begins, begins + footer.sizes[:, IDS])])
    with GroupFile(path, footer, places.place(path)) as file:
        for number in range(len(footer.first_ids)):
            room = ids[footer.offsets[number] : footer.offsets[number + 1]]
            try:
                room[:] = file.ids_of(number)
            except FormatError as error:
                damages.note(path, [number], str(error))
                room[:] = footer.first_ids[number]
    ends = np.flatnonzero(np.append(ids[1:] != ids[:-1], True)) if len(ids) else ids
    counts = np.diff(np.concatenate([[-1], ends]))
    wide = [np.full(len(ends), bound, np.int64) for bound in (INT64.min, INT64.max)]
    return RowIndex.of(ids[ends], offsets_of(counts), wide[0], wide[1])


def offsets_of(counts: Int64s) -> Int64s:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def agrees(index: RowIndex, footer: Footer) -> bool:
    """Whether the rows are as many as the samples, and each row group begins and ends with the
    series that it should."""
    if index.offsets[-1] != footer.rows or (index.ids[1:] <= index.ids[:-1]).any():
        return False
    firsts = np.searchsorted(index.offsets, footer.offsets[:-1], side="right") - 1
    lasts = np.searchsorted(index.offsets, footer.offsets[1:] - 1, side="right") - 1
    same = (index.ids[firsts] == footer.first_ids) & (index.ids[lasts] == footer.last_ids)
    return bool(same.all())


def groups_with(runs: RowRuns, offsets: Int64s) -> Int64s:
    """The row groups that have rows of some of the runs; ascending."""
    numbers = np.empty(len(offsets), np.int64)
    return numbers[: find_groups(runs.firsts, runs.ends, offsets, numbers)]


def joined(runs: Sequence[RowRuns]) -> tuple[Int64s, Int64s, Int64s]:
    """The runs of all files, one after the other: items, first times, numbers of rows."""
    if not runs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    return (
        np.concatenate([r.items for r in runs]),
        np.concatenate([r.min_ms for r in runs]),
        np.concatenate([r.ends - r.firsts for r in runs]),
    )


def in_line(runs: Sequence[RowRuns]) -> bool:
    """Whether no two runs of a series overlap in time."""
    if len(runs) < 2:
        return True
    items, min_ms, _ = joined(runs)
    max_ms = np.concatenate([r.max_ms for r in runs])
    order = np.lexsort((min_ms, items))
    items, min_ms, max_ms = items[order], min_ms[order], max_ms[order]
    overlap = (items[1:] == items[:-1]) & (min_ms[1:] <= max_ms[:-1])
    return not overlap.any()
