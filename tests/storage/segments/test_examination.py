"""A wrong byte anywhere is found, and located as well as the checksums allow."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from storage.files import EXEMPLARS_FILE, HISTOGRAMS_FILE, META_FILE, SAMPLES_FILE, SERIES_FILE
from storage.segments.duck import Duck
from storage.segments.examination import examine
from storage.segments.histograms import HistogramGroups
from storage.segments.segment import PIECE_BYTES, read_meta
from storage.segments.writer import RowGroups
from tests.makers.histograms import EXAMPLES
from tests.makers.segments import Row, forget_pieces, write_mixed, write_rows

RANDOM = random.Random(4)
SERIES = range(1, 30)
GROUPS = RowGroups(2048, HistogramGroups(rows=2048))


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duck]:
    duck = Duck(memory_bytes=256 << 20, threads=1, temporary=tmp_path_factory.mktemp("spill"))
    yield duck
    duck.close()


@pytest.fixture
def directory(tmp_path: Path, duck: Duck) -> Path:
    """A segment of 29 row groups in several pieces; its values do not compress."""
    rows: list[Row] = [
        (series, time, RANDOM.getrandbits(64)) for series in SERIES for time in range(2048)
    ]
    meta = write_rows(duck, tmp_path, rows, block_rows=1 << 20, groups=GROUPS)
    path = tmp_path / meta.ulid
    assert (path / SAMPLES_FILE).stat().st_size > 6 * PIECE_BYTES
    return path


def flip(path: Path, at: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[at] ^= 1
    path.write_bytes(contents)


def test_a_whole_segment_has_nothing_wrong(directory: Path) -> None:
    spent: list[int] = []
    assert examine(directory, spent.append) == []
    files = read_meta(directory).files
    assert sum(spent) == sum(file.bytes for file in files.values())
    assert len(files[SAMPLES_FILE].piece_sums) == -(-files[SAMPLES_FILE].bytes // PIECE_BYTES)
    forget_pieces(directory)
    assert examine(directory) == []


@pytest.mark.parametrize("group", [0, 7, 20, 28])
def test_a_wrong_byte_costs_the_row_groups_of_its_piece(directory: Path, group: int) -> None:
    path = directory / SAMPLES_FILE
    column = pq.read_metadata(path).row_group(group).column(2)
    flip(path, column.data_page_offset + 1000)
    (wrong,) = examine(directory)
    assert wrong.path == path
    assert "is damaged: it has" in wrong.reason
    assert wrong.groups is not None
    assert group in wrong.groups
    assert len(wrong.groups) <= 8, "a group has about 17 KB"
    forget_pieces(directory)
    (wrong,) = examine(directory)
    assert set(wrong.groups or ()) <= {group}, "only if it does not decode"


def test_wrong_bytes_that_do_not_decode_are_located_without_pieces(directory: Path) -> None:
    path = directory / SAMPLES_FILE
    forget_pieces(directory)
    column = pq.read_metadata(path).row_group(3).column(0)
    contents = bytearray(path.read_bytes())
    first = column.data_page_offset
    contents[first : first + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(contents)
    assert [wrong.groups for wrong in examine(directory)] == [(3,)]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (SAMPLES_FILE, lambda path: path.write_bytes(path.read_bytes()[:-100])),
        (SAMPLES_FILE, lambda path: path.write_bytes(b"")),
        (SAMPLES_FILE, lambda path: path.unlink()),
        (SERIES_FILE, lambda path: flip(path, 50)),
    ],
)
def test_files_of_which_nothing_can_be_relied_on(directory: Path, name: str, change) -> None:  # type: ignore[no-untyped-def]
    change(directory / name)
    (wrong,) = examine(directory)
    assert (wrong.path, wrong.groups) == (directory / name, None)


def test_a_footer_that_lies_is_not_believed(directory: Path) -> None:
    """A byte is wrong in what the footer says of the first row group."""
    path = directory / SAMPLES_FILE
    size, footer = path.stat().st_size, pq.read_metadata(path).serialized_size
    flip(path, size - footer - 8 + footer // 2)
    (wrong,) = examine(directory)
    # The piece with the end of the rows and the footer has parts of two row groups.
    assert wrong.groups is None or len(wrong.groups) <= 3


def test_without_checksums_what_decodes_is_sound(directory: Path) -> None:
    (directory / META_FILE).write_text("{")
    (wrong,) = examine(directory)
    assert (wrong.path.name, wrong.groups) == (META_FILE, None)
    (directory / SAMPLES_FILE).write_bytes(b"PAR1")
    assert [w.path.name for w in examine(directory)] == [META_FILE, SAMPLES_FILE]


def test_histograms_and_exemplars_are_examined(tmp_path: Path, duck: Duck) -> None:
    points = [(time, EXAMPLES[time % 9]._replace(hint=3), 0) for time in range(3000)]
    meta = write_mixed(duck, tmp_path, {1: points, 2: points}, groups=GROUPS)
    directory = tmp_path / meta.ulid
    path = directory / HISTOGRAMS_FILE
    assert examine(directory) == []
    column = pq.read_metadata(path).row_group(1).column(5)
    flip(path, column.data_page_offset + 40)
    (wrong,) = examine(directory)
    assert wrong.path == path
    assert wrong.groups is None or 1 in wrong.groups
    assert EXEMPLARS_FILE not in read_meta(directory).files
