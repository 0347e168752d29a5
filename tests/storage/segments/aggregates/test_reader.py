"""Reading the windows of downsampled segments."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.downsampling.windows import window_ends
from storage.errors import FormatError
from storage.files import AGGREGATES_FILE
from storage.segments.aggregates.groups import AggregateFile, WindowGroup
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.caches import SegmentCaches
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.examination import examine
from storage.segments.segment import read_meta
from tests.makers.downsampling.aggregates import (
    FINE,
    float_points,
    histogram_points,
    kept_of,
    windows_of,
)
from tests.makers.downsampling.segments import Contents, folded, write_windows
from tests.makers.segments import forget_pieces
from tests.twins.storage.aggregates import bits_of, end_of, fold, keep

SPLIT = 30  # two segments: (-100, 30] and (30, 200]


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duck]:
    duck = Duck(memory_bytes=256 << 20, threads=1, temporary=tmp_path_factory.mktemp("spill"))
    yield duck
    duck.close()


contents = st.dictionaries(
    st.integers(1, 9), st.tuples(float_points, histogram_points), min_size=1, max_size=4
)
spans = st.tuples(st.integers(-80, 130), st.integers(0, 90)).map(lambda s: (s[0], s[0] + s[1]))


def part(series: Contents, low: int, high: int) -> Contents:
    return {
        i: ([p for p in floats if low < p[0] <= high], [p for p in others if low < p[0] <= high])
        for i, (floats, others) in series.items()
    }


def touches(time: int, span: tuple[int, int]) -> bool:
    return end_of(span[0], FINE) <= end_of(time, FINE) <= end_of(span[1], FINE)


@settings(deadline=None, max_examples=40)
@given(contents, st.sets(st.integers(1, 10), min_size=1), spans)
def test_windows_that_touch_a_span(
    duck: Duck, series: Contents, wanted: set[int], span: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory, segments = Path(name), []
        for cover in ((-100, SPLIT), (SPLIT, 200)):
            blocks = [folded(part(series, *cover), FINE)]
            segments.append(write_windows(duck, directory, blocks, resolution=FINE, cover=cover))
        reader = AggregateReader(directory, SegmentCaches())
        ids = np.array(sorted(wanted), np.int64)
        found = reader.select(segments[::-1], ids, span)
    kept = kept_of(found.histograms, len(ids))
    for own, histograms, i in zip(windows_of(found), kept, ids.tolist(), strict=True):
        floats, others = series.get(i, ([], []))
        others = [p for p in others if p[0] not in dict(floats)]
        expected = [row for row in fold(floats, FINE) if touches(row.last_ms, span)]
        assert repr(own) == repr(expected)
        assert histograms == [row for row in keep(others, FINE) if touches(row[0], span)]


def many_rows(duck: Duck, directory: Path) -> str:
    """Several row groups, whose values do not compress."""
    random = np.random.default_rng(3)
    points = [(int(t), int(b)) for t, b in enumerate(random.integers(1, 1 << 62, 17_000), 1)]
    blocks = [folded({i: (points, [])}, 1) for i in (1, 2, 3, 4)]
    return write_windows(duck, directory, blocks, resolution=1, cover=(0, 17_000)).ulid


def meta_of(duck: Duck, directory: Path):

    return read_meta(directory / many_rows(duck, directory)).segment


@pytest.mark.parametrize("pieces", [True, False])
def test_a_damaged_row_group_costs_its_own_windows(
    duck: Duck, tmp_path: Path, pieces: bool
) -> None:
    segment = meta_of(duck, tmp_path)
    path = tmp_path / segment.ulid / AGGREGATES_FILE
    data = bytearray(path.read_bytes())
    data[100:200] = bytes(100)  # of the first row group
    path.write_bytes(data)
    if not pieces:
        forget_pieces(path.parent)
    (wrong,) = examine(path.parent)
    assert wrong.groups == (0,)
    damages = Damages()
    reader = AggregateReader(tmp_path, SegmentCaches(), damages)
    found = reader.select([segment], np.array([1, 2, 3, 4]), (1, 17_000))
    assert np.diff(found.offsets).tolist() == [0, 17_000, 17_000, 17_000]
    assert damages.segments() == {segment.ulid}


def test_a_damaged_footer_costs_the_file(duck: Duck, tmp_path: Path) -> None:
    segment = meta_of(duck, tmp_path)
    path = tmp_path / segment.ulid / AGGREGATES_FILE
    path.write_bytes(path.read_bytes()[:-50])
    (wrong,) = examine(path.parent)
    assert wrong.groups is None
    damages = Damages()
    found = AggregateReader(tmp_path, SegmentCaches(), damages).select(
        [segment], np.array([1]), (1, 17_000)
    )
    assert (len(found), damages.of(path)) == (0, None)


def test_a_missing_segment_is_an_error(duck: Duck, tmp_path: Path) -> None:
    segment = meta_of(duck, tmp_path)
    (tmp_path / segment.ulid / AGGREGATES_FILE).unlink()
    with pytest.raises(FormatError, match="cannot read"):
        AggregateReader(tmp_path, SegmentCaches()).select([segment], np.array([1]), (1, 17_000))


def test_spending_may_stop_a_read(duck: Duck, tmp_path: Path) -> None:
    block = folded({1: ([(t, bits_of(1.0)) for t in range(1, 50)], [])}, FINE)
    segment = write_windows(duck, tmp_path, [block], resolution=FINE, cover=(0, 50))
    spent: list[int] = []
    AggregateReader(tmp_path, SegmentCaches()).select(
        [segment], np.array([1]), (5, 25), spent.append, columns=["sum"]
    )
    assert spent == [3]
    assert window_ends(np.array([5, 25]), FINE).tolist() == [10, 30]


def test_row_groups_are_kept_decoded(
    duck: Duck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment, decoded = meta_of(duck, tmp_path), []
    read = AggregateFile.read

    def noted(file: AggregateFile, number: int, columns: Collection[str]) -> WindowGroup:
        decoded.append(number)
        return read(file, number, columns)

    monkeypatch.setattr(AggregateFile, "read", noted)
    caches = SegmentCaches()
    reader = AggregateReader(tmp_path, caches)
    everything = reader.select([segment], np.array([1, 2]), (1, 17_000), columns=["first"])
    assert decoded == [0, 1]
    again = reader.select([segment], np.array([2, 3]), (1, 17_000), columns=["first"])
    assert decoded == [0, 1, 2]
    assert again.first[:17_000].tobytes() == everything.first[17_000:].tobytes()
    reader.select([segment], np.array([2]), (1, 17_000), columns=["last"])
    assert decoded == [0, 1, 2, 1]
    caches.forget([segment.ulid])
    reader.select([segment], np.array([2]), (1, 17_000), columns=["last"])
    assert decoded == [0, 1, 2, 1, 1]
