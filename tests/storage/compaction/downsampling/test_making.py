"""Jobs of downsampling: what segments of aggregates have is what queries see of raw samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.compaction.verification import verify
from storage.database import Database
from storage.dedup.algorithm import PairRule
from storage.downsampling.aggregates import RESOLUTION_1H_MS, RESOLUTION_5M_MS, RESOLUTIONS_MS
from storage.files import AGGREGATES_FILE, segments_directory
from storage.options import DAY_MS, HOUR_MS, MINUTE_MS
from storage.policy import Policy
from storage.snapshot import take_snapshot
from tests.makers.compaction import compact
from tests.makers.databases import key, opened, read, seal, series, write
from tests.makers.downsampling.databases import covers, downsample, downsampling_worker, stored
from tests.twins.storage import aggregates as naive

PAIRS = Policy(pairs=lambda tenant: PairRule(("replica",)))
EVERYTHING = ((),)
MINUTES = [(t * MINUTE_MS, float(t % 50)) for t in range(1, 400)]


def expected(
    database: Database, resolution_ms: int, replica_labels: tuple[str, ...] = ()
) -> dict[Any, Any]:
    """Windows of what queries see."""
    seen = read(database, replica_labels=replica_labels)
    points = {k: [(t, naive.bits_of(v)) for t, v in own] for k, own in seen.items() if own}
    return {k: (naive.fold(own, resolution_ms), []) for k, own in points.items()}


def check(database: Database, replica_labels: tuple[str, ...] = ()) -> None:
    for resolution_ms in RESOLUTIONS_MS:
        found = stored(database, resolution_ms)
        assert found == expected(database, resolution_ms, replica_labels)


def test_samples_become_windows(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES), series("b", [(5, 1.0), (9 * DAY_MS, 2.0)], l="x")])
        seal(database)
        assert downsample(database) == [
            "downsample 300", "downsample 3600",
        ]  # fmt: skip
        check(database)
        assert covers(database, RESOLUTION_5M_MS) == [(0, 32 * DAY_MS)]
        raw = database._shards[0].view().segments
        assert raw and all(s.is_raw for s in raw)
    with opened(tmp_path) as database:
        check(database)


def test_late_samples_are_taken_in(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES)])
        seal(database)
        downsample(database)
        write(database, [series("a", [(7, 1.0)]), series("late", [(8, 2.0)])])
        assert not any(s.late_ms for s in database._shards[0].view().aggregates)
        seal(database)
        assert all(s.late_ms for s in database._shards[0].view().aggregates)
    with opened(tmp_path) as database:
        assert all(s.late_ms for s in database._shards[0].view().aggregates)
        assert downsample(database) == ["renew 300", "renew 3600"]
        check(database)
        assert not any(s.late_ms for s in database._shards[0].view().aggregates)
        write(database, [series("a", [(40 * DAY_MS, 1.0)])])
        seal(database)
        assert not any(s.late_ms for s in database._shards[0].view().aggregates)


def test_what_is_gone_from_raw_stays(tmp_path: Path) -> None:
    """Raw samples that are past their retention are not missed when windows are made again."""
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES)])
        seal(database)
        downsample(database)
        before = stored(database, RESOLUTION_1H_MS)
        (shard,) = database._shards
        gone = {s.ulid for s in shard.view().segments}
        database._catalog.drop_segments(sorted(gone))
        shard.drop_segments(gone)
        write(database, [series("b", [(7, 1.0)])])
        seal(database)
        tools = replace(database._tools(), complete_since=lambda shard, resolution_ms: 1 << 62)
        assert downsample(database, tools=tools) == ["renew 300", "renew 3600"]
        after = stored(database, RESOLUTION_1H_MS)
        assert after.pop(key("b"))[0][0].count == 1
        assert after == before


def pair(points: list[tuple[int, float]]) -> list[Any]:
    """Two replicas, each with a hole, and one a little later than the other."""
    one = [(t, v) for t, v in points if not 100 < t // MINUTE_MS < 140]
    two = [(t + 5_000, v) for t, v in points if not 200 < t // MINUTE_MS < 260]
    return [series("p", one, replica="a"), series("p", two, replica="b")]


def test_pairs_are_one_series(tmp_path: Path) -> None:
    with opened(tmp_path, policy=PAIRS) as database:
        others = [series("alone", MINUTES), series("o", MINUTES, replica="a")]
        write(database, [*pair(MINUTES), *others])
        seal(database)
        downsample(database)
        found = stored(database, RESOLUTION_5M_MS)
        assert set(found) == {key("p"), key("alone"), key("o")}
        check(database, ("replica",))
        assert sum(row.count for row in found[key("p")][0]) == len(MINUTES)
        raw = read(database)
        assert {k: len(v) for k, v in raw.items() if v}.keys() == {
            key("p", replica="a"), key("p", replica="b"), key("alone"), key("o", replica="a"),
        }  # fmt: skip
    with opened(tmp_path, policy=PAIRS) as database:
        check(database, ("replica",))
        assert len(database._shards[0].held) == 0


def test_pairs_at_the_seam_of_two_days(tmp_path: Path) -> None:
    """What dedup takes at the edge of a day depends on samples of the next one."""
    points = [(DAY_MS + t * MINUTE_MS, float(t + 500)) for t in range(-400, 400)]
    with opened(tmp_path, policy=PAIRS) as database:
        write(database, pair(points))
        seal(database)
        at_ms = 2 * DAY_MS + 40 * HOUR_MS
        assert downsample(database, at_ms=at_ms) == ["downsample 300"] * 2
        assert covers(database, RESOLUTION_5M_MS) == [(0, DAY_MS), (DAY_MS, 2 * DAY_MS)]
        found = stored(database, RESOLUTION_5M_MS)
        assert found == expected(database, RESOLUTION_5M_MS, ("replica",))


def test_days_become_larger_windows(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for day in range(9):
            write(database, [series("a", [(day * DAY_MS + t, v) for t, v in MINUTES])])
            seal(database)
            compact(database)
            at_ms = (day + 1) * DAY_MS + 40 * HOUR_MS
            done = downsample(database, at_ms=at_ms)
            assert done == (["downsample 300", "widen 300"] if day == 7 else ["downsample 300"])
        assert covers(database, RESOLUTION_5M_MS) == [(0, 8 * DAY_MS), (8 * DAY_MS, 9 * DAY_MS)]
        assert stored(database, RESOLUTION_5M_MS) == expected(database, RESOLUTION_5M_MS)
        downsample(database)
        check(database)


def test_a_retention_keeps_windows_small(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        at_ms = 20 * DAY_MS
        write(database, [series("a", [(d * DAY_MS + 5, 1.0) for d in range(20)])])
        seal(database)
        downsample(database, at_ms=at_ms, retention_5m_ms=12 * DAY_MS)
        days = [end // DAY_MS for _, end in covers(database, RESOLUTION_5M_MS)]
        assert days == list(range(8, 19))


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4:40] = bytes(36)
    path.write_bytes(data)


def test_a_damaged_segment_is_made_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES)])
        seal(database)
        downsample(database)
        (shard,) = database._shards
        (broken,) = [s for s in shard.view().aggregates if s.resolution_ms == RESOLUTION_5M_MS]
        directory = segments_directory(tmp_path, 0)
        damage(directory / broken.ulid / AGGREGATES_FILE)
        worker = downsampling_worker(database, scrub_interval_ms=1)
        worker._scrub(worker._scrubbed_ms + 10)
        states = {s.segment.ulid: s for s in worker.states(shard, 0)}
        assert states[broken.ulid].state == "damaged"
        assert downsample(database)[0] == "salvage 300"
        check(database)
        ((aside, *_),) = database._catalog.set_aside_segments(0)
        assert aside.ulid == broken.ulid


def test_a_job_is_undone_if_its_ground_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES)])
        seal(database)
        (shard,) = database._shards
        worker = downsampling_worker(database)
        (job, *_) = [j for j in worker.plan(shard, 1 << 60) if j.resolution_ms]
        examine = worker.compactor.examine

        def delete_meanwhile(*given: Any) -> Any:
            from storage.catalog.deletions import Deletion

            found = examine(*given)
            pending = frozenset(s.ulid for s in shard.view().segments)
            swap = worker.downsampler._swap

            def after(*rest: Any) -> Any:
                shard.add_deletion(Deletion(1, ((),), 0, 5, 0, pending=pending, number=9))
                return swap(*rest)

            monkeypatch.setattr(worker.downsampler, "_swap", after)
            return found

        monkeypatch.setattr(worker.compactor, "examine", delete_meanwhile)
        assert worker.downsampler.run(shard, job) == []
        names = {path.name for path in segments_directory(tmp_path, 0).iterdir()}
        assert names == {s.ulid for s in shard.view().segments}


def test_samples_that_are_sealed_meanwhile_make_it_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES)])
        seal(database)
        (shard,) = database._shards
        worker = downsampling_worker(database)
        (job, *_) = [j for j in worker.plan(shard, 1 << 60) if j.resolution_ms]
        swap = worker.downsampler._swap

        def after(*given: Any) -> Any:
            write(database, [series("a", [(7, 1.0)])])
            seal(database)
            return swap(*given)

        monkeypatch.setattr(worker.downsampler, "_swap", after)
        (made,) = worker.downsampler.run(shard, job)
        assert made.late_ms
        assert [s.late_ms > 0 for s in database._catalog.segments(0) if not s.is_raw] == [True]


def test_deletions_that_are_pending_are_obeyed(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES), series("b", MINUTES)])
        seal(database)
        database.deletions.delete_series("t", EVERYTHING, 0, 100 * MINUTE_MS)
        assert database._shards[0].view().deletions
        downsample(database)
        check(database)
        assert min(row.first_ms for row in stored(database, RESOLUTION_5M_MS)[key("a")][0]) > (
            100 * MINUTE_MS
        )


def test_windows_with_something_deleted_go(tmp_path: Path) -> None:
    """And what of them was not deleted comes back out of raw samples."""
    with opened(tmp_path) as database:
        write(database, [series("a", MINUTES), series("b", MINUTES)])
        seal(database)
        downsample(database)
        database.deletions.delete_series("t", EVERYTHING, 0, 102 * MINUTE_MS)
        database.deletions.clean("t")
        windows = stored(database, RESOLUTION_5M_MS)[key("a")][0]
        assert windows[0].first_ms == 106 * MINUTE_MS
        downsample(database)
        check(database)
        assert not database._shards[0].view().deletions


def test_snapshots_and_verification_have_them(tmp_path: Path) -> None:
    with opened(tmp_path / "live") as database:
        write(database, [series("a", MINUTES)])
        seal(database)
        downsample(database)
        take_snapshot(tmp_path / "live", tmp_path / "copy")
        found = verify(tmp_path / "live", lambda line: None)
        assert (found.segments, found.damaged) == (3, 0)
    with opened(tmp_path / "copy") as database:
        check(database)
    lines: list[str] = []
    (segment, *_) = segments_directory(tmp_path / "copy", 0).glob(f"*/{AGGREGATES_FILE}")
    segment.unlink()  # a snapshot shares its files
    segment.write_bytes(b"PAR1")
    assert verify(tmp_path / "copy", lines.append).damaged == 1
    assert f"file={AGGREGATES_FILE} row_groups=all" in lines[0]
