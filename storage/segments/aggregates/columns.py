"""The columns of aggregates.parquet: a row for each window of a series, sorted by (series_id, ts).

    series_id, ts, count        ts: of the window's last float
    first_age, min_age, max_age how long before ts the first, smallest and largest float was, ms
    stale_age                   how long after ts the series ended, ms; null where it went on
    falls                       how many floats are smaller than the one before
    last, first, min, max, sum  floats, or null
    scale                       decimal places of the integers of a row group; null: it has floats
    last_scaled, ...            integers: the value is that / 10^scale, to the bit
    fallen                      null means 0

Where both of a pair are null, a value follows from others: first and max are the last, min is
the first, sum is last * count, and the last of a count of 0 is the stale marker. So constants and
counters take little. A row group has either floats
or integers of one scale, as samples have, but for single sums that are no such integer
(docs/decisions/0020-windows-with-real-samples.md).
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.downsampling.aggregates import FLOATS, Rows
from storage.errors import FormatError
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.stale import STALE_NAN_BITS
from storage.segments.encoding.scaling import (
    POWERS,
    exact_integers,
    least_scale,
)

VALUES = ("last", "first", "min", "max", "sum")
SCHEMA = pa.schema(
    [
        pa.field("series_id", pa.int64(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
        pa.field("count", pa.int32(), nullable=False),
        pa.field("first_age", pa.int32(), nullable=False),
        pa.field("min_age", pa.int32(), nullable=False),
        pa.field("max_age", pa.int32(), nullable=False),
        pa.field("stale_age", pa.int32()),
        pa.field("falls", pa.int32(), nullable=False),
        *(pa.field(name, pa.float64()) for name in VALUES),
        pa.field("fallen", pa.float64()),
        pa.field("scale", pa.int8()),
        *(pa.field(f"{name}_scaled", pa.int64()) for name in VALUES),
    ]
)
COLUMNS = tuple(SCHEMA.names)
REALS = [field.name for field in SCHEMA if field.type == pa.float64()]
FORMAT: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["scale"],
    "column_encoding": {
        name: "BYTE_STREAM_SPLIT" if name in REALS else "DELTA_BINARY_PACKED"
        for name in COLUMNS
        if name != "scale"
    },
    "write_statistics": ["series_id", "ts"],
    "max_rows_per_page": 1 << 30,  # one page a row group and column
    "store_schema": False,
}
# What else of the file each column of Rows is made of; that it has its own name needs no saying.
SOURCES: dict[str, tuple[str, ...]] = {
    "first_ms": ("first_age",),
    "first": ("first", "last"),
    "last_ms": (),
    "last": ("last",),
    "min_ms": ("min_age",),
    "min": ("min", "first", "last"),
    "max_ms": ("max_age",),
    "max": ("max", "last"),
    "sum": ("sum", "last", "count"),
    "count": ("count",),
    "falls": ("falls",),
    "fallen": ("fallen",),
    "stale_ms": ("stale_age",),
}
EVERYTHING = frozenset(SOURCES)
assert tuple(SOURCES) == Rows._fields


def table_of(ids: Int64s, rows: Rows) -> pa.Table:
    """A row group. ids: the series of each row."""
    ts, counts = rows.last_ms, rows.count
    columns = {
        "series_id": pa.array(ids),
        "ts": pa.array(ts),
        "count": pa.array(counts.astype(np.int32)),
        "first_age": ages(ts, rows.first_ms),
        "min_age": ages(ts, rows.min_ms),
        "max_age": ages(ts, rows.max_ms),
        "stale_age": pa.array(
            np.where(rows.stale_ms == 0, 0, rows.stale_ms - ts).astype(np.int32),
            mask=rows.stale_ms == 0,
        ),
        "falls": pa.array(rows.falls.astype(np.int32)),
        "fallen": pa.array(rows.fallen, mask=same(rows.fallen, np.zeros(len(ts)))),
        **values_of(rows),
    }
    return pa.Table.from_arrays([columns[name] for name in COLUMNS], schema=SCHEMA)


def values_of(rows: Rows) -> dict[str, pa.Array]:
    """The columns of values, in both ways, and the scale."""
    with np.errstate(invalid="ignore", over="ignore"):
        usual: Float64s = np.where(rows.count == 0, 0.0, rows.last) * rows.count
    follows = {
        "last": rows.count == 0,
        "first": same(rows.first, rows.last),
        "min": same(rows.min, rows.first),
        "max": same(rows.max, rows.last),
        "sum": same(rows.sum, usual),
    }
    scale = scale_of(rows)
    count = len(usual)
    found = {"scale": pa.nulls(count, pa.int8())}
    if scale >= 0:
        found["scale"] = pa.array(np.full(count, scale, np.int8))
    for name, derived in follows.items():
        values: Float64s = getattr(rows, name)
        integers, exact = np.zeros(count, np.int64), np.zeros(count, np.bool_)
        if scale >= 0:
            exact_integers(values, POWERS[scale], integers, exact)
        found[name] = pa.array(values, mask=derived | exact)
        found[f"{name}_scaled"] = pa.array(integers, mask=derived | ~exact)
    return found


def scale_of(rows: Rows) -> int:
    """The least scale at which all samples of the rows are integers; -1 if there is none."""
    counts = rows.count > 0
    values = [column[counts] for column in (rows.last, rows.first, rows.min, rows.max)]
    return least_scale(np.concatenate(values), POWERS)


def ages(ts: Int64s, times: Int64s) -> pa.Array:
    return pa.array((ts - times).astype(np.int32))


def same(left: Float64s, right: Float64s) -> Bools:
    equal: Bools = left.view(np.uint64) == right.view(np.uint64)
    return equal


def names_for(wanted: Collection[str]) -> list[str]:
    """The columns of the file that are read for some of Rows."""
    needed = {"series_id", "ts"} | {name for column in wanted for name in SOURCES[column]}
    scaled = {f"{name}_scaled" for name in needed if name in VALUES}
    needed |= scaled | ({"scale"} if scaled else set())
    return [name for name in COLUMNS if name in needed]


def rows_of(table: pa.Table, wanted: Collection[str] = EVERYTHING) -> Rows:
    """The rows of a table with names_for(wanted); columns that are not wanted are zeros, but for
    last_ms. Raises FormatError if something is null that must not be."""
    for name in table.column_names:
        if not SCHEMA.field(name).nullable and table[name].null_count:
            raise FormatError(f"nulls in the column {name}")
    wanted = {"last_ms", *wanted}
    found = {name: column_of(table, name, wanted) for name in Rows._fields}
    return Rows(**found)


def column_of(table: pa.Table, name: str, wanted: Collection[str]) -> Any:
    if name not in wanted:
        return np.zeros(len(table), np.float64 if name in FLOATS else np.int64)
    if name in ("count", "falls"):
        return table[name].to_numpy().astype(np.int64)
    if name.endswith("_ms"):
        return time_of(table, name)
    if name == "fallen":
        return pc.fill_null(table["fallen"], 0.0).to_numpy()
    found = [stored(table, source) for source in SOURCES[name] if source in VALUES]
    if name == "sum":
        last = pc.fill_null(found.pop(), 0.0).to_numpy()
        with np.errstate(invalid="ignore", over="ignore"):
            found.append(pa.array(last * table["count"].to_numpy()))
    values = pc.coalesce(*found)
    if not values.null_count:
        return values.to_numpy()
    filled: Float64s = pc.fill_null(values, 0.0).to_numpy().copy()
    filled.view(np.uint64)[values.is_null().to_numpy()] = STALE_NAN_BITS
    return filled


def stored(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of values, of both ways; null where it follows from others."""
    floats, integers = table[name], table[f"{name}_scaled"]
    if integers.null_count == len(integers):
        return floats
    scales = pc.fill_null(table["scale"], 0).to_numpy()
    if not len(scales) or scales.min() < 0 or scales.max() >= len(POWERS):
        raise FormatError(f"scales are {np.unique(scales)}; they may be 0 to {len(POWERS) - 1}")
    scaled = pc.fill_null(integers, 0).to_numpy() / POWERS[scales]
    valid = integers.is_valid().to_numpy()
    return pc.coalesce(floats, pa.array(scaled, mask=~valid))


def time_of(table: pa.Table, name: str) -> Int64s:
    ts: Int64s = table["ts"].to_numpy()
    if name == "last_ms":
        return ts
    (source,) = SOURCES[name]
    age = table[source]
    if name == "stale_ms":
        ended = pc.fill_null(age, -1).to_numpy().astype(np.int64)
        return np.where(ended < 0, 0, ts + ended)
    times: Int64s = ts - age.to_numpy()
    return times
