"""Writing downsampled segments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE, META_FILE, SERIES_FILE
from storage.kernels.stale import STALE_NAN_BITS
from storage.segments.aggregates.writer import AggregateWriter, group_ends
from storage.segments.duck import Duck
from storage.segments.segment import FORMAT_VERSION, read_meta, verify_segment
from tests.makers.downsampling.segments import Contents, folded, write_windows
from tests.twins.storage.aggregates import STALE, bits_of

FIVE = bits_of(5.0)
SIX = bits_of(6.0)
CONTENTS: Contents = {
    1: ([(1, FIVE), (9, SIX), (25, FIVE)], []),
    2: ([(3, FIVE), (11, STALE)], []),
    4: ([], [(5, 3.0), (6, 4.0), (15, None)]),
    7: ([(2, SIX)], [(12, 8.0)]),
}


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duck]:
    duck = Duck(memory_bytes=256 << 20, threads=1, temporary=tmp_path_factory.mktemp("spill"))
    yield duck
    duck.close()


def test_a_segment_says_what_it_has(duck: Duck, tmp_path: Path) -> None:
    meta = write_windows(duck, tmp_path, [folded(CONTENTS, 10)], resolution=10, cover=(0, 30))
    directory = tmp_path / meta.ulid
    files = {AGGREGATES_FILE, HISTOGRAMS_FILE, SERIES_FILE, META_FILE}
    assert {path.name for path in directory.iterdir()} == files
    assert (meta.resolution_ms, meta.from_ms, meta.to_ms) == (10, 0, 30)
    assert (meta.min_ms, meta.max_ms) == (1, 25)
    assert (meta.series, meta.samples, meta.histograms) == (4, 9, 4)
    assert read_meta(directory).format == FORMAT_VERSION
    assert verify_segment(directory) == meta
    table = pq.read_table(directory / SERIES_FILE)
    assert table["series_id"].to_pylist() == [1, 2, 4, 7]
    assert table["min_ts"].to_pylist() == [1, 3, 5, 2]
    assert table["max_ts"].to_pylist() == [25, 11, 15, 12]
    assert table["samples"].to_pylist() == [2, 2, 3, 2]
    bits = table["last_value"].to_numpy().view(np.uint64).tolist()
    assert bits == [FIVE, STALE_NAN_BITS, STALE_NAN_BITS, bits_of(8.0)]
    prints = table["last_histogram"].to_pylist()
    assert [found is None for found in prints] == [True, True, False, False]


def test_a_segment_without_samples_says_so(duck: Duck, tmp_path: Path) -> None:
    meta = write_windows(duck, tmp_path, [folded({1: ([], [])}, 10)], resolution=10, cover=(0, 30))
    assert (meta.series, meta.samples, meta.min_ms, meta.max_ms) == (0, 0, 1, 30)
    assert verify_segment(tmp_path / meta.ulid) == meta
    assert len(pq.read_table(tmp_path / meta.ulid / SERIES_FILE)) == 0
    assert len(pq.read_table(tmp_path / meta.ulid / AGGREGATES_FILE)) == 0


LAST = "coalesce(last, last_scaled / 10::DOUBLE ** scale)"
FIRST = f"coalesce(first, first_scaled / 10::DOUBLE ** scale, {LAST})"
SQL = f"""
    SELECT series_id, ts, count, ts - first_age, {FIRST},
           coalesce(min, min_scaled / 10::DOUBLE ** scale, {FIRST}),
           coalesce(max, max_scaled / 10::DOUBLE ** scale, {LAST}),
           coalesce(sum, sum_scaled / 10::DOUBLE ** scale, {LAST} * count), ts + stale_age
    FROM '{{file}}' ORDER BY series_id, ts
"""


def either(name: str) -> pl.Expr:
    return pl.coalesce(pl.col(name), pl.col(f"{name}_scaled") / 10.0 ** pl.col("scale"))


def test_others_read_the_file(duck: Duck, tmp_path: Path) -> None:
    meta = write_windows(duck, tmp_path, [folded(CONTENTS, 10)], resolution=10, cover=(0, 30))
    path = tmp_path / meta.ulid / AGGREGATES_FILE
    expected = [
        (1, 9, 2, 1, 5.0, 5.0, 6.0, 11.0, None),
        (1, 25, 1, 25, 5.0, 5.0, 5.0, 5.0, None),
        (2, 3, 1, 3, 5.0, 5.0, 5.0, 5.0, None),
        (7, 2, 1, 2, 6.0, 6.0, 6.0, 6.0, None),
    ]
    rows = duckdb.sql(SQL.format(file=path)).fetchall()
    assert [row for row in rows if row[1] != 11] == expected
    (ended,) = [row for row in rows if row[1] == 11]
    assert (ended[2], ended[8]) == (0, 11)
    frame = pl.read_parquet(path).filter(pl.col("count") > 0)
    last = either("last")
    first = pl.coalesce(either("first"), last)
    found = frame.select(
        "series_id", "ts", "count", (pl.col("ts") - pl.col("first_age")).alias("t"),
        first.alias("f"), pl.coalesce(either("min"), first).alias("l"),
        pl.coalesce(either("max"), last).alias("h"),
        pl.coalesce(either("sum"), last * pl.col("count")).alias("s"),
    )  # fmt: skip
    assert found.rows() == [row[:8] for row in expected]
    assert pq.read_table(path)["count"].to_pylist() == [2, 1, 1, 0, 1]


@pytest.mark.parametrize(
    ("series", "ends"),
    [
        ({1: 2, 2: 2}, []),
        ({1: 2, 2: 2, 3: 1}, [4]),
        ({1: 3, 2: 2}, [3]),
        ({1: 9}, [4, 8]),
        ({1: 9, 2: 1}, [4, 8]),
        ({1: 1, 2: 1, 3: 6}, [2, 6]),
        ({}, []),
    ],
)
def test_where_row_groups_end(series: dict[int, int], ends: list[int]) -> None:
    """Of up to four rows. series: how many windows each has."""
    contents: Contents = {i: ([(10 * t, FIVE) for t in range(n)], []) for i, n in series.items()}
    ids, made = folded(contents, 10)
    assert group_ends(np.repeat(ids, np.diff(made.offsets)), made.rows, 4) == ends


def test_row_groups_end_where_the_scale_changes() -> None:
    contents: Contents = {
        1: ([(10 * t, bits_of(float(t))) for t in range(3000)], []),
        2: ([(10 * t, bits_of(t + 0.5)) for t in range(5)], []),
    }
    ids, made = folded(contents, 10)
    assert group_ends(np.repeat(ids, np.diff(made.offsets)), made.rows, 16_384) == [3000]


def test_row_groups_end_with_series(tmp_path: Path) -> None:
    path = tmp_path / AGGREGATES_FILE
    with AggregateWriter(path, group_rows=4) as writer:
        for first in (0, 3, 6):
            contents: Contents = {
                first + k: ([(t, FIVE) for t in (1, 11, 21)], []) for k in range(3)
            }
            writer.write(*folded(contents, 10))
    footer = pq.read_metadata(path)
    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [3] * 9
