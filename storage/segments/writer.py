"""Writing a segment: sorted columns in, a durable directory out.

Arrow encodes all files, which get their columns block after block, so a segment is never in memory
as a whole. A series table of a million series takes it 2 s, and DuckDB 14 s, because that checks
every map of labels for keys given twice.

Invariants:
* The directory has its final name only after all of it was synced.
* Whatever fails, nothing but a temporary directory may be left behind.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import StorageError
from storage.files import (
    EXEMPLARS_FILE,
    HISTOGRAMS_FILE,
    META_FILE,
    SAMPLES_FILE,
    SERIES_FILE,
    TEMPORARY_SUFFIX,
    make_directory,
    sync_directory,
    sync_file,
)
from storage.histograms.columns import NO_HISTOGRAM
from storage.histograms.fingerprints import fingerprints
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s, UInt64s
from storage.labels.pairs import LabelPairs, take_pairs
from storage.samples.exemplars import Exemplars, no_exemplars
from storage.samples.samples import Samples
from storage.segments.duck import Duck
from storage.segments.encoding.samples_file import (
    GROUP_ROWS,
    OLD_GROUP_ROWS,
    FloatRows,
    SampleWriter,
)
from storage.segments.exemplars import write_exemplars
from storage.segments.histograms import HISTOGRAM_GROUPS, HistogramGroups, HistogramWriter
from storage.segments.runs import strictly_ascending
from storage.segments.segment import (
    FIRST_ORIGIN,
    Origin,
    SegmentMeta,
    file_sum,
    write_meta,
)
from storage.segments.ulid import new_ulid, ulid_time_ms

SERIES_BATCH_ROWS = 65_536

SERIES_SCHEMA = pa.schema(
    [
        pa.field("series_id", pa.int64(), nullable=False),
        pa.field("tenant", pa.large_string(), nullable=False),
        pa.field("labels", pa.map_(pa.large_string(), pa.large_string()), nullable=False),
        pa.field("min_ts", pa.int64(), nullable=False),
        pa.field("max_ts", pa.int64(), nullable=False),
        pa.field("samples", pa.int64(), nullable=False),
        pa.field("last_value", pa.float64(), nullable=False),
    ]
)
# Only in segments with native histograms.
PRINTS_SCHEMA = SERIES_SCHEMA.append(pa.field("last_histogram", pa.int64()))
# Only texts gain from dictionaries. Without the Arrow schema in the file, all readers see the same
# types.
SERIES_FORMAT: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["tenant", "labels.key_value.key", "labels.key_value.value"],
    "column_encoding": {
        "series_id": "DELTA_BINARY_PACKED",
        "min_ts": "DELTA_BINARY_PACKED",
        "max_ts": "DELTA_BINARY_PACKED",
        "samples": "DELTA_BINARY_PACKED",
        "last_value": "BYTE_STREAM_SPLIT",
    },
    "store_schema": False,
}

# Series ids, strictly ascending, and their samples; a series may go on in the next block.
Block = tuple[Int64s, Samples]


@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """The series a segment may have; those that no block brings samples of are left out.

    ids: int64, strictly ascending. tenants: int32 positions in tenant_names. pairs: labels of each
    series, sorted by name, as positions in symbols. tenant_names, symbols: Arrow arrays of texts.
    """

    ids: Int64s
    tenants: Int32s
    pairs: LabelPairs
    tenant_names: pa.Array
    symbols: pa.Array


@dataclass(frozen=True, slots=True)
class RowGroups:
    """How large the row groups of samples and histograms get; old_sample_rows: of segments of
    OLD_LEVEL and above."""

    sample_rows: int = GROUP_ROWS
    histograms: HistogramGroups = HISTOGRAM_GROUPS
    old_sample_rows: int = OLD_GROUP_ROWS


ROW_GROUPS = RowGroups()
OLD_LEVEL = 3  # windows of eight days


class EmptySegment(Exception):
    """There is nothing to write, and no segment is made."""


class SegmentWriter:
    """Writes the segments of one shard into its segments directory. One call at a time."""

    def __init__(
        self, duck: Duck, directory: Path, shard: int, groups: RowGroups = ROW_GROUPS
    ) -> None:
        self._groups = groups
        self._duck = duck
        self._directory = directory
        self.shard = shard

    def write(
        self,
        series: SeriesColumns,
        blocks: Iterable[Block],
        exemplars: Exemplars | None = None,
        *,
        created_ms: int,
        origin: Origin = FIRST_ORIGIN,
    ) -> SegmentMeta:
        """Write a segment of all samples of the blocks and of the exemplars. Raises EmptySegment
        if there are none.

        The rows of all blocks together are strictly ascending by (series id, timestamp), exemplars
        too, not strictly; their series are ids. Raises StorageError or OSError if the files cannot
        be written, for example for lack of space.
        """
        exemplars = no_exemplars() if exemplars is None else exemplars
        contents = (series, blocks, exemplars)
        return self.make(
            created_ms, lambda directory, ulid: self._write_files(directory, ulid, contents, origin)
        )

    def make(self, created_ms: int, fill: Callable[[Path, str], SegmentMeta]) -> SegmentMeta:
        """Make the directory of a segment; fill() writes and syncs its files into a temporary one,
        under the ULID that is to be its name."""
        make_directory(self._directory)
        ulid = new_ulid(created_ms)
        temporary = self._directory / (ulid + TEMPORARY_SUFFIX)
        temporary.mkdir()
        try:
            meta = fill(temporary, ulid)
            temporary.rename(self._directory / ulid)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_directory(self._directory)
        return meta

    def remove(self, segment: SegmentMeta) -> None:
        """Delete a segment that is not to be registered, as well as that can be done."""
        shutil.rmtree(self._directory / segment.ulid, ignore_errors=True)

    def _write_files(
        self,
        directory: Path,
        ulid: str,
        contents: tuple[SeriesColumns, Iterable[Block], Exemplars],
        origin: Origin,
    ) -> SegmentMeta:
        series, blocks, exemplars = contents
        summary = SeriesSummary(series.ids)
        names, is_old = [SAMPLES_FILE, SERIES_FILE], origin.level >= OLD_LEVEL
        rows_max = self._groups.old_sample_rows if is_old else self._groups.sample_rows
        with (
            HistogramWriter(directory / HISTOGRAMS_FILE, self._groups.histograms) as histograms,
            SampleWriter(
                directory / SAMPLES_FILE, starts=origin.starts, group_rows=rows_max, is_old=is_old
            ) as writer,
        ):
            for part in float_rows(blocks, summary, histograms, starts=origin.starts):
                writer.write(part)
        if histograms.count:
            names.append(HISTOGRAMS_FILE)
        if len(exemplars):
            write_exemplars(exemplars, directory / EXEMPLARS_FILE)
            names.append(EXEMPLARS_FILE)
            summary.add_exemplars(exemplars)
        rows = summary.rows()
        if not len(rows):
            raise EmptySegment
        described = series_batches(series, summary, rows)
        write_series(described, series_schema(summary), directory / SERIES_FILE)
        return finished(
            directory,
            names,
            summary.meta(ulid, self.shard, origin, summary.times(), exemplars=len(exemplars)),
            origin,
        )


def finished(
    directory: Path, names: Sequence[str], segment: SegmentMeta, origin: Origin
) -> SegmentMeta:
    """Write meta.json beside these files, and sync all; the segment with the size of its files."""
    files = {name: file_sum(directory / name) for name in names}
    size = sum(file.bytes for file in files.values())
    segment = msgspec.structs.replace(segment, bytes=size)
    write_meta(directory, segment, files, origin)
    for name in (*names, META_FILE):
        sync_file(directory / name)
    sync_directory(directory)
    return segment


class SeriesSummary:
    """Per series: range of times, number of samples and newest value of the blocks seen, and the
    fingerprint of that if it is a histogram, else 0. A series that has only exemplars has no
    samples, and its range is empty: it ends before it begins."""

    def __init__(self, ids: Int64s) -> None:
        whole = np.iinfo(np.int64)
        self.ids = ids
        self.min_ms: Int64s = np.full(len(ids), whole.max, np.int64)
        self.max_ms: Int64s = np.full(len(ids), whole.min, np.int64)
        self.samples: Int64s = np.zeros(len(ids), np.int64)
        self.last_values: Float64s = np.zeros(len(ids), np.float64)
        self.last_prints: UInt64s = np.zeros(len(ids), np.uint64)
        self.histograms = 0
        self.has_exemplars: Bools = np.zeros(len(ids), np.bool_)
        self.exemplar_times: list[int] = []

    def add(self, ids: Int64s, samples: Samples) -> None:
        """Take a block in. All its ids must be known, and its samples follow those before."""
        filled = np.flatnonzero(np.diff(samples.offsets))
        ids = ids[filled]
        firsts, lasts = samples.offsets[filled], samples.offsets[filled + 1] - 1
        rows = np.searchsorted(self.ids, ids)
        assert (self.ids[np.minimum(rows, len(self.ids) - 1)] == ids).all(), "BUG: unknown series"
        first_ms = samples.timestamps[firsts]
        follows = (self.samples[rows] == 0) | (first_ms > self.max_ms[rows])
        assert follows.all(), "BUG: a series goes on with older samples"
        self.min_ms[rows] = np.minimum(self.min_ms[rows], first_ms)
        self.max_ms[rows] = samples.timestamps[lasts]
        self.samples[rows] += lasts - firsts + 1
        self.last_values[rows] = samples.values[lasts]
        if samples.natives is None:
            return
        newest = samples.natives.rows[lasts]
        mixed = newest != NO_HISTOGRAM
        prints = fingerprints(samples.natives.histograms, newest[mixed].astype(np.int64))
        self.last_prints[rows] = 0
        self.last_prints[rows[mixed]] = prints
        self.histograms += int(samples.natives.mask.sum())

    def add_exemplars(self, exemplars: Exemplars) -> None:
        """Take exemplars in, whose series are ids; all of these must be known."""
        rows = np.searchsorted(self.ids, exemplars.series)
        known = self.ids[np.minimum(rows, len(self.ids) - 1)] == exemplars.series
        assert known.all(), "BUG: exemplars of an unknown series"
        self.has_exemplars[rows] = True
        times = exemplars.timestamps
        self.exemplar_times = [int(times.min()), int(times.max())]

    def rows(self) -> Int64s:
        """The positions of the series that have samples or exemplars."""
        return np.flatnonzero((self.samples > 0) | self.has_exemplars)

    def meta(
        self,
        ulid: str,
        shard: int,
        origin: Origin,
        times: tuple[int, int],
        *,
        exemplars: int = 0,
    ) -> SegmentMeta:
        """The segment, without the size of its files. times: first and last."""
        min_ms, max_ms = times
        return SegmentMeta(
            ulid=ulid,
            shard=shard,
            min_ms=min_ms,
            max_ms=max_ms,
            samples=int(self.samples.sum()),
            series=len(self.rows()),
            bytes=0,
            created_ms=ulid_time_ms(ulid),
            level=origin.level,
            resolution_ms=origin.resolution_ms,
            exemplars=exemplars,
            histograms=self.histograms,
            rank=origin.rank,
            from_ms=origin.cover[0],
            to_ms=origin.cover[1],
        )

    def times(self) -> tuple[int, int]:
        """The first and last time of all samples; of the exemplars, if there are no samples."""
        filled = np.flatnonzero(self.samples)
        if not len(filled):
            return self.exemplar_times[0], self.exemplar_times[1]
        return int(self.min_ms[filled].min()), int(self.max_ms[filled].max())


def float_rows(
    blocks: Iterable[Block], summary: SeriesSummary, histograms: HistogramWriter, *, starts: bool
) -> Iterator[FloatRows]:
    """The rows of samples.parquet. On the way the samples are summed up, their order is checked,
    and those that are histograms are written to their own file."""
    newest_id = -1
    for ids, samples in blocks:
        if not len(samples):
            continue
        assert ids[0] >= newest_id, f"BUG: series {ids[0]} after {newest_id}"
        assert strictly_ascending(ids, samples.offsets, samples.timestamps), "BUG: unsorted block"
        newest_id = int(ids[-1])
        summary.add(ids, samples)
        histograms.write(ids, samples)
        since = samples.starts if starts else None
        if starts and since is None:
            since = np.zeros(len(samples), np.int64)
        rows = FloatRows(
            np.repeat(ids, np.diff(samples.offsets)), samples.timestamps, samples.values, since
        )
        yield rows if samples.natives is None else rows.take(~samples.natives.mask)


def series_schema(summary: SeriesSummary) -> pa.Schema:
    """The columns of series.parquet; fingerprints only if the segment has histograms."""
    return PRINTS_SCHEMA if summary.histograms else SERIES_SCHEMA


def write_series(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    """Write each batch as a row group."""
    try:
        with pq.ParquetWriter(path, schema, **SERIES_FORMAT) as writer:
            for batch in batches:
                writer.write_batch(batch)
    except pa.ArrowException as error:
        raise StorageError(f"cannot write {path}: {error}") from error


def series_batches(
    series: SeriesColumns, summary: SeriesSummary, rows: Int64s
) -> Iterator[pa.RecordBatch]:
    """The rows of series.parquet for the series at positions `rows`."""
    schema = series_schema(summary)
    for start in range(0, len(rows), SERIES_BATCH_ROWS):
        part = rows[start : start + SERIES_BATCH_ROWS]
        columns = [
            pa.array(series.ids[part]),
            texts_of(series.tenant_names, series.tenants[part]),
            label_maps(series.pairs, series.symbols, part),
            pa.array(summary.min_ms[part]),
            pa.array(summary.max_ms[part]),
            pa.array(summary.samples[part]),
            pa.array(summary.last_values[part]),
        ]
        if schema is PRINTS_SCHEMA:
            prints = summary.last_prints[part]
            columns.append(pa.array(prints.view(np.int64), mask=prints == 0))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def texts_of(texts: pa.Array, codes: Int32s) -> pa.Array:
    return texts.take(pa.array(codes)).cast(pa.large_string())


def label_maps(pairs: LabelPairs, symbols: pa.Array, rows: Int64s) -> pa.Array:
    """One map of label names to values for each of the rows."""
    taken = take_pairs(pairs, rows)
    return pa.MapArray.from_arrays(
        pa.array(taken.offsets.astype(np.int32)),
        texts_of(symbols, taken.names),
        texts_of(symbols, taken.values),
        type=SERIES_SCHEMA.field("labels").type,
    )
