"""Sealed rows are read when asked for, in any order of series, and counted before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.errors import LimitExceeded
from storage.read.sealed import LoadedRows, SampleBudget, StoredRows
from storage.samples.cuts import Cuts
from storage.samples.samples import Samples
from storage.segments.caches import SegmentCaches
from storage.segments.duck import Duck
from storage.segments.reader import SegmentReader
from tests.makers.histograms import EXAMPLES
from tests.makers.segments import some_rows, write_mixed, write_rows

SPAN = (0, 100)
IDS = [5, 1, 9, 3, 2]


def lists(samples: Samples) -> list[list[tuple[int, int]]]:
    pairs = list(
        zip(samples.timestamps.tolist(), samples.values.view(np.uint64).tolist(), strict=True)
    )
    return [
        pairs[a:b]
        for a, b in zip(samples.offsets[:-1].tolist(), samples.offsets[1:].tolist(), strict=True)
    ]


@pytest.fixture
def stored(tmp_path: Path, duck: Duck) -> StoredRows:
    segments = [
        write_rows(duck, tmp_path, some_rows([1, 2, 3, 5], range(t, t + 9))) for t in (0, 5)
    ]
    reader = SegmentReader(tmp_path, SegmentCaches())
    return StoredRows(reader, [(segments, None)], np.array(IDS), SPAN, 1000)


def test_rows_come_in_the_order_of_their_series(stored: StoredRows) -> None:
    whole = lists(stored.read(0, 5))
    expected = some_rows([1, 2, 3, 5], range(14))
    assert whole == [[row[1:] for row in expected if row[0] == i] for i in IDS]
    for first, end in ((0, 2), (2, 5), (3, 3), (1, 4)):
        assert lists(stored.read(first, end)) == whole[first:end]


@pytest.mark.parametrize("rows", [[], [0], [4, 0, 2], [3, 1]])
def test_picked_and_loaded_rows_are_the_same(stored: StoredRows, rows: list[int]) -> None:
    whole, chosen = lists(stored.read(0, 5)), np.array(rows, np.int64)
    expected = [whole[row] for row in rows]
    assert lists(stored.pick(chosen).read(0, len(rows))) == expected
    loaded = LoadedRows(stored.read(0, 5))
    assert lists(loaded.pick(chosen).read(0, len(rows))) == expected
    later = LoadedRows(stored.read(2, 5), first_row=2)
    assert lists(later.read(3, 5)) == whole[3:5]
    assert lists(later.pick(np.array([4, 2])).read(0, 2)) == [whole[4], whole[2]]
    assert later.expected == sum(map(len, whole[2:]))


def test_what_is_cut_out_is_in_no_block(stored: StoredRows) -> None:
    """Cut out of the older segment only: the newer one has some of its moments again."""
    older, newer = stored.runs[0][0]
    cut_rows = np.array([True, False, True, True, False])
    cuts = Cuts.of([(0, 6)], [cut_rows])
    rows = replace(stored, runs=[([older], cuts), ([newer], None)])
    whole = lists(rows.read(0, 5))
    for i, own in enumerate(lists(stored.read(0, 5))):
        assert whole[i] == [point for point in own if not (cut_rows[i] and point[0] < 5)]
    for first, end in ((0, 2), (1, 4), (4, 5)):
        assert lists(rows.read(first, end)) == whole[first:end]
    assert lists(rows.pick(np.array([3, 0])).read(0, 2)) == [whole[3], whole[0]]
    assert rows.expected == stored.expected


def test_nothing_is_decoded_before_the_limit_is_looked_at(stored: StoredRows) -> None:
    assert stored.expected == 4 * 18
    stored.check()
    with pytest.raises(LimitExceeded, match=r"more than 71 samples .*storage\.select\.max-samples"):
        StoredRows(stored.reader, stored.runs, stored.ids, SPAN, 71).check()
    assert len(stored.reader.caches.groups) == 0
    stored.read(0, 1)
    assert len(stored.reader.caches.groups) == 2


def test_what_has_histograms_is_not_plain(tmp_path: Path, duck: Duck, stored: StoredRows) -> None:
    assert stored.is_plain
    assert LoadedRows(stored.read(0, 5)).is_plain
    for point in ((1, EXAMPLES[0], 0), (1, 7, 3)):
        mixed = write_mixed(duck, tmp_path, {1: [point]})
        rows = StoredRows(stored.reader, [([mixed], None)], np.array([1]), SPAN, 9)
        assert not rows.is_plain
        assert not LoadedRows(rows.read(0, 1)).is_plain


def test_a_budget_counts_all_that_is_spent() -> None:
    budget = SampleBudget(3)
    budget.spend(2)
    budget.spend(1)
    with pytest.raises(LimitExceeded, match="more than 3 samples"):
        budget.spend(1)
