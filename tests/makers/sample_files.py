"""samples.parquet as programs before format 3 wrote it, and as any other program may."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.segments.duck import Duck, quoted
from tests.makers.segments import Row

OLD_SCHEMA = pa.schema(
    [
        pa.field("series_id", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("value", pa.float64()),
    ]
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
