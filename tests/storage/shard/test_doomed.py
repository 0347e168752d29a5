"""Doomed directories are deleted once their time has come, and not before."""

from __future__ import annotations

import gc
from pathlib import Path

from storage.segments.segment import SegmentMeta
from storage.shard.doomed import DoomedFiles, Leavers
from tests.makers.compaction import compact
from tests.makers.databases import WHOLE, opened, seal, series, write


def test_directories_go_after_the_grace_period(tmp_path: Path) -> None:
    first, second, gone = (tmp_path / name for name in "abc")
    for directory in (first, second):
        directory.mkdir()
        (directory / "file").write_text("x")
    doomed = DoomedFiles(grace_ms=100)
    doomed.add([first, gone], 1000)
    doomed.add([second], 1050)
    for now, left in [(1099, {"a", "b"}), (1100, {"b"}), (1149, {"b"}), (1150, set())]:
        doomed.delete_due(now)
        assert {path.name for path in tmp_path.iterdir()} == left


def test_what_is_read_stays_however_long_it_takes(tmp_path: Path) -> None:
    """A selection of before a compaction reads its own segments, long after the grace period."""
    points = [(1000 * k, float(k)) for k in range(20)]
    with opened(tmp_path) as database:
        for part in (points[:5], points[5:]):
            write(database, [series("a", part)])
            seal(database)
        before = set(tmp_path.glob("shards/*/segments/*"))
        selection = database.querier("t", replica_labels=(), dedup=True).select([], *WHOLE)
        assert compact(database) == 1
        after = 1 << 60
        database._doomed.delete_due(after)
        assert before < set(tmp_path.glob("shards/*/segments/*"))
        assert selection.read(0, 1).values.tolist() == [value for _, value in points]
        del selection
        gc.collect()
        database._doomed.delete_due(after)
        assert not before & set(tmp_path.glob("shards/*/segments/*"))


def described(ulid: str) -> SegmentMeta:
    return SegmentMeta(
        ulid=ulid, shard=0, min_ms=0, max_ms=1, samples=1, series=1, bytes=1, created_ms=0
    )


def test_descriptions_that_changed_count_too() -> None:
    """One that was marked late is another description of the same segment."""
    leavers = Leavers()
    first, second, other = described("A"), described("A"), described("B")
    leavers.note([first, other], [second, other])
    assert leavers.is_read("A") and not leavers.is_read("B")
    leavers.note([second, other], [])
    del first
    gc.collect()
    assert leavers.is_read("A")
    del second, other
    gc.collect()
    assert not leavers.is_read("A") and not leavers.is_read("B")
    assert not leavers._left
