"""Row groups are decoded to what was written, whatever way of writing it was chosen."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError
from storage.segments.duck import Duck
from storage.segments.encoding.footers import FLOATS, read_footer
from storage.segments.encoding.groups import GroupFile
from storage.segments.encoding.samples_file import FloatRows, SampleWriter
from tests.makers.segments import Row, flipped, old_table, some_rows, write_old, write_otherwise

COUNTERS = [(i, 15_000 * k, (k * i + k) / 4) for i in range(1, 9) for k in range(700)]
ROWS: list[Row] = [(i, t, int(np.float64(v).view(np.uint64))) for i, t, v in COUNTERS]


def write_new(path: Path, rows: list[Row], group_rows: int = 2000) -> None:
    ids, times, bits = zip(*rows, strict=True)
    values = np.array(bits, np.uint64).view(np.float64)
    with SampleWriter(path, starts=False, group_rows=group_rows) as writer:
        writer.write(FloatRows(np.array(ids), np.array(times), values, None))


def decoded(path: Path) -> list[Row]:
    footer = read_footer(path)
    times, bits = [], []
    with GroupFile(path, footer) as file:
        ids = file.ids().tolist()
        for _, group in file.groups(np.arange(len(footer.first_ids))):
            times += group.timestamps.tolist()
            bits += group.bits.tolist()
    return list(zip(ids, times, bits, strict=True))


@pytest.mark.parametrize("rows", [ROWS, some_rows(range(9), range(0, 9000, 17))])
@pytest.mark.parametrize("group_rows", [100, 2000, 1 << 20])
def test_what_is_written_now(tmp_path: Path, rows: list[Row], group_rows: int) -> None:
    write_new(tmp_path / "f", rows, group_rows)
    assert decoded(tmp_path / "f") == rows
    assert (read_footer(tmp_path / "f").scales[0] == FLOATS) == (rows is not ROWS)


@pytest.mark.parametrize("rows", [ROWS, some_rows([1], [1]), some_rows(range(9), range(700))])
def test_what_was_written_before(tmp_path: Path, duck: Duck, rows: list[Row]) -> None:
    write_old(duck, tmp_path / "f", rows)
    assert decoded(tmp_path / "f") == rows


@pytest.mark.parametrize(
    "options",
    [
        {},  # dictionaries, snappy
        {"use_dictionary": False, "compression": "none"},
        {"use_dictionary": False, "compression": "gzip", "data_page_version": "2.0"},
        {"use_dictionary": False, "compression": "lz4", "max_rows_per_page": 100},
        {"use_dictionary": False, "compression": "zstd", "data_page_size": 1000},
    ],
    ids=str,
)
def test_what_others_write(tmp_path: Path, options: dict[str, Any]) -> None:
    write_otherwise(tmp_path / "f", ROWS, row_group_size=900, **options)
    assert decoded(tmp_path / "f") == ROWS


def test_scaled_integers_that_others_write(tmp_path: Path) -> None:
    """Pages that only Arrow decodes, and a row group of floats and integers."""
    write_new(tmp_path / "new", [*ROWS, *some_rows([20], range(30))])
    table = pq.read_table(tmp_path / "new")
    pq.write_table(table, tmp_path / "f")
    assert decoded(tmp_path / "f") == decoded(tmp_path / "new")


def test_neighbours_are_decoded_together_and_others_not(tmp_path: Path) -> None:
    write_new(tmp_path / "f", ROWS, 700)
    footer = read_footer(tmp_path / "f")
    assert len(footer.first_ids) == 8
    with GroupFile(tmp_path / "f", footer) as file:
        runs = [run.tolist() for run in file.neighbours(np.array([0, 1, 3, 4, 5, 7]))]
        assert runs == [[0, 1], [3, 4, 5], [7]]
        found = [number for number, _ in file.groups(np.array([1, 2, 6]))]
    assert found == [1, 2, 6]


def test_what_is_given_cannot_be_changed(tmp_path: Path) -> None:
    write_new(tmp_path / "f", ROWS)
    with GroupFile(tmp_path / "f", read_footer(tmp_path / "f")) as file:
        (_, group), *_ = file.groups(np.array([0]))
    with pytest.raises(ValueError, match="read-only"):
        group.timestamps[0] = 1
    assert group.held_bytes == 16 * len(group.timestamps)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_a_file_that_was_cut_is_told(tmp_path: Path, share: float) -> None:
    write_new(tmp_path / "f", ROWS, 700)
    footer = read_footer(tmp_path / "f")
    data = (tmp_path / "f").read_bytes()
    (tmp_path / "f").write_bytes(data[: int(footer.starts.max() * share)])
    with (
        pytest.raises(FormatError, match="cannot read"),
        GroupFile(tmp_path / "f", footer) as file,
    ):
        list(file.groups(np.arange(len(footer.first_ids))))
    (tmp_path / "f").unlink()
    with pytest.raises(FormatError, match="cannot read"):
        GroupFile(tmp_path / "f", footer)


def test_bytes_that_changed_are_survived(tmp_path: Path) -> None:
    """Checksums are for finding such damage; a read must only not fail in another way."""
    write_new(tmp_path / "f", ROWS, 700)
    footer, data = read_footer(tmp_path / "f"), (tmp_path / "f").read_bytes()
    draw = np.random.default_rng(3)
    for _ in range(60):
        damaged = bytearray(data)
        damaged[draw.integers(4, int(footer.starts.max()))] ^= int(draw.integers(1, 256))
        (tmp_path / "f").write_bytes(damaged)
        try:
            with GroupFile(tmp_path / "f", footer) as file:
                rows = sum(len(g.bits) for _, g in file.groups(np.arange(len(footer.first_ids))))
            assert rows == len(ROWS)
        except FormatError:
            pass


@pytest.mark.parametrize("column", ["series_id", "ts", "value"])
def test_nulls_where_there_must_be_none(tmp_path: Path, column: str) -> None:
    table = old_table(ROWS[:4])
    place = table.schema.get_field_index(column)
    kind = table.schema.field(column).type
    values = pa.array([*table[column].to_pylist()[:3], None], kind)
    pq.write_table(table.set_column(place, column, values), tmp_path / "f")
    footer = read_footer(tmp_path / "f")
    assert footer.has_nulls.tolist() == [True]
    with (
        GroupFile(tmp_path / "f", footer) as file,
        pytest.raises(FormatError, match="has nulls"),
    ):
        file.ids_of(0) if column == "series_id" else list(file.groups(np.array([0])))


def test_a_footer_that_changed_since_it_was_read_is_survived(tmp_path: Path) -> None:
    """Start timestamps are read with Arrow, which reads the footer again."""
    path = tmp_path / "f"
    rows = np.arange(100)
    with SampleWriter(path, starts=True) as writer:
        writer.write(FloatRows(rows // 30, 15 * rows, rows / 7, 15 * rows - 1))
    footer, refused = read_footer(path), 0
    for data in flipped(path.read_bytes()):
        path.write_bytes(data)
        try:
            with GroupFile(path, footer) as file:
                for _, group in file.groups(np.arange(len(footer.first_ids))):
                    assert group.starts is None or group.starts.dtype == np.int64
        except FormatError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("numbers", [[0], [1, 2, 5], [0, 2, 4], [3, 4, 5]])
def test_row_groups_are_read_into_one_piece(tmp_path: Path, numbers: list[int]) -> None:
    write_new(tmp_path / "f", ROWS, 900)
    footer, whole = read_footer(tmp_path / "f"), np.fromfile(tmp_path / "f", np.uint8)
    with GroupFile(tmp_path / "f", footer) as file:
        data, starts = file.gathered(np.array(numbers))
    for number, start in zip(numbers, starts.tolist(), strict=True):
        begin, end = int(footer.begins[number]), int(footer.ends[number])
        assert (data[begin - start : end - start] == whole[begin:end]).all()
    assert len(data) == int((footer.ends - footer.begins)[numbers].sum())


def test_batches_of_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_new(tmp_path / "f", ROWS, 900)
    footer = read_footer(tmp_path / "f")
    sizes = footer.ends - footer.begins
    with GroupFile(tmp_path / "f", footer) as file:
        for most, expected in ((1, [[0], [2], [3]]), (int(sizes[[0, 2]].sum()), [[0, 2], [3]])):
            monkeypatch.setattr("storage.segments.encoding.groups.READ_BYTES", most)
            assert [each.tolist() for each in file.batches(np.array([0, 2, 3]))] == expected
