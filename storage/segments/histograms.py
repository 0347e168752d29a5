"""The native histograms of segments: a Parquet file, written and read with Arrow.

    histograms.parquet   one row per histogram, its buckets as lists; sorted by (series_id, ts)

A segment without native histograms has no such file. Which of two samples of one moment counts is
not decided here: a series may have floats and histograms, so they are merged together.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import FormatError, StorageError
from storage.histograms.columns import Bounds, Buckets, Histograms, Natives
from storage.histograms.histograms import take
from storage.kernels.arrays import Int64s
from storage.samples.samples import Samples

INDEXES = pa.list_(pa.field("element", pa.int32(), nullable=False))
NUMBERS = pa.list_(pa.field("element", pa.float64(), nullable=False))
SCHEMA = pa.schema(
    [
        pa.field("series_id", pa.int64(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
        pa.field("start_ts", pa.int64()),
        pa.field("schema", pa.int8(), nullable=False),
        pa.field("counter_reset_hint", pa.int8(), nullable=False),
        pa.field("count", pa.float64(), nullable=False),
        pa.field("sum", pa.float64(), nullable=False),
        pa.field("zero_threshold", pa.float64(), nullable=False),
        pa.field("zero_count", pa.float64(), nullable=False),
        pa.field("positive_indexes", INDEXES, nullable=False),
        pa.field("positive_counts", NUMBERS, nullable=False),
        pa.field("negative_indexes", INDEXES, nullable=False),
        pa.field("negative_counts", NUMBERS, nullable=False),
        pa.field("custom_bounds", NUMBERS, nullable=False),
    ]
)
COLUMNS = tuple(SCHEMA.names)
# Of segments of aggregates: how many histograms each stands for, see storage.downsampling.kept.
COUNTED_SCHEMA = SCHEMA.append(pa.field("samples", pa.int64(), nullable=False))
COUNTED_COLUMNS = tuple(COUNTED_SCHEMA.names)
# Schemas, thresholds, bucket indexes and bounds repeat from one histogram to the next.
FORMAT: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["schema", "counter_reset_hint", "zero_threshold"],
    "column_encoding": {
        "series_id": "DELTA_BINARY_PACKED",
        "ts": "DELTA_BINARY_PACKED",
        "start_ts": "DELTA_BINARY_PACKED",
        "count": "BYTE_STREAM_SPLIT",
        "sum": "BYTE_STREAM_SPLIT",
        "zero_count": "BYTE_STREAM_SPLIT",
        "positive_indexes.list.element": "DELTA_BINARY_PACKED",
        "positive_counts.list.element": "BYTE_STREAM_SPLIT",
        "negative_indexes.list.element": "DELTA_BINARY_PACKED",
        "negative_counts.list.element": "BYTE_STREAM_SPLIT",
        "custom_bounds.list.element": "BYTE_STREAM_SPLIT",
        "samples": "DELTA_BINARY_PACKED",
    },
    "store_schema": False,
}


@dataclass(frozen=True, slots=True)
class HistogramGroups:
    """How large a row group gets, which is read as a whole: at most so many rows, and no more once
    it has that many buckets, which take 12 bytes each."""

    rows: int = 8_192
    buckets: int = 1_000_000


HISTOGRAM_GROUPS = HistogramGroups()


class HistogramWriter(AbstractContextManager["HistogramWriter"]):
    """Writes one file; makes it with the first histogram. Raises StorageError."""

    def __init__(self, path: Path, groups: HistogramGroups = HISTOGRAM_GROUPS) -> None:
        self.count = 0
        self._groups = groups
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, ids: Int64s, samples: Samples, counts: Int64s | None = None) -> None:
        """Add the histograms among the samples of the series `ids`; they follow those before.
        counts: of all samples, which are histograms then, how many each stands for; it is given
        with each call or with none."""
        if samples.natives is None:
            return
        places = np.flatnonzero(samples.natives.mask)
        owners = np.repeat(ids, np.diff(samples.offsets))[places]
        starts = None if samples.starts is None else samples.starts[places]
        histograms = take(samples.natives.histograms, samples.natives.rows[places])
        table = table_of(owners, samples.timestamps[places], starts, histograms)
        if counts is not None:
            table = table.append_column(COUNTED_SCHEMA.field("samples"), pa.array(counts[places]))
        try:
            if self._writer is None and len(places):
                self._writer = pq.ParquetWriter(self._path, table.schema, **format_of(table))
            for first, end in row_groups(histograms, self._groups):
                assert self._writer is not None, "BUG: row groups of no histograms"
                self._writer.write_table(table.slice(first, end - first))
        except pa.ArrowException as error:
            raise StorageError(f"cannot write {self._path}: {error}") from error
        self.count += len(places)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self


def format_of(table: pa.Table) -> dict[str, Any]:
    """FORMAT for a file of the columns of a table."""
    encodings = {
        name: encoding
        for name, encoding in FORMAT["column_encoding"].items()
        if name.partition(".")[0] in table.column_names
    }
    return FORMAT | {"column_encoding": encodings}


def row_groups(
    histograms: Histograms, groups: HistogramGroups = HISTOGRAM_GROUPS
) -> Iterator[tuple[int, int]]:
    """Rows [first, end) that go into one row group each."""
    ends = np.cumsum(buckets_of(histograms))
    first = 0
    while first < len(ends):
        behind = ends[first - 1] if first else 0
        full = int(np.searchsorted(ends, behind + groups.buckets)) + 1
        end = min(first + groups.rows, full, len(ends))
        yield first, end
        first = end


def buckets_of(h: Histograms) -> Int64s:
    """How many buckets, custom bounds included, each histogram has."""
    lists = (h.positive.offsets, h.negative.offsets, h.bounds.offsets)
    sizes: Int64s = np.sum([np.diff(offsets) for offsets in lists], axis=0)
    return sizes


def table_of(ids: Int64s, timestamps: Int64s, starts: Int64s | None, h: Histograms) -> pa.Table:
    """The rows of the file; start 0 is not known and becomes null."""
    starts = np.zeros(len(ids), np.int64) if starts is None else starts
    columns = [
        pa.array(ids),
        pa.array(timestamps),
        pa.array(starts, mask=starts == 0),
        pa.array(h.schemas),
        pa.array(h.hints),
        pa.array(h.counts),
        pa.array(h.sums),
        pa.array(h.zero_thresholds),
        pa.array(h.zero_counts),
        lists_of(h.positive.offsets, h.positive.indexes, INDEXES),
        lists_of(h.positive.offsets, h.positive.counts, NUMBERS),
        lists_of(h.negative.offsets, h.negative.indexes, INDEXES),
        lists_of(h.negative.offsets, h.negative.counts, NUMBERS),
        lists_of(h.bounds.offsets, h.bounds.values, NUMBERS),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def lists_of(offsets: Int64s, items: Any, kind: pa.DataType) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(items), type=kind)


def rows_of(table: pa.Table) -> tuple[Int64s, Samples]:
    """The rows of a file: series ids, and histograms as samples that are not cut into series."""
    if any(table[name].null_count for name in COLUMNS if name != "start_ts"):
        raise FormatError("a histogram has nulls")
    starts = pc.fill_null(table["start_ts"], 0).to_numpy()
    histograms = Histograms(
        table["schema"].to_numpy(),
        table["counter_reset_hint"].to_numpy(),
        table["count"].to_numpy(),
        table["sum"].to_numpy(),
        table["zero_threshold"].to_numpy(),
        table["zero_count"].to_numpy(),
        read_buckets(table, "positive"),
        read_buckets(table, "negative"),
        Bounds(*read_lists(table, "custom_bounds")),
    )
    count = len(histograms)
    samples = Samples(
        np.array([0, count], np.int64),
        table["ts"].to_numpy(),
        histograms.sums,
        starts if starts.any() else None,
        Natives(histograms, np.arange(count, dtype=np.int32)),
    )
    return table["series_id"].to_numpy(), samples


def read_buckets(table: pa.Table, side: str) -> Buckets:
    offsets, indexes = read_lists(table, f"{side}_indexes")
    others, counts = read_lists(table, f"{side}_counts")
    if not np.array_equal(offsets, others):
        raise FormatError(f"a histogram has not as many {side} indexes as counts")
    return Buckets(offsets, indexes, counts)


def read_lists(table: pa.Table, name: str) -> tuple[Int64s, Any]:
    """A column of lists as offsets and items."""
    column = table[name].combine_chunks()
    lists = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], lists.flatten().to_numpy()
