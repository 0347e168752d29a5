"""Footers say what Arrow reads from them, and files that are not ours are refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError
from storage.segments.duck import Duck
from storage.segments.encoding.footers import FLOATS, MIXED, SCALE, SCALED, VALUES, read_footer
from storage.segments.encoding.samples_file import FloatRows, SampleWriter
from tests.makers.segments import old_table, some_rows, write_old, write_otherwise

ROWS = some_rows(range(40), range(0, 9000, 31))


def write_new(path: Path, *, starts: bool = False) -> None:
    count = 5000
    ids, times = np.arange(count) // 100, np.arange(count) % 100
    values = np.where(ids % 7 == 3, np.sqrt(ids + times + 1.0), times / 4.0)
    since = times * 0 + 5 if starts else None
    with SampleWriter(path, starts=starts, group_rows=700) as writer:
        writer.write(FloatRows(ids, times, values, since))


@pytest.mark.parametrize("kind", ["old", "new", "starts", "other"])
def test_footers_say_what_arrow_reads(tmp_path: Path, duck: Duck, kind: str) -> None:
    path = tmp_path / "f"
    if kind == "old":
        write_old(duck, path, ROWS)
    elif kind == "other":
        write_otherwise(path, ROWS, row_group_size=333, compression="none")
    else:
        write_new(path, starts=kind == "starts")
    footer, parquet = read_footer(path), pq.read_metadata(path)
    assert footer.names == tuple(parquet.schema.names)
    assert footer.rows == parquet.num_rows
    assert footer.has_starts == (kind == "starts")
    assert len(footer.first_ids) == parquet.num_row_groups > 3
    for number in range(parquet.num_row_groups):
        group = parquet.row_group(number)
        assert footer.offsets[number + 1] - footer.offsets[number] == group.num_rows
        ids, times = group.column(0).statistics, group.column(1).statistics
        assert (footer.first_ids[number], footer.last_ids[number]) == (ids.min, ids.max)
        assert (footer.min_ms[number], footer.max_ms[number]) == (times.min, times.max)
        for column in range(parquet.num_columns):
            chunk = group.column(column)
            start = chunk.data_page_offset
            if chunk.has_dictionary_page:
                start = min(start, chunk.dictionary_page_offset)
            assert footer.starts[number, column] == start
            assert footer.sizes[number, column] == chunk.total_compressed_size


def test_scales_of_row_groups(tmp_path: Path) -> None:
    write_new(tmp_path / "f")
    scales, table = read_footer(tmp_path / "f").scales, pq.ParquetFile(tmp_path / "f")
    assert set(scales.tolist()) == {FLOATS, 2}
    for number, scale in enumerate(scales.tolist()):
        rows = table.read_row_group(number)
        assert rows.column(VALUES).null_count == (0 if scale == FLOATS else len(rows))
        assert set(rows.column(SCALE).to_pylist()) == {None if scale == FLOATS else scale}
    pq.write_table(table.read(), tmp_path / "f")
    assert read_footer(tmp_path / "f").scales.tolist() == [MIXED]


def test_a_large_footer_is_read_in_two_goes(tmp_path: Path) -> None:
    write_otherwise(tmp_path / "f", ROWS, row_group_size=20)
    assert pq.read_metadata(tmp_path / "f").serialized_size > 64 << 10
    footer = read_footer(tmp_path / "f")
    assert footer.rows == len(ROWS)
    assert footer.held_bytes > 8 * 3 * 3 * len(footer.first_ids)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path, table: path.unlink(), "cannot read"),
        (lambda path, table: path.write_bytes(b""), "cannot read"),
        (lambda path, table: path.write_bytes(b"PAR1"), "cannot read"),
        (lambda path, table: path.write_bytes(b"\xff" * 20 + b"PAR1"), "cannot read"),
        (lambda path, table: path.write_bytes(path.read_bytes()[:-9]), "cannot read"),
        (lambda path, table: path.write_bytes(path.read_bytes()[:-30] + bytes(22) + b"PAR1PAR1"),
         "cannot read"),
        (lambda path, table: pq.write_table(table.select([0, 2]), path), "has the columns"),
        (lambda path, table: pq.write_table(table.rename_columns(["a", "b", "c"]), path),
         "has the columns"),
        (lambda path, table: pq.write_table(table, path, write_statistics=False), "does not tell"),
    ],
)  # fmt: skip
def test_files_that_are_not_ours(
    tmp_path: Path, damage: Callable[[Path, pa.Table], object], message: str
) -> None:
    path, table = tmp_path / "f", old_table(ROWS[:50])
    pq.write_table(table, path)
    damage(path, table)
    with pytest.raises(FormatError, match=message):
        read_footer(path)


def test_damaged_footers_are_survived(tmp_path: Path) -> None:
    write_new(tmp_path / "f")
    data = (tmp_path / "f").read_bytes()
    size = int.from_bytes(data[-8:-4], "little")
    draw = np.random.default_rng(1)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[len(data) - 8 - int(draw.integers(1, size))] ^= int(draw.integers(1, 256))
        (tmp_path / "f").write_bytes(damaged)
        try:
            footer = read_footer(tmp_path / "f")
        except FormatError:
            continue
        assert footer.starts.shape == footer.sizes.shape == (len(footer.first_ids), SCALED + 2)
