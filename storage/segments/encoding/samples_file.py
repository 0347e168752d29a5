"""Writing samples.parquet: row groups that end where a series ends, values as scaled integers.

    series_id, ts              of every row
    value                      the sample as a float, or null
    scaled, scale              where value is null: value = scaled / 10^scale, to the bit
    start_ts                   only in files where some sample has one

A row group has either floats or integers of one scale, so that it is decoded in one go: it also
ends where the scale changes, once it has some rows.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import StorageError
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.segments.encoding.scaling import (
    POWERS,
    end_groups,
    least_scale,
    scales_of,
    to_integers,
)

# Rows of a row group, the unit of reading; see docs/decisions/0028-edges-of-windows.md.
GROUP_ROWS = 32_768
LZ4_LEVEL = 6
# Of old segments, which are read less often and last longest; see
# docs/decisions/0035-eight-differences-at-a-time.md.
OLD_GROUP_ROWS = 65_536
ZSTD_LEVEL = 15
MIXED_ROWS = 2_048  # so many rows a group has before it ends because of another scale

SAMPLES_SCHEMA = pa.schema(
    [
        pa.field("series_id", pa.int64(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("scaled", pa.int64()),
        pa.field("scale", pa.int8()),
    ]
)
# Only in segments where some float has a start timestamp.
STARTS_SCHEMA = SAMPLES_SCHEMA.append(pa.field("start_ts", pa.int64()))
SAMPLES_FORMAT: dict[str, Any] = {
    # What every read decodes is to be uncompressed fast: LZ4 takes a tenth of the time of zstd.
    "compression": {
        "series_id": "zstd",
        "ts": "lz4",
        "value": "zstd",
        "scaled": "lz4",
        "scale": "zstd",
        "start_ts": "zstd",
    },
    # LZ4 looks harder for matches while it writes, and is read as fast.
    "compression_level": {"ts": LZ4_LEVEL, "scaled": LZ4_LEVEL},
    "use_dictionary": ["scale"],
    "column_encoding": {
        "series_id": "DELTA_BINARY_PACKED",
        "ts": "DELTA_BINARY_PACKED",
        "value": "BYTE_STREAM_SPLIT",
        "scaled": "DELTA_BINARY_PACKED",
        "start_ts": "DELTA_BINARY_PACKED",
    },
    "write_statistics": ["series_id", "ts", "scale"],
    "max_rows_per_page": 1 << 30,  # one page a row group and column
    "store_schema": False,
}


@dataclass(frozen=True, slots=True)
class FloatRows:
    """Rows to be written. starts: 0 where not known; only of files that have them."""

    ids: Int64s
    timestamps: Int64s
    values: Float64s
    starts: Int64s | None

    def __len__(self) -> int:
        return len(self.ids)

    def slice(self, first: int, end: int) -> "FloatRows":
        starts = None if self.starts is None else self.starts[first:end]
        return FloatRows(
            self.ids[first:end], self.timestamps[first:end], self.values[first:end], starts
        )

    def take(self, chosen: Bools) -> "FloatRows":
        starts = None if self.starts is None else self.starts[chosen]
        return FloatRows(self.ids[chosen], self.timestamps[chosen], self.values[chosen], starts)

    def followed_by(self, rows: "FloatRows") -> "FloatRows":
        starts = None
        if self.starts is not None and rows.starts is not None:
            starts = np.concatenate([self.starts, rows.starts])
        return FloatRows(
            np.concatenate([self.ids, rows.ids]),
            np.concatenate([self.timestamps, rows.timestamps]),
            np.concatenate([self.values, rows.values]),
            starts,
        )


class SampleWriter(AbstractContextManager["SampleWriter"]):
    """Writes one file, in the order in which rows come. Raises StorageError."""

    def __init__(
        self, path: Path, *, starts: bool, group_rows: int = GROUP_ROWS, is_old: bool = False
    ) -> None:
        """is_old: whether room counts for more than the time that reading takes."""
        self._path = path
        self._group_rows = group_rows
        self._schema = STARTS_SCHEMA if starts else SAMPLES_SCHEMA
        nothing = np.zeros(0, np.int64)
        self._waiting = FloatRows(nothing, nothing, np.zeros(0), nothing if starts else None)
        self._writer = pq.ParquetWriter(
            path, self._schema, **format_of(self._schema.names, is_old=is_old)
        )

    def write(self, rows: FloatRows) -> None:
        """Add rows, sorted by series and time, behind those before."""
        rows = self._waiting.followed_by(rows)
        ends = group_ends(rows, self._group_rows)
        first = 0
        for end in ends.tolist():
            self._write_group(rows.slice(first, end))
            first = end
        self._waiting = rows.slice(first, len(rows))

    def _write_group(self, rows: FloatRows) -> None:
        table = pa.Table.from_arrays(columns_of(rows), schema=self._schema)
        try:
            self._writer.write_table(table, row_group_size=len(rows))
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
            if kind is None and len(self._waiting):
                self._write_group(self._waiting)
        finally:
            self._writer.close()


def format_of(names: list[str], *, is_old: bool = False) -> dict[str, Any]:
    """SAMPLES_FORMAT for a file of these columns."""
    form = {
        key: {name: value[name] for name in names if name in value}
        if isinstance(value, dict)
        else value
        for key, value in SAMPLES_FORMAT.items()
    }
    if is_old:
        form["compression"] = dict.fromkeys(names, "zstd")
        form["compression_level"] = dict.fromkeys(names, ZSTD_LEVEL)
    return form


def group_ends(rows: FloatRows, group_rows: int) -> Int64s:
    """Where row groups end that no later row belongs to."""
    begins = np.flatnonzero(np.diff(rows.ids, prepend=rows.ids[:1] - 1))
    offsets = np.append(begins, len(rows)).astype(np.int64)
    scales = np.empty(len(offsets) - 1, np.int64)
    scales_of(offsets, rows.values, POWERS, scales)
    ends = np.empty(len(scales) + len(rows) // group_rows, np.int64)
    count = end_groups(offsets, scales, group_rows, min(MIXED_ROWS, group_rows), ends)
    return ends[:count]


def columns_of(rows: FloatRows) -> list[pa.Array]:
    """The columns of a row group."""
    count = len(rows)
    columns = [pa.array(rows.ids), pa.array(rows.timestamps)]
    integers = np.empty(count, np.int64)
    scale = least_scale(rows.values, POWERS)
    if scale >= 0 and to_integers(rows.values, POWERS[scale], integers):
        scales = np.full(count, scale, np.int8)
        columns += [pa.nulls(count, pa.float64()), pa.array(integers), pa.array(scales)]
    else:
        columns += [pa.array(rows.values), pa.nulls(count, pa.int64()), pa.nulls(count, pa.int8())]
    if rows.starts is not None:
        columns.append(pa.array(rows.starts, mask=rows.starts == 0))
    return columns
