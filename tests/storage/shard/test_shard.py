"""The state of a shard: what a view has while a head is sealed, and after."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from storage.catalog.deletions import Deletion
from storage.downsampling.aggregates import RESOLUTION_5M_MS
from storage.head.head import Head
from storage.labels.matchers import Matcher
from storage.segments.segment import SegmentMeta
from storage.shard.shard import Shard
from tests.makers.batches import batch_of
from tests.makers.databases import series
from tests.makers.shards import shard_at


def fill(shard: Shard, *times: int) -> Head:
    """Append a sample at each time; returns the head that has them."""
    batch = batch_of([series("up", [(t, 1.0) for t in times])])
    shard.active.append(shard.table.resolve(batch, 1), batch, -100, 100)
    return shard.active


def segment(ulid: str, rank: int = 0) -> SegmentMeta:
    return SegmentMeta(
        ulid=ulid, shard=0, min_ms=0, max_ms=1, samples=1, series=1, bytes=1, created_ms=0,
        rank=rank,
    )  # fmt: skip


def test_a_frozen_head_is_seen_until_it_is_a_segment(tmp_path: Path) -> None:
    with shard_at(tmp_path) as shard:
        first = fill(shard, 1, 2)
        assert shard.freeze() is first
        second = fill(shard, 3)
        assert shard.view().heads == (first, second)
        assert shard.head_samples == 3
        shard.thaw([segment("a")])
        assert shard.view().heads == (second,)
        assert [s.ulid for s in shard.view().segments] == ["a"]


def test_a_head_without_samples_leaves_no_segment(tmp_path: Path) -> None:
    with shard_at(tmp_path) as shard:
        shard.freeze()
        shard.thaw([])
        assert (len(shard.view().heads), shard.view().segments) == (1, ())


def test_one_head_is_sealed_at_a_time(tmp_path: Path) -> None:
    with shard_at(tmp_path) as shard:
        shard.freeze()
        with pytest.raises(AssertionError, match="sealing already"):
            shard.freeze()


def test_a_view_keeps_the_segments_that_are_dropped_after_it(tmp_path: Path) -> None:
    with shard_at(tmp_path) as shard:
        for ulid in "abc":
            shard.freeze()
            shard.thaw([segment(ulid)])
        before = shard.view()
        shard.drop_segments({"a", "c", "unknown"})
        assert [s.ulid for s in before.segments] == ["a", "b", "c"]
        assert [s.ulid for s in shard.view().segments] == ["b"]


def test_another_state_is_shown_at_once(tmp_path: Path) -> None:
    matchers = ((Matcher("a", "=", "b"),),)
    hidden = Deletion(1, matchers, 0, 1, 5, number=3, pending=frozenset("b"))
    with shard_at(tmp_path) as shard:
        shard.show([segment("b", 2), segment("a", 1)], [])
        record = shard.records.of(1, 0)
        assert [s.ulid for s in shard.view().segments] == ["a", "b"]
        shard.show([segment("a", 1), segment("b", 2)], [])
        assert record.changed(0, (0, 1)) == [], "nothing has changed"
        shard.show([segment("b", 2), segment("c", 3)], [hidden])
        assert [s.ulid for s in shard.view().segments] == ["b", "c"]
        assert shard.view().deletions == (hidden,)
        assert record.changed(0, (0, 1)) != []
        before = record.revision
        shard.show([segment("b", 2), segment("c", 3)], [])
        assert record.changed(before, (0, 1)) != []


def test_windows_that_became_late_are_read_otherwise_all_along(tmp_path: Path) -> None:
    windows = msgspec.structs.replace(
        segment("w"), resolution_ms=RESOLUTION_5M_MS, from_ms=-9 * RESOLUTION_5M_MS,
        to_ms=9 * RESOLUTION_5M_MS,
    )  # fmt: skip
    with shard_at(tmp_path) as shard:
        shard.show([windows], [])
        record = shard.records.of(1, 0)
        for ulid in "ab":
            before = record.revision
            shard.freeze()
            shard.thaw([segment(ulid)])
            far = (8 * RESOLUTION_5M_MS, 9 * RESOLUTION_5M_MS)
            assert bool(record.changed(before, far)) is (ulid == "a")
        assert shard.view().aggregates[0].late_ms


def test_segments_are_seen_by_rank(tmp_path: Path) -> None:
    with shard_at(tmp_path) as shard:
        assert shard.next_rank == 1
        shard.freeze()
        shard.thaw([segment("a", 1), segment("b", 1)])
        shard.freeze()
        shard.thaw([segment("c", 2)])
        assert shard.next_rank == 3
        shard.replace_segments({"a", "c"}, [segment("d", 1), segment("e", 0)])
        assert [s.ulid for s in shard.view().segments] == ["e", "b", "d"]
        assert shard.next_rank == 2


def test_a_head_is_due_when_it_is_half_full_and_no_other_is_being_sealed(tmp_path: Path) -> None:
    with shard_at(tmp_path, head_samples_max=20) as shard:
        assert not shard.seal_is_due
        fill(shard, *range(9))
        assert not shard.seal_is_due
        fill(shard, 9)
        assert (shard.fullness, shard.seal_is_due) == (0.5, True)
        shard.freeze()
        assert (shard.fullness, shard.seal_is_due) == (0, False)
        fill(shard, *range(10, 20))
        assert (shard.fullness, shard.seal_is_due) == (0.5, False)
        shard.thaw([])
        assert shard.seal_is_due


def test_an_old_head_is_due_if_it_has_samples(tmp_path: Path) -> None:
    with shard_at(tmp_path, head_age_ms=0) as shard:
        assert not shard.seal_is_due
        fill(shard, 1)
        assert shard.seal_is_due


def test_a_tenant_has_one_index(tmp_path: Path) -> None:
    with shard_at(tmp_path) as shard:
        assert shard.index(1) is shard.index(1)
        assert shard.index(1) is not shard.index(2)
