"""Segments for tests, written from rows (series id, timestamp, value bits); samples.parquet also as
programs before format 3 wrote it, and as any other program may."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.files import META_FILE
from storage.labels.pairs import LabelPairs
from storage.samples.samples import Samples
from storage.segments.duck import Duck, quoted
from storage.segments.segment import Origin, SegmentMeta
from storage.segments.writer import (
    ROW_GROUPS,
    Block,
    RowGroups,
    SegmentWriter,
    SeriesColumns,
)
from tests.makers.histograms import Plain, mixed_samples
from tests.twins.storage.kernels import MixedPoint

Row = tuple[int, int, int]
OLD_SCHEMA = pa.schema(
    [
        pa.field("series_id", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("value", pa.float64()),
    ]
)
TENANTS = ["team-a", "team-b"]
EXTREME_BITS = [0x7FF0000000000002, 0x7FF8000000000001, 0xFFF8000000000123, 1 << 63, 0]


def labels_of(series_id: int) -> dict[str, str]:
    """The labels that test series have: their number of labels differs, one is not ASCII."""
    labels = {"__name__": f"metric_{series_id % 3}", "id": str(series_id), "ort": "Köln"}
    return labels if series_id % 2 else labels | {"zone": "ü" * (series_id % 5 + 1)}


def tenant_of(series_id: int) -> str:
    return TENANTS[series_id % 2]


def series_columns(ids: Sequence[int]) -> SeriesColumns:
    codes: dict[str, int] = {"": 0}
    names, values, offsets = [], [], [0]
    for series_id in ids:
        for name, value in sorted(labels_of(series_id).items()):
            names.append(codes.setdefault(name, len(codes)))
            values.append(codes.setdefault(value, len(codes)))
        offsets.append(len(names))
    return SeriesColumns(
        np.array(ids, np.int64),
        np.array([i % 2 for i in ids], np.int32),
        LabelPairs(np.array(offsets), np.array(names, np.int32), np.array(values, np.int32)),
        pa.array(TENANTS),
        pa.array(list(codes), pa.large_string()),
    )


def block_of(rows: Sequence[Row]) -> Block:
    """Sorted rows as one block."""
    ids = sorted({row[0] for row in rows})
    offsets = np.cumsum([0] + [sum(row[0] == i for row in rows) for i in ids])
    times = np.array([row[1] for row in rows], np.int64)
    values = np.array([row[2] for row in rows], np.uint64).view(np.float64)
    return np.array(ids, np.int64), Samples(offsets.astype(np.int64), times, values)


def blocks_of(rows: Sequence[Row], block_rows: int) -> Iterator[Block]:
    for start in range(0, len(rows), block_rows):
        yield block_of(rows[start : start + block_rows])


def write_rows(
    duck: Duck,
    directory: Path,
    rows: Sequence[Row],
    *,
    created_ms: int = 1000,
    block_rows: int = 7,
    groups: RowGroups = ROW_GROUPS,
) -> SegmentMeta:
    """Write sorted rows as a segment of shard 3."""
    series = series_columns(sorted({row[0] for row in rows}))
    writer = SegmentWriter(duck, directory, 3, groups)
    return writer.write(series, blocks_of(rows, block_rows), created_ms=created_ms)


def some_rows(ids: Sequence[int], times: Sequence[int]) -> list[Row]:
    """Rows of every id at every time; the bits tell id and time, some are odd NaNs."""
    odd = EXTREME_BITS
    return [(i, t, odd[(i + t) % 11] if (i + t) % 11 < len(odd) else (i % 4096 << 20) + t % 4096)
            for i in sorted(ids) for t in sorted(times)]  # fmt: skip


def write_mixed(
    duck: Duck,
    directory: Path,
    series: dict[int, list[MixedPoint]],
    *,
    created_ms: int = 1000,
    block_series: int = 2,
    groups: RowGroups = ROW_GROUPS,
) -> SegmentMeta:
    """Write series (id -> points, at least one) of floats, histograms and starts as a segment."""
    ids = sorted(series)
    blocks = [
        (np.array(part, np.int64), mixed_samples([series[i] for i in part]))
        for part in (ids[k : k + block_series] for k in range(0, len(ids), block_series))
    ]
    starts = any(
        start and not isinstance(content, Plain)
        for points in series.values()
        for _, content, start in points
    )
    writer = SegmentWriter(duck, directory, 3, groups)
    return writer.write(
        series_columns(ids), blocks, created_ms=created_ms, origin=Origin(starts=starts)
    )


def old_table(rows: list[Row]) -> pa.Table:
    ids, times, bits = zip(*rows, strict=True) if rows else ((), (), ())
    values = np.array(bits, np.uint64).view(np.float64)
    columns = [pa.array(ids, pa.int64()), pa.array(times, pa.int64()), pa.array(values)]
    return pa.Table.from_arrays(columns, schema=OLD_SCHEMA)


def write_old(duck: Duck, path: Path, rows: list[Row], *, group_rows: int = 2048) -> None:
    """By DuckDB, in row groups of so many rows, as formats 1 and 2 were written."""
    cursor = duck.cursor()
    cursor.register("old_rows", old_table(rows))
    try:
        cursor.execute(
            f"COPY (SELECT * FROM old_rows) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd, "
            f"PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1, ROW_GROUP_SIZE {group_rows})"
        )
    finally:
        cursor.unregister("old_rows")


def write_otherwise(path: Path, rows: list[Row], **options: Any) -> None:
    """By Arrow, with its options."""
    pq.write_table(old_table(rows), path, **options)


def flipped(data: bytes) -> Iterator[bytes]:
    """A Parquet file with each byte of its footer changed, in one of three ways."""
    size = int.from_bytes(data[-8:-4], "little")
    for at in range(len(data) - 8 - size, len(data) - 8):
        changed = bytearray(data)
        changed[at] ^= (0x80, 0x20, 0x01)[at % 3]
        yield bytes(changed)


def forget_pieces(directory: Path) -> None:
    """What older programs wrote has one checksum for each file."""
    meta = json.loads((directory / META_FILE).read_text())
    for file in meta["files"].values():
        del file["pieces"]
    (directory / META_FILE).write_text(json.dumps(meta))
