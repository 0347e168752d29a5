"""Blocks are cut by counted samples, read in halves where they are too large, and lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.compaction.merging import (
    Census,
    Merge,
    MergeLimits,
    Room,
    TooLarge,
    cut,
    doubted,
    in_time_order,
    take_census,
)
from storage.errors import FormatError
from storage.files import SAMPLES_FILE, SERIES_FILE
from storage.samples.merge import between
from storage.samples.samples import Samples
from storage.segments.caches import SegmentCaches
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.writer import RowGroups
from tests.makers.histograms import EXAMPLES, contents, mixed_samples
from tests.makers.segments import Row, some_rows, write_mixed, write_rows

WHOLE = (-(1 << 62), 1 << 62)


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 30), st.integers(1, 9))
def test_blocks_are_as_large_as_may_be(sizes: list[int], samples: int, series: int) -> None:
    counts = np.array(sizes, np.int64)
    blocks = list(cut(counts, MergeLimits(series, samples)))
    assert [first for first, _ in blocks] == [0, *(end for _, end in blocks)][: len(blocks)]
    assert (blocks[-1][1] if blocks else 0) == len(sizes)
    for first, end in blocks:
        total = sum(sizes[first:end])
        assert end - first <= series and (total <= samples or end - first == 1)
        if end < len(sizes) and end - first < series:
            assert total + sizes[end] > samples


def merged(
    directory: Path, metas: list[SegmentMeta], limits: MergeLimits, **changes: object
) -> tuple[dict[int, list[tuple[int, object, int]]], list[int]]:
    """All points by series id, and the sizes of the blocks."""
    census = take_census(directory, metas, Damages())
    merge = Merge(
        SegmentReader(directory, SegmentCaches()), metas, census, limits=limits, **changes
    )  # type: ignore[arg-type]
    found: dict[int, list[tuple[int, object, int]]] = {}
    sizes = []
    for ids, samples in merge.blocks(WHOLE):
        assert list(ids) == sorted(ids)
        sizes.append(len(samples))
        for series_id, points in zip(ids.tolist(), contents(samples), strict=True):
            assert not points or not found.get(series_id) or found[series_id][-1][0] < points[0][0]
            found.setdefault(series_id, []).extend(points)
    return found, sizes


@pytest.mark.parametrize("limits", [MergeLimits(1, 1), MergeLimits(2, 5), MergeLimits()])
@pytest.mark.parametrize("masked", [False, True])
def test_the_first_of_equal_times_is_kept(
    tmp_path: Path, duck: Duck, limits: MergeLimits, masked: bool
) -> None:
    inputs: list[list[Row]] = [
        [(1, 10, 1), (1, 20, 2), (2, 30, 3)],
        [(1, 20, 9), (1, 25, 4), (2, 30, 9), (5, 1, 5)],
        [(1, 5, 6), (1, 25, 9)],
    ]
    metas = [write_rows(duck, tmp_path, rows) for rows in inputs]
    keep: Callable[[SegmentMeta, object, Samples], Samples] | None = None
    expected = {
        1: [(5, 6, 0), (10, 1, 0), (20, 2, 0), (25, 4, 0)],
        2: [(30, 3, 0)],
        5: [(1, 5, 0)],
    }
    if masked:  # nothing of the first
        keep = lambda meta, ids, samples: between(samples, 1, 0) if meta == metas[0] else samples  # noqa: E731
        expected = {
            1: [(5, 6, 0), (20, 9, 0), (25, 4, 0)],
            2: [(30, 9, 0)],
            5: [(1, 5, 0)],
        }
    assert merged(tmp_path, metas, limits, keep=keep)[0] == expected


def test_blocks_with_many_buckets_are_read_in_halves(tmp_path: Path, duck: Duck) -> None:
    """The counts of samples say nothing about buckets: each histogram here counts as 20."""
    wide = EXAMPLES[0]._replace(positive=tuple((i, 1.0) for i in range(40)), count=40.0, hint=3)
    series = {i: [(t, wide, 0) for t in range(8)] for i in (1, 2, 3)}
    meta = write_mixed(duck, tmp_path, series)
    found, sizes = merged(tmp_path, [meta], MergeLimits(8192, 40))
    assert found == series
    assert max(sizes) <= 4, "80 of room"
    _, whole = merged(tmp_path, [meta], MergeLimits())
    assert whole == [24]


def test_a_single_moment_is_not_cut() -> None:
    room = Room(5, can_be_cut=False)
    room.spend(1000)
    cuttable = Room(5, can_be_cut=True)
    cuttable.spend(10)
    with pytest.raises(TooLarge):
        cuttable.spend(1)


def test_hints_at_a_cut_are_doubted() -> None:
    claims = [EXAMPLES[0]._replace(hint=hint) for hint in (2, 2, 3, 1)]
    samples = mixed_samples(
        [
            [(1, claims[0], 0), (2, claims[1], 0)],
            [],
            [(1, 7, 0), (2, claims[1], 0)],
            [(1, claims[2], 0)],
            [(1, claims[3], 0)],
        ]
    )
    hints = [
        [getattr(content, "hint", None) for _, content, _ in points]
        for points in contents(doubted(samples))
    ]
    assert hints == [[0, 2], [], [None, 2], [3], [0]]
    plain = mixed_samples([[(1, 7, 0)]])
    assert doubted(plain) is plain


def test_inputs_apart_in_time_come_by_time(tmp_path: Path, duck: Duck) -> None:
    late, early = (write_rows(duck, tmp_path, some_rows([1], times)) for times in ([5, 9], [1, 4]))
    assert in_time_order([late, early]) == [early, late]
    both = write_rows(duck, tmp_path, some_rows([1], [4, 5]))
    assert in_time_order([late, early, both]) == [late, early, both]


def test_the_census_counts_the_samples_of_all_inputs(tmp_path: Path, duck: Duck) -> None:
    metas = [
        write_rows(duck, tmp_path, some_rows(ids, times))
        for ids, times in (([1, 3], [1, 2]), ([2, 3], [2, 3, 4]))
    ]
    census = take_census(tmp_path, metas, Damages())
    assert (census.ids.tolist(), census.samples.tolist()) == ([1, 2, 3], [2, 3, 5])


def test_without_its_series_table_a_segment_has_the_series_of_its_rows(
    tmp_path: Path, duck: Duck
) -> None:
    points = [(t, EXAMPLES[0], 0) for t in range(3)]
    meta = write_mixed(duck, tmp_path, {1: [(1, 5, 0)], 4: points, 6: [*points, (9, 1, 0)]})
    directory = tmp_path / meta.ulid
    damages = Damages()
    expected = take_census(tmp_path, [meta], damages)
    (directory / SERIES_FILE).write_bytes(b"noise")
    for _ in range(2):
        found = take_census(tmp_path, [meta], damages)
        assert found.ids.tolist() == expected.ids.tolist() == [1, 4, 6]
        assert found.samples.tolist() == expected.samples.tolist()
    damages.note(directory / SAMPLES_FILE, [0], "")
    assert take_census(tmp_path, [meta], damages).ids.tolist() == [4, 6]
    (directory / SERIES_FILE).unlink()
    with pytest.raises(FormatError, match=r"series\.parquet"):
        take_census(tmp_path, [meta], Damages())


def test_damaged_row_groups_are_left_out(tmp_path: Path, duck: Duck) -> None:
    rows = some_rows([1, 2, 3], range(2048))
    meta = write_rows(duck, tmp_path, rows, block_rows=9999, groups=RowGroups(2048))
    damages = Damages()
    damages.note(tmp_path / meta.ulid / SAMPLES_FILE, [1], "wrong")
    reader = SegmentReader(tmp_path, SegmentCaches(), damages=damages)
    census = Census(np.array([1, 2, 3]), np.full(3, 2048))
    ((_, samples),) = Merge(reader, [meta], census).blocks(WHOLE)
    assert np.diff(samples.offsets).tolist() == [2048, 0, 2048]
