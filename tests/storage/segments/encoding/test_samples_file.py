"""samples.parquet has all rows in order, in groups that end with series, for any reader."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import StorageError
from storage.kernels.stale import STALE_NAN
from storage.segments.encoding.samples_file import FloatRows, SampleWriter, format_of

VALUE = "coalesce(value, scaled / 10 ** scale)"


def rows_of(counts: list[int], values: list[float] | None = None) -> FloatRows:
    """Series 0, 1, ... with so many rows each."""
    ids = np.repeat(np.arange(len(counts)), counts)
    times = np.concatenate([np.arange(count) for count in counts]) * 15_000
    given = np.arange(len(ids)) / 8 if values is None else np.array(values)
    return FloatRows(ids, times, given, None)


def write(path: Path, rows: FloatRows, group_rows: int, block_rows: int = 1 << 20) -> list[int]:
    """Write the rows block by block; returns the rows of each group."""
    with SampleWriter(path, starts=rows.starts is not None, group_rows=group_rows) as writer:
        for first in range(0, len(rows), block_rows):
            writer.write(rows.slice(first, min(first + block_rows, len(rows))))
    parquet = pq.read_metadata(path)
    return [parquet.row_group(i).num_rows for i in range(parquet.num_row_groups)]


@pytest.mark.parametrize(
    ("counts", "group_rows", "groups"),
    [
        ([3, 3, 3, 3], 6, [6, 6]),
        ([3, 3, 3, 3], 7, [6, 6]),
        ([4, 4, 4], 7, [4, 4, 4]),
        ([20], 8, [8, 8, 4]),
        ([2, 20, 2], 8, [2, 8, 8, 6]),
        ([1] * 10, 100, [10]),
        ([8, 1], 8, [8, 1]),
    ],
)
@pytest.mark.parametrize("block_rows", [1 << 20, 5, 1])
def test_groups_end_with_series(
    tmp_path: Path, counts: list[int], group_rows: int, groups: list[int], block_rows: int
) -> None:
    rows = rows_of(counts, [1.0] * sum(counts))
    assert write(tmp_path / "f", rows, group_rows, block_rows) == groups
    table = pq.read_table(tmp_path / "f")
    assert table["series_id"].to_pylist() == rows.ids.tolist()
    assert table["ts"].to_pylist() == rows.timestamps.tolist()


def test_groups_end_where_the_scale_changes(tmp_path: Path) -> None:
    values = [float(k) for k in range(6)] + [0.5 * k for k in range(6)] + [2.0**0.5] * 6
    rows = rows_of([3, 3, 3, 3, 3, 3], values)
    assert write(tmp_path / "f", rows, 10) == [9, 9]
    found = pq.read_table(tmp_path / "f")
    assert found["scale"].to_pylist() == [1] * 9 + [None] * 9
    many = rows_of([3000, 3000], [float(k) for k in range(3000)] + [k / 4 for k in range(3000)])
    assert write(tmp_path / "g", many, 10_000) == [3000, 3000]
    assert set(pq.read_table(tmp_path / "g")["scale"].to_pylist()) == {0, 2}


@pytest.mark.parametrize("reader", ["duckdb", "pyarrow"])
def test_other_programs_read_the_values(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "samples.parquet"
    draw = np.random.default_rng(4)
    values = np.concatenate(
        [
            draw.integers(-(10**12), 10**12, 3000) / 1000.0,
            draw.random(3000),
            [STALE_NAN, -0.0, np.inf, 5e-324],
        ]
    )
    rows = rows_of([1000, 2000, 3000, 4], values.tolist())
    write(path, rows, 2048)
    if reader == "duckdb":
        sql = f"SELECT {VALUE} AS v FROM '{path}' ORDER BY series_id, ts"
        found = duckdb.sql(sql).to_arrow_table()["v"].to_numpy()
    else:
        table = pq.read_table(path)
        scaled = table["scaled"].to_numpy() / 10.0 ** table["scale"].to_numpy()
        plain = table["value"].to_numpy()
        is_scaled = np.array(table["value"].is_null())
        found = np.where(is_scaled, scaled, plain)
    assert found.view(np.uint64).tolist() == values.view(np.uint64).tolist()
    assert 0 < pq.read_table(path)["scaled"].null_count < len(values)


def test_start_timestamps(tmp_path: Path) -> None:
    rows = rows_of([3, 2])
    rows = FloatRows(rows.ids, rows.timestamps, rows.values, np.array([0, 5, 5, 0, 7]))
    write(tmp_path / "f", rows, 3, 2)
    assert pq.read_table(tmp_path / "f")["start_ts"].to_pylist() == [None, 5, 5, None, 7]
    assert "start_ts" in format_of(["start_ts"])["compression"]
    assert "start_ts" not in format_of(["ts"])["column_encoding"]


def test_a_file_without_rows(tmp_path: Path) -> None:
    assert write(tmp_path / "f", rows_of([0]), 8) == []


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with SampleWriter(tmp_path / "f", starts=False, group_rows=2) as writer:
        writer._writer.close()
        writer._writer.is_open = False

        def refuse(*_: object, **__: object) -> None:
            raise pa.ArrowInvalid("no space")

        writer._writer.write_table = refuse
        with pytest.raises(StorageError, match="no space"):
            writer.write(rows_of([3, 3]))
        writer._waiting = rows_of([0])
