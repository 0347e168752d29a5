"""Reading the histograms of segments: those of some series in a time range, with Arrow.

A footer states which ids and times each row group has; only the groups that can have wanted rows
are read, a few at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.files import HISTOGRAMS_FILE
from storage.histograms.columns import Natives
from storage.histograms.histograms import take
from storage.kernels.arrays import Int64s, frozen
from storage.samples.merge import ranges
from storage.samples.samples import Samples
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.histograms import COLUMNS, COUNTED_COLUMNS, buckets_of, rows_of
from storage.segments.merging import Runs
from storage.segments.runs import find_runs

# Four row groups are about 48 MB decoded.
GROUPS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class HistogramFooter:
    """What a file has in each row group."""

    parquet: pq.FileMetaData
    first_ids: Int64s
    last_ids: Int64s
    min_ms: Int64s
    max_ms: Int64s

    @property
    def held_bytes(self) -> int:
        """Decoded it takes about nine times as much as in the file."""
        return 9 * int(self.parquet.serialized_size)


def read_footer(directory: Path, place: Path | None = None) -> HistogramFooter:
    """directory: the segment's; place: where the file is, if not there. Raises FormatError if the
    file is missing, damaged or has other columns."""
    path = directory / HISTOGRAMS_FILE
    try:
        parquet = pq.read_metadata(place or path)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    names = tuple(parquet.schema.to_arrow_schema().names)
    if names not in (COLUMNS, COUNTED_COLUMNS):
        raise FormatError(f"{path} has the columns {names}, not {COLUMNS}")
    bounds = np.empty((4, parquet.num_row_groups), np.int64)
    for i in range(parquet.num_row_groups):
        group = parquet.row_group(i)
        ids, times = group.column(0).statistics, group.column(1).statistics
        if ids is None or times is None:
            raise FormatError(f"{path} does not tell the ids and times of its row groups")
        bounds[:, i] = ids.min, ids.max, times.min, times.max
    return HistogramFooter(parquet, *bounds)


@dataclass(frozen=True, slots=True)
class HistogramReader:
    """Reads the histograms of a segment. path: what the file is called; damages: what is passed
    over; place: where the file is."""

    path: Path
    footer: HistogramFooter
    damages: Damages
    place: Path

    def runs(
        self,
        ids: Int64s,
        span: tuple[int, int],
        spend: Callable[[int], None],
        groups_at_once: int = GROUPS_AT_ONCE,
    ) -> Iterator[Runs]:
        """The histograms of the series `ids` (strictly ascending) with times in span. spend() is
        given half the number of their buckets, at least one for each."""
        path = self.path
        groups = self.damages.sound(path, wanted_groups(self.footer, ids, span))
        if not len(groups):
            return
        with open_file(self.place, self.footer) as file:
            for start in range(0, len(groups), groups_at_once):
                part = groups[start : start + groups_at_once]
                first = int(np.searchsorted(ids, self.footer.first_ids[part[0]]))
                behind = int(np.searchsorted(ids, self.footer.last_ids[part[-1]], side="right"))
                for row_ids, rows in self._readable(path, file, part):
                    yield cut_histograms(row_ids, rows, (first, ids[first:behind]), span, spend)

    def _readable(
        self, path: Path, file: pq.ParquetFile, groups: Int64s
    ) -> Iterator[tuple[Int64s, Samples]]:
        """What is read of the groups: all at once, or one by one if some cannot be read."""
        try:
            yield read_rows(path, file, groups)
            return
        except FormatError as error:
            if len(groups) == 1:
                self.damages.note(path, groups.tolist(), str(error))
                return
        for group in groups:
            yield from self._readable(path, file, np.array([group]))


def open_file(path: Path, footer: HistogramFooter) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, metadata=footer.parquet, pre_buffer=False)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error


def wanted_groups(footer: HistogramFooter, ids: Int64s, span: tuple[int, int]) -> Int64s:
    """The row groups that can have rows of some of the ids with times in span."""
    first = np.searchsorted(ids, footer.first_ids)
    behind = np.searchsorted(ids, footer.last_ids, side="right")
    in_time = (footer.min_ms <= span[1]) & (footer.max_ms >= span[0])
    return np.flatnonzero((first < behind) & in_time)


def read_rows(path: Path, file: pq.ParquetFile, groups: Int64s) -> tuple[Int64s, Samples]:
    """The rows of the groups: series ids, and histograms as samples not yet cut into series."""
    try:
        # Threads cost more than they save on a single group.
        table = file.read_row_groups(groups.tolist(), COLUMNS, use_threads=len(groups) > 1)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    try:
        return rows_of(table)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def cut_histograms(
    row_ids: Int64s,
    rows: Samples,
    wanted: tuple[int, Int64s],
    span: tuple[int, int],
    spend: Callable[[int], None],
) -> Runs:
    """The runs of histograms of the wanted ids; wanted: the item of the first id, and the ids."""
    assert rows.natives is not None, "BUG: rows of histograms without histograms"
    histograms = rows.natives.histograms
    items, starts, offsets = wanted_runs(row_ids, rows.timestamps, wanted[1], span)
    places = ranges(starts, offsets)
    sizes = buckets_of(histograms)[places]
    spend(int(np.maximum(1, sizes // 2).sum()))
    chosen = take(histograms, places)
    since = None if rows.starts is None else rows.starts[places]
    natives = Natives(chosen, np.arange(len(places), dtype=np.int32))
    samples = Samples(offsets, rows.timestamps[places], chosen.sums, since, natives)
    return Runs(items + wanted[0], samples)


def wanted_runs(
    row_ids: Int64s, timestamps: Int64s, ids: Int64s, span: tuple[int, int]
) -> tuple[Int64s, Int64s, Int64s]:
    """Where the rows of the wanted ids lie: positions of the ids, first rows, and the offsets of
    the runs one after the other."""
    items, starts, lengths = (np.empty(len(ids), np.int64) for _ in range(3))
    row_ids, timestamps = frozen(row_ids), frozen(timestamps)
    found = find_runs(row_ids, timestamps, ids, span[0], span[1], items, starts, lengths)
    offsets = np.zeros(found + 1, np.int64)
    np.cumsum(lengths[:found], out=offsets[1:])
    return items[:found], starts[:found], offsets
