"""Reading the samples of segments: a few series, or all of them, over a time range.

A segment's footer states which ids and times each row group has; only the groups that can have
wanted rows are read, and of these only the wanted rows are kept. Groups are decoded with Arrow
directly, not by a query to DuckDB: one series out of 34 M rows takes 1.2 ms instead of 8 ms, of
which DuckDB needs 6 ms to bind the file.

Invariants:
* Of equal (series, timestamp), the sample of the segment that is named first is given.
* At most ReadLimits.groups row groups are decoded at a time, whatever is asked for.
* A damaged row group costs its own samples: it is passed over, which is logged and counted.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.files import HISTOGRAMS_FILE, SAMPLES_FILE
from storage.histograms.columns import Natives
from storage.histograms.histograms import take
from storage.kernels.arrays import Int64s, UInt64s
from storage.samples.merge import is_plain, pick, ranges, stack
from storage.samples.samples import Samples, empty_samples
from storage.segments.damage import Damages
from storage.segments.histograms import COLUMNS as HISTOGRAM_COLUMNS
from storage.segments.histograms import buckets_of, rows_of
from storage.segments.runs import copy_runs, find_runs, merge_runs
from storage.segments.segment import SegmentMeta, overlapping

# Counted as encoded. Decoded they take about nine times as much; the footer of a segment of 34 M
# samples has 166 KB.
FOOTER_CACHE_BYTES = 16 << 20
COLUMNS = ("series_id", "ts", "value")
STARTS_COLUMNS = (*COLUMNS, "start_ts")
Decoded = TypeVar("Decoded")
LAYOUTS = (COLUMNS, STARTS_COLUMNS, HISTOGRAM_COLUMNS)


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file has in each row group: int64 columns, one entry per group."""

    parquet: pq.FileMetaData
    first_ids: Int64s
    last_ids: Int64s
    min_ms: Int64s
    max_ms: Int64s


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a file, sorted by (series id, timestamp). starts: None if none is known."""

    ids: Int64s
    timestamps: Int64s
    bits: UInt64s
    starts: Int64s | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of samples, one after the other: run r is series r of `samples` and belongs to
    ids[items[r]]."""

    items: Int64s
    samples: Samples


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How many row groups are decoded at a time: 16 of samples are about 24 MB decoded, four of
    histograms about 48 MB."""

    groups: int = 16
    histogram_groups: int = 4


READ_LIMITS = ReadLimits()


class FooterCache:
    """The footers used last, shared by all shards and threads."""

    def __init__(self, bytes_max: int = FOOTER_CACHE_BYTES) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._footers: OrderedDict[Path, Footer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> Footer:
        """The footer of a file; raises FormatError if the file cannot be read."""
        with self._lock:
            footer = self._footers.get(path)
            if footer is not None:
                self._footers.move_to_end(path)
                return footer
        footer = read_footer(path)
        with self._lock:
            if path not in self._footers:
                self._footers[path] = footer
                self._bytes += footer.parquet.serialized_size
            while self._bytes > self._bytes_max and len(self._footers) > 1:
                _, oldest = self._footers.popitem(last=False)
                self._bytes -= oldest.parquet.serialized_size
        return footer


class SegmentReader:
    """Reads the segments of one shard. Thread-safe; holds no open files.

    A segment must not be deleted while it is read: that is a FormatError.
    """

    def __init__(
        self,
        directory: Path,
        footers: FooterCache,
        limits: ReadLimits = READ_LIMITS,
        damages: Damages | None = None,
    ) -> None:
        """directory: the shard's segments directory; damages: what is passed over."""
        self._damages = damages or Damages()
        self._limits = limits
        self._directory = directory
        self._footers = footers

    def select(
        self,
        segments: Sequence[SegmentMeta],
        ids: Int64s,
        span: tuple[int, int],
        spend: Callable[[int], None] = lambda samples: None,
    ) -> Samples:
        """The samples of the series `ids` (strictly ascending) with times in span, both inclusive.

        Row i of the result is ids[i]. segments: oldest first. spend() is given how many samples are
        about to be taken and may raise to stop; a sample that two segments have counts twice, a
        histogram as half as many as it has buckets, if that is more than one.
        """
        filled = overlapping(segments, *span)
        if not len(ids) or not filled:
            return empty_samples(len(ids))
        runs = [r for s in filled for r in self._runs(s, ids, span, spend)]
        joined = join_runs(runs)
        in_order = len(filled) == 1 and not filled[0].histograms
        if in_order or (joined.items[1:] > joined.items[:-1]).all():
            return replace(joined.samples, offsets=offsets_of(joined, len(ids)))
        return merge(joined, len(ids))

    def _runs(
        self,
        segment: SegmentMeta,
        ids: Int64s,
        span: tuple[int, int],
        spend: Callable[[int], None],
    ) -> Iterator[Runs]:
        path = self._directory / segment.ulid / SAMPLES_FILE
        for file, groups, wanted in self._groups(path, ids, span, self._limits.groups):
            first, own_ids = wanted
            for rows in self._readable(path, file, groups, read_groups):
                yield cut_runs(rows, own_ids, first, span, spend)
        if not segment.histograms:
            return
        path = self._directory / segment.ulid / HISTOGRAMS_FILE
        for file, groups, wanted in self._groups(path, ids, span, self._limits.histogram_groups):
            for row_ids, histograms in self._readable(path, file, groups, read_histograms):
                yield cut_histograms(row_ids, histograms, wanted, span, spend)

    def _groups(
        self, path: Path, ids: Int64s, span: tuple[int, int], at_once: int
    ) -> Iterator[tuple[pq.ParquetFile, Int64s, tuple[int, Int64s]]]:
        """The file and some of its row groups at a time: those that can have wanted rows, with
        the ids that they can have and the position of the first of these among all."""
        if self._damages.of(path) is None:
            return
        try:
            footer = self._footers.get(path)
        except FormatError as error:
            if not is_damage(error):
                raise
            self._damages.note(path, None, str(error))
            return
        groups = self._damages.sound(path, wanted_groups(footer, ids, span))
        if not len(groups):
            return
        with open_file(path, footer) as file:
            for start in range(0, len(groups), at_once):
                part = groups[start : start + at_once]
                first = int(np.searchsorted(ids, footer.first_ids[part[0]]))
                behind = int(np.searchsorted(ids, footer.last_ids[part[-1]], side="right"))
                yield file, part, (first, ids[first:behind])

    def _readable(
        self,
        path: Path,
        file: pq.ParquetFile,
        groups: Int64s,
        read: Callable[[Path, pq.ParquetFile, Int64s], Decoded],
    ) -> Iterator[Decoded]:
        """What is read of the groups: all at once, or one by one if some cannot be read."""
        try:
            yield read(path, file, groups)
            return
        except FormatError as error:
            if len(groups) == 1:
                self._damages.note(path, groups.tolist(), str(error))
                return
        for group in groups:
            yield from self._readable(path, file, np.array([group]), read)


def is_damage(error: FormatError) -> bool:
    """Whether a file cannot be understood, other than one that is missing, may not be opened, or
    is of another layout. Arrow's own errors have no number."""
    cause = error.__cause__
    return cause is not None and getattr(cause, "errno", None) is None


def read_footer(path: Path) -> Footer:
    """Raises FormatError if the file is missing, damaged or has other columns."""
    try:
        parquet = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    names = tuple(parquet.schema.to_arrow_schema().names)
    if names not in LAYOUTS:
        raise FormatError(f"{path} has the columns {names}, not {COLUMNS}")
    bounds = np.empty((4, parquet.num_row_groups), np.int64)
    for i in range(parquet.num_row_groups):
        group = parquet.row_group(i)
        ids, times = group.column(0).statistics, group.column(1).statistics
        if ids is None or times is None:
            raise FormatError(f"{path} does not tell the ids and times of its row groups")
        bounds[:, i] = ids.min, ids.max, times.min, times.max
    return Footer(parquet, *bounds)


def wanted_groups(footer: Footer, ids: Int64s, span: tuple[int, int]) -> Int64s:
    """The row groups that can have rows of some of the ids with times in span."""
    first = np.searchsorted(ids, footer.first_ids)
    behind = np.searchsorted(ids, footer.last_ids, side="right")
    in_time = (footer.min_ms <= span[1]) & (footer.max_ms >= span[0])
    return np.flatnonzero((first < behind) & in_time)


def open_file(path: Path, footer: Footer) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, metadata=footer.parquet, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise FormatError(f"cannot read {path}: {error}") from error


def read_table(
    path: Path, file: pq.ParquetFile, groups: Int64s, columns: tuple[str, ...]
) -> pa.Table:
    try:
        # Threads cost more than they save on a single group.
        return file.read_row_groups(groups.tolist(), columns, use_threads=len(groups) > 1)
    except (OSError, pa.ArrowException) as error:
        raise FormatError(f"cannot read {path}: {error}") from error


def read_groups(path: Path, file: pq.ParquetFile, groups: Int64s) -> Rows:
    """The rows of the groups."""
    has_starts = file.metadata.num_columns > len(COLUMNS)
    table = read_table(path, file, groups, STARTS_COLUMNS if has_starts else COLUMNS)
    if any(table[name].null_count for name in COLUMNS):
        raise FormatError(f"{path} has nulls")
    ids, times, values = (table[name].to_numpy() for name in COLUMNS)
    starts = None
    if has_starts and table["start_ts"].null_count < len(table):
        starts = pc.fill_null(table["start_ts"], 0).to_numpy()
    return Rows(ids, times, values.view(np.uint64), starts)


def read_histograms(path: Path, file: pq.ParquetFile, groups: Int64s) -> tuple[Int64s, Samples]:
    """The rows of the groups: series ids, and histograms as samples not yet cut into series."""
    table = read_table(path, file, groups, HISTOGRAM_COLUMNS)
    try:
        return rows_of(table)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def cut_runs(
    rows: Rows,
    ids: Int64s,
    first_item: int,
    span: tuple[int, int],
    spend: Callable[[int], None],
) -> Runs:
    """The runs of the wanted ids within sorted rows; ids[0] is the item first_item."""
    items, starts, offsets = wanted_runs(rows.ids, rows.timestamps, ids, span)
    size = int(offsets[-1])
    spend(size)
    out_times, out_bits = np.empty(size, np.int64), np.empty(size, np.uint64)
    copy_runs(starts, np.diff(offsets), rows.timestamps, rows.bits, out_times, out_bits)
    since = None if rows.starts is None else rows.starts[ranges(starts, offsets)]
    samples = Samples(offsets, out_times, out_bits.view(np.float64), since)
    return Runs(items + first_item, samples)


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
    found = find_runs(row_ids, timestamps, ids, span[0], span[1], items, starts, lengths)
    offsets = np.zeros(found + 1, np.int64)
    np.cumsum(lengths[:found], out=offsets[1:])
    return items[:found], starts[:found], offsets


def join_runs(runs: list[Runs]) -> Runs:
    if not runs:
        return Runs(np.zeros(0, np.int64), empty_samples(0))
    if len(runs) == 1:
        return runs[0]
    return Runs(np.concatenate([r.items for r in runs]), stack([r.samples for r in runs]))


def offsets_of(runs: Runs, series_count: int) -> Int64s:
    """The offsets of rows whose runs lie one after the other."""
    rows = np.searchsorted(runs.items, np.arange(series_count + 1))
    offsets: Int64s = runs.samples.offsets[rows]
    return offsets


def merge(runs: Runs, series_count: int) -> Samples:
    """The samples of runs in any order; of equal times the one that lies first is kept."""
    samples = runs.samples
    starts, ends = samples.offsets[:-1].copy(), samples.offsets[1:]
    order = np.argsort(runs.items, kind="stable")
    offsets = np.zeros(series_count + 1, np.int64)
    timestamps = np.empty_like(samples.timestamps)
    # What is merged is the bits of values, or where all that belongs to a sample lies.
    plain = is_plain(samples)
    carried = samples.values.view(np.uint64) if plain else np.arange(len(samples), dtype=np.uint64)
    bits = np.empty_like(carried)
    merge_runs(
        order, runs.items, starts, ends, samples.timestamps, carried, offsets, timestamps, bits
    )
    size = int(offsets[-1])
    if not plain:
        return pick(samples, offsets, bits[:size].view(np.int64))
    return Samples(offsets, timestamps[:size], bits[:size].view(np.float64))
