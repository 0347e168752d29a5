"""Bytes that are not as they were written are found before they are decoded, each piece once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storage.errors import FormatError
from storage.files import HISTOGRAMS_FILE, META_FILE, SAMPLES_FILE, SERIES_FILE
from storage.segments.caches import SegmentCaches
from storage.segments.comparing import Comparing, are_marked, covered
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.reader import SegmentReader
from storage.segments.segment import PIECE_BYTES, SegmentMeta
from storage.segments.writer import RowGroups
from tests.makers.histograms import EXAMPLES
from tests.makers.segments import Row, write_mixed, write_rows

SERIES = range(1, 9)
WHOLE = (0, 1 << 40)
BITS = np.random.default_rng(3).integers(1 << 62, size=(9, 2048)).tolist()
ROWS: list[Row] = [(series, time, BITS[series][time]) for series in SERIES for time in range(2048)]


@pytest.fixture
def segment(tmp_path: Path, duck: Duck) -> SegmentMeta:
    """Of eight row groups of a series each, in three pieces."""
    meta = write_rows(duck, tmp_path, ROWS, block_rows=1 << 20, groups=RowGroups(2048))
    assert (tmp_path / meta.ulid / SAMPLES_FILE).stat().st_size > 2 * PIECE_BYTES
    return meta


def flip(path: Path, at: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[at] ^= 4
    path.write_bytes(contents)


def lost(reader: SegmentReader, meta: SegmentMeta, ids: range = SERIES) -> list[int]:
    """The series without samples; those that are there have what was written."""
    found = reader.select([meta], np.array(ids, np.int64), WHOLE)
    missing = []
    for item, series in enumerate(ids):
        values = found.values[found.offsets[item] : found.offsets[item + 1]].view(np.uint64)
        if len(values):
            assert values.tolist() == BITS[series], series
        else:
            missing.append(series)
    return missing


@pytest.mark.parametrize("at", range(5, 130_000, 9_001))
def test_no_wrong_sample_is_returned(tmp_path: Path, segment: SegmentMeta, at: int) -> None:
    """Half of the values are stored as they are, so most wrong bytes decode."""
    damages = Damages()
    reader = SegmentReader(tmp_path, SegmentCaches(), damages=damages)
    flip(tmp_path / segment.ulid / SAMPLES_FILE, at)
    missing = lost(reader, segment)
    assert 0 < len(missing) < len(SERIES)
    assert damages.segments() == {segment.ulid}
    assert lost(reader, segment) == missing


def test_only_what_is_read_is_compared(tmp_path: Path, segment: SegmentMeta) -> None:
    damages = Damages()
    reader = SegmentReader(tmp_path, SegmentCaches(), damages=damages)
    flip(tmp_path / segment.ulid / SAMPLES_FILE, 9)
    assert lost(reader, segment, range(8, 9)) == []
    assert damages.segments() == frozenset()
    assert 1 in lost(reader, segment)


def test_a_series_table_that_is_not_as_written_is_not_used(
    tmp_path: Path, segment: SegmentMeta
) -> None:
    path = tmp_path / segment.ulid / SERIES_FILE
    for at in range(4, path.stat().st_size, 97):
        flip(path, at)
        damages = Damages()
        reader = SegmentReader(tmp_path, SegmentCaches(), damages=damages)
        assert lost(reader, segment) == []
        assert damages.of(path) is None
        flip(path, at)


@pytest.mark.parametrize("at", range(8, 6000, 611))
def test_no_wrong_histogram_is_returned(tmp_path: Path, duck: Duck, at: int) -> None:
    points = [(time, EXAMPLES[time % 9]._replace(hint=3), 0) for time in range(600)]
    meta = write_mixed(duck, tmp_path, {1: points, 2: points})
    path = tmp_path / meta.ulid / HISTOGRAMS_FILE
    flip(path, at % path.stat().st_size)
    damages = Damages()
    reader = SegmentReader(tmp_path, SegmentCaches(), damages=damages)
    assert len(reader.select([meta], np.array([1, 2]), WHOLE).timestamps) == 0
    assert damages.of(path) in (None, {0})


def test_what_was_right_is_compared_again_once_it_is_forgotten(
    tmp_path: Path, segment: SegmentMeta
) -> None:
    path = tmp_path / segment.ulid / SAMPLES_FILE
    damages = Damages()
    comparing = Comparing(damages)
    comparing.compare_from(path, 0)
    assert comparing.is_done(path)
    flip(path, 9)
    comparing.compare_from(path, 0)
    assert not damages.segments()
    comparing.forget([segment.ulid])
    comparing.compare_from(path, 0)
    assert damages.segments() == {segment.ulid}


def test_without_checksums_there_is_nothing_to_compare(
    tmp_path: Path, segment: SegmentMeta
) -> None:
    (tmp_path / segment.ulid / META_FILE).write_bytes(b"\xff")
    assert Comparing(Damages()).is_done(tmp_path / segment.ulid / SAMPLES_FILE)


def test_a_missing_file_is_an_error(tmp_path: Path, segment: SegmentMeta) -> None:
    path = tmp_path / segment.ulid / SAMPLES_FILE
    path.unlink()
    with pytest.raises(FormatError, match="cannot read"):
        Comparing(Damages()).compare_from(path, 0)


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        ([0], [1], [0]),
        ([0], [PIECE_BYTES], [0]),
        ([PIECE_BYTES - 1], [PIECE_BYTES + 1], [0, 1]),
        ([0, 3 * PIECE_BYTES], [9, 3 * PIECE_BYTES + 9], [0, 3]),
        ([5, 5], [6, 9 * PIECE_BYTES], [0, 1, 2, 3]),
        ([9 * PIECE_BYTES], [10 * PIECE_BYTES], []),
    ],
)
def test_pieces_of_extents(begins: list[int], ends: list[int], expected: list[int]) -> None:
    found = covered(np.array(begins), np.array(ends), 4)
    assert np.flatnonzero(found).tolist() == expected


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        ([], [], True),
        ([0], [20], True),
        ([5, 10], [6, 19], True),
        ([0], [21], False),
        ([20], [21], False),
        ([0, 29], [1, 30], False),
        ([30], [40], True),
        ([30], [41], False),  # there is no such piece
        ([50], [60], False),
    ],
)
def test_pieces_that_are_marked(begins: list[int], ends: list[int], expected: bool) -> None:
    marks = np.array([True, True, False, True])
    found = are_marked(marks, np.array(begins, np.int64), np.array(ends, np.int64), 10)
    assert found == expected
