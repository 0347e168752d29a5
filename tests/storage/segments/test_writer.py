"""A written segment holds what was given, is read by others, and is there whole or not at all."""

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from storage.errors import StorageError
from storage.segments.duck import Duck
from storage.segments.segment import FORMAT_OF_RAW, Origin, read_meta, verify_segment
from storage.segments.writer import Block, EmptySegment, RowGroups, SegmentWriter
from tests.makers.segments import (
    EXTREME_BITS,
    Row,
    block_of,
    blocks_of,
    labels_of,
    series_columns,
    some_rows,
    tenant_of,
    write_rows,
)

ROWS = some_rows([1, 2, 5, 2**62], [-(2**62), -1, 0, 7, 2**62])


def rows_in(path: Path) -> list[Row]:
    table = pq.read_table(path)
    bits = table["value"].to_numpy().view(np.uint64)
    return list(
        zip(table["series_id"].to_pylist(), table["ts"].to_pylist(), bits.tolist(), strict=True)
    )


@pytest.mark.parametrize("block_rows", [1, 3, 1000])
def test_samples_file_holds_every_bit(tmp_path: Path, duck: Duck, block_rows: int) -> None:
    rows = sorted({*ROWS, *((9, i, bits) for i, bits in enumerate(EXTREME_BITS))})
    meta = write_rows(duck, tmp_path, rows, block_rows=block_rows)
    assert rows_in(tmp_path / meta.ulid / "samples.parquet") == rows
    assert verify_segment(tmp_path / meta.ulid) == meta


def test_meta_counts(tmp_path: Path, duck: Duck) -> None:
    meta = write_rows(duck, tmp_path, ROWS, created_ms=1234)
    assert (meta.shard, meta.samples, meta.series) == (3, len(ROWS), 4)
    assert (meta.min_ms, meta.max_ms) == (-(2**62), 2**62)
    assert (meta.created_ms, meta.level, meta.resolution_ms) == (1234, 0, 0)
    files = read_meta(tmp_path / meta.ulid).files
    assert meta.bytes == sum(file.bytes for file in files.values())
    assert read_meta(tmp_path / meta.ulid).format == FORMAT_OF_RAW


def test_series_file_describes_each_series(tmp_path: Path, duck: Duck) -> None:
    rows = [(1, 5, 1), (1, 6, 0x7FF0000000000002), (4, -3, 7), (6, 0, 8)]
    meta = write_rows(duck, tmp_path, rows, block_rows=1)
    table = pq.read_table(tmp_path / meta.ulid / "series.parquet")
    assert table["series_id"].to_pylist() == [1, 4, 6]
    assert [dict(labels) for labels in table["labels"].to_pylist()] == [
        labels_of(i) for i in (1, 4, 6)
    ]
    assert table["tenant"].to_pylist() == [tenant_of(i) for i in (1, 4, 6)]
    assert table["min_ts"].to_pylist() == [5, -3, 0]
    assert table["max_ts"].to_pylist() == [6, -3, 0]
    assert table["samples"].to_pylist() == [2, 1, 1]
    assert table["last_value"].to_numpy().view(np.uint64).tolist() == [0x7FF0000000000002, 7, 8]


def test_labels_are_a_map_for_sql(tmp_path: Path, duck: Duck) -> None:
    meta = write_rows(duck, tmp_path, ROWS)
    found = duckdb.sql(
        f"SELECT labels['id'], labels['zone'] FROM '{tmp_path}/{meta.ulid}/series.parquet'"
    ).fetchall()
    assert found == [(labels_of(i)["id"], labels_of(i).get("zone")) for i in (1, 2, 5, 2**62)]


def test_columns_are_packed_without_dictionaries(tmp_path: Path, duck: Duck) -> None:
    rows = [(i, t * 15_000 + i, (i * 7919 * t) << 30) for i in range(20) for t in range(500)]
    meta = write_rows(duck, tmp_path, rows, block_rows=1000)
    group = pq.read_metadata(tmp_path / meta.ulid / "samples.parquet").row_group(0)
    encodings = [group.column(i).encodings for i in range(3)]
    assert "DELTA_BINARY_PACKED" in encodings[0] and "DELTA_BINARY_PACKED" in encodings[1]
    assert "BYTE_STREAM_SPLIT" in encodings[2]
    assert group.column(0).compression == "ZSTD"


@pytest.mark.parametrize(("level", "kinds", "groups"), [(2, "LZ4", 6), (3, "ZSTD", 3)])
def test_old_segments_are_packed_tighter(
    tmp_path: Path, duck: Duck, level: int, kinds: str, groups: int
) -> None:
    rows = [(i, 15_000 * t, i * t) for i in range(6) for t in range(100)]
    bits = [(i, t, int(np.float64(v).view(np.uint64))) for i, t, v in rows]
    writer = SegmentWriter(duck, tmp_path, 3, RowGroups(sample_rows=100, old_sample_rows=200))
    blocks, origin = blocks_of(bits, 70), Origin(level=level)
    meta = writer.write(series_columns(range(6)), blocks, created_ms=5, origin=origin)
    file = pq.ParquetFile(tmp_path / meta.ulid / "samples.parquet")
    assert file.metadata.num_row_groups == groups
    found = {
        file.metadata.row_group(g).column(c).compression for g in range(groups) for c in (1, 3)
    }
    assert found == {kinds}
    columns = (file.read()[name].to_pylist() for name in ("series_id", "ts", "scaled"))
    assert list(zip(*columns, strict=True)) == rows


def test_series_without_samples_are_left_out(tmp_path: Path, duck: Duck) -> None:
    writer = SegmentWriter(duck, tmp_path, 3)
    ids, samples = block_of([(2, 1, 1)])
    empty = block_of([])
    blocks = [empty, (ids, samples), empty]
    meta = writer.write(series_columns([1, 2, 3]), blocks, created_ms=5)
    assert (meta.series, meta.samples) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(2, 1, 0), (1, 1, 0)], "after"),
        ([(1, 5, 0), (1, 5, 0)], "goes on with older"),
        ([(1, 5, 0), (1, 4, 0)], "goes on with older"),
        ([(1, 5, 0), (7, 4, 0)], "unknown series"),
    ],
)
def test_wrong_blocks_are_a_bug(tmp_path: Path, duck: Duck, rows: list[Row], message: str) -> None:
    writer = SegmentWriter(duck, tmp_path, 3)
    with pytest.raises(AssertionError, match=f"BUG: .*{message}"):
        writer.write(series_columns([1, 2]), blocks_of(rows, 1), created_ms=5)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "bits", [[0x7FF0000000000002, 0x7FF8000000000001], [0, 1 << 63], [7, 7], EXTREME_BITS[:3]]
)
def test_row_groups_of_alike_values_keep_their_bits(
    tmp_path: Path, duck: Duck, bits: list[int]
) -> None:
    """A dictionary would take NaNs for one value, be they stale markers or not."""
    rows = [(1, t, bits[t % len(bits)]) for t in range(50)]
    meta = write_rows(duck, tmp_path, rows, block_rows=100)
    found = pq.read_table(tmp_path / meta.ulid / "samples.parquet")["value"].to_numpy()
    assert found.view(np.uint64).tolist() == [row[2] for row in rows]


def test_a_segment_of_nothing_is_not_written(tmp_path: Path, duck: Duck) -> None:
    with pytest.raises(EmptySegment):
        SegmentWriter(duck, tmp_path, 3).write(series_columns([1, 2]), [], created_ms=5)
    assert os.listdir(tmp_path) == []


def test_unsorted_block_is_a_bug(tmp_path: Path, duck: Duck) -> None:
    writer = SegmentWriter(duck, tmp_path, 3)
    with pytest.raises(AssertionError, match="BUG: unsorted block"):
        writer.write(series_columns([1]), [block_of([(1, 5, 0), (1, 4, 0)])], created_ms=5)


def test_failing_source_leaves_nothing_behind(tmp_path: Path, duck: Duck) -> None:
    def blocks() -> Iterator[Block]:
        yield block_of(ROWS[:5])
        raise OSError("the head is gone")

    with pytest.raises(OSError, match="the head is gone"):
        SegmentWriter(duck, tmp_path, 3).write(
            series_columns([1, 2, 5, 2**62]), blocks(), created_ms=5
        )
    assert os.listdir(tmp_path) == []
    assert write_rows(duck, tmp_path, ROWS).samples == len(ROWS)


def test_directory_that_vanishes_is_an_operating_error(tmp_path: Path, duck: Duck) -> None:
    def blocks() -> Iterator[Block]:
        for temporary in tmp_path.glob("*.tmp"):
            temporary.rmdir()
        yield block_of(ROWS)

    with pytest.raises((StorageError, OSError)):
        SegmentWriter(duck, tmp_path, 3).write(
            series_columns([1, 2, 5, 2**62]), blocks(), created_ms=5
        )


def test_failing_sync_leaves_nothing_behind(
    tmp_path: Path, duck: Duck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError("broken")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="broken"):
        patch.setattr(os, "fsync", fsync)
        write_rows(duck, tmp_path, ROWS)
    assert os.listdir(tmp_path) == []
