"""Writing downsampled segments: blocks of aggregates in, a durable directory out.

What holds of storage.segments.writer holds here, too. A block has all windows of its series, and a
row group ends where a series ends, unless that series alone has more, or where the scale changes.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.downsampling.aggregates import Aggregates, Rows, empty_rows, take_rows
from storage.errors import StorageError
from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE, SERIES_FILE
from storage.histograms.fingerprints import fingerprints
from storage.kernels.arrays import Int64s
from storage.kernels.stale import STALE_NAN
from storage.samples.samples import Samples
from storage.segments.aggregates.columns import FORMAT, SCHEMA, table_of
from storage.segments.encoding.samples_file import MIXED_ROWS
from storage.segments.encoding.scaling import POWERS, end_groups, scales_of
from storage.segments.histograms import HistogramWriter
from storage.segments.segment import Origin, SegmentMeta
from storage.segments.writer import (
    SegmentWriter,
    SeriesColumns,
    SeriesSummary,
    finished,
    series_batches,
    series_schema,
    write_series,
)

GROUP_ROWS = 32_768

# Series ids, strictly ascending, and all windows they have.
AggregateBlock = tuple[Int64s, Aggregates]


class AggregateWriter(AbstractContextManager["AggregateWriter"]):
    """Writes one aggregates.parquet, in the order in which rows come. Raises StorageError."""

    def __init__(self, path: Path, group_rows: int = GROUP_ROWS) -> None:
        self._path = path
        self._group_rows = group_rows
        self._ids, self._rows = np.zeros(0, np.int64), empty_rows(0)
        self._writer = pq.ParquetWriter(path, SCHEMA, **FORMAT)

    def write(self, ids: Int64s, aggregates: Aggregates) -> None:
        """Add the rows of series, whose ids ascend, behind those before."""
        own = np.repeat(ids, np.diff(aggregates.offsets))
        owners = np.concatenate([self._ids, own])
        pairs = zip(self._rows, aggregates.rows, strict=True)
        rows = Rows._make(np.concatenate(both) for both in pairs)
        first = 0
        for end in group_ends(owners, rows, self._group_rows):
            self._write_group(owners[first:end], take_rows(rows, slice(first, end)))
            first = end
        self._ids, self._rows = owners[first:], take_rows(rows, slice(first, None))

    def _write_group(self, ids: Int64s, rows: Rows) -> None:
        try:
            self._writer.write_table(table_of(ids, rows), row_group_size=len(ids))
        except pa.ArrowException as error:
            raise StorageError(f"cannot write {self._path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and len(self._ids):
                self._write_group(self._ids, self._rows)
        finally:
            self._writer.close()


def group_ends(owners: Int64s, rows: Rows, group_rows: int) -> list[int]:
    """Where row groups end that no later row belongs to. owners: the series of each row."""
    begins = np.flatnonzero(np.diff(owners, prepend=owners[:1] - 1))
    offsets = np.append(begins, len(owners)).astype(np.int64)
    # The samples of each series, in any order.
    columns = np.stack([rows.last, rows.first, rows.min, rows.max], 1)
    columns[rows.count == 0] = 0.0
    scales = np.empty(len(offsets) - 1, np.int64)
    scales_of(4 * offsets, columns.ravel(), POWERS, scales)
    ends = np.empty(len(scales) + len(owners) // group_rows, np.int64)
    count = end_groups(offsets, scales, group_rows, min(MIXED_ROWS, group_rows), ends)
    found: list[int] = ends[:count].tolist()
    return found


def write_downsampled(
    writer: SegmentWriter,
    series: SeriesColumns,
    blocks: Iterable[AggregateBlock],
    *,
    created_ms: int,
    origin: Origin,
) -> SegmentMeta:
    """Write a segment of all aggregates of the blocks, whose series ascend over all blocks. If
    there are none, the segment says just that. Raises StorageError or OSError."""
    assert origin.resolution_ms and origin.cover[0] < origin.cover[1], f"BUG: {origin}"

    def fill(directory: Path, ulid: str) -> SegmentMeta:
        summary = SeriesSummary(series.ids)
        names = [AGGREGATES_FILE, SERIES_FILE]
        with (
            HistogramWriter(directory / HISTOGRAMS_FILE) as histograms,
            AggregateWriter(directory / AGGREGATES_FILE) as aggregates,
        ):
            for ids, block in blocks:
                aggregates.write(ids, block)
                if block.histograms is not None:
                    histograms.write(ids, block.histograms.samples, block.histograms.counts)
                summarize(summary, ids, block)
        if histograms.count:
            names.append(HISTOGRAMS_FILE)
        rows = summary.rows()
        described = series_batches(series, summary, rows)
        write_series(described, series_schema(summary), directory / SERIES_FILE)
        times = summary.times() if len(rows) else (origin.cover[0] + 1, origin.cover[1])
        segment = summary.meta(ulid, writer.shard, origin, times)
        return finished(directory, names, segment, origin)

    return writer.make(created_ms, fill)


def summarize(summary: SeriesSummary, ids: Int64s, block: Aggregates) -> None:
    """Take the first and last samples of series in, none of which may have come before."""
    filled = np.flatnonzero(np.diff(block.offsets))
    if len(filled):
        rows = np.searchsorted(summary.ids, ids[filled])
        assert (summary.ids[rows] == ids[filled]).all(), "BUG: unknown series"
        firsts, lasts = block.offsets[filled], block.offsets[filled + 1] - 1
        summary.min_ms[rows] = block.first_ms[firsts]
        summary.max_ms[rows] = block.last_ms[lasts]
        ended = block.stale_ms[lasts] != 0
        summary.max_ms[rows[ended]] = block.stale_ms[lasts[ended]]
        summary.last_values[rows] = block.last[lasts]
        summary.last_values[rows[ended]] = STALE_NAN
        summary.samples[rows] += lasts - firsts + 1
    if block.histograms is not None:
        summarize_histograms(summary, ids, block.histograms.samples)


def summarize_histograms(summary: SeriesSummary, ids: Int64s, kept: Samples) -> None:
    filled = np.flatnonzero(np.diff(kept.offsets))
    rows = np.searchsorted(summary.ids, ids[filled])
    assert kept.natives is not None and (summary.ids[rows] == ids[filled]).all(), "BUG: unknown"
    firsts, lasts = kept.offsets[filled], kept.offsets[filled + 1] - 1
    summary.min_ms[rows] = np.minimum(summary.min_ms[rows], kept.timestamps[firsts])
    newer = kept.timestamps[lasts] > summary.max_ms[rows]
    newest, own = lasts[newer], rows[newer]
    summary.max_ms[own] = kept.timestamps[newest]
    summary.last_values[own] = kept.values[newest]
    prints = fingerprints(kept.natives.histograms, kept.natives.rows[newest].astype(np.int64))
    summary.last_prints[own] = prints
    summary.samples[rows] += lasts - firsts + 1
    summary.histograms += len(kept)
