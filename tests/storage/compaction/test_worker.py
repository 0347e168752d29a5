"""The worker: one job at a time, of all shards; what fails is put off, and the rest goes on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from storage.compaction import worker as worker_module
from storage.compaction.compactor import Compactor
from storage.compaction.planner import Job
from storage.compaction.worker import DELAY_MAX_MS, FIRST_DELAY_MS, job_limits
from storage.database import Database
from storage.errors import StorageError
from storage.files import SAMPLES_FILE, segments_directory
from storage.options import DAY_MS, HOUR_MS, MINUTE_MS
from storage.segments.segment import SegmentMeta
from storage.shard.shard import Shard, now_ms
from tests.makers.compaction import LONG_AFTER_MS, worker_of
from tests.makers.databases import opened, options, read, seal, series, write

AT = LONG_AFTER_MS


def fill(database: Database, windows: int = 1) -> None:
    for number in range(2):
        points = [(8 * DAY_MS * window + number, 1.0) for window in range(windows)]
        write(database, [series("up", points)])
        seal(database)


def value(database: Database, name: str, **labels: str) -> float:
    found = [
        sample.value
        for metric in vars(database._metrics).values()
        for family in metric.collect()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return sum(found)


def test_jobs_that_are_due_are_done_one_after_the_other(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database, windows=3)
        worker = worker_of(database)
        for left in (3, 2, 1):
            shard = database._shards[0]
            assert len(worker.plan(shard, AT)) == left
            assert worker.round(AT) == 1
            assert value(database, "cupola_compaction_waiting_jobs", shard="0") == left
        assert worker.round(AT) == 0
        assert value(database, "cupola_compaction_waiting_jobs", shard="0") == 0
        assert value(database, "cupola_compaction_jobs_total", kind="merge", level="3") == 3
        assert value(database, "cupola_compaction_samples_total") == 6
        for name in ("read_bytes", "written_bytes", "seconds"):
            assert value(database, f"cupola_compaction_{name}_total") > 0


def test_the_age_of_what_waits_is_measured(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        worker = worker_of(database)
        at = 8 * DAY_MS + DAY_MS
        worker._update_gauges(database._shards[0], worker.plan(database._shards[0], at), at)
        assert value(database, "cupola_compaction_waiting_age_seconds", shard="0") == 86_400.001


def test_nothing_is_merged_where_that_is_switched_off(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        worker = worker_of(database, compaction_enabled=False)
        assert worker.round(AT) == 0
        assert len(database._shards[0].view().segments) == 2


def test_a_job_that_fails_is_put_off_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Compactor.run

    def fail_first_window(self: Compactor, shard: Shard, job: Job) -> list[SegmentMeta]:
        if job.windows[0][0] == 0:
            raise errors[0]
        return run(self, shard, job)

    monkeypatch.setattr(Compactor, "run", fail_first_window)
    errors: list[Exception] = [StorageError("no room")]
    with opened(tmp_path) as database:
        fill(database, windows=2)
        worker, shard = worker_of(database), database._shards[0]
        assert worker.round(AT) == 0
        assert worker.round(AT) == 1, "the other window"
        (job,) = worker.plan(shard, AT)
        assert worker.put_off_ms(job) == AT + FIRST_DELAY_MS
        at = AT
        for tries in range(1, 14):
            at = worker.put_off_ms(job)
            errors[0] = AssertionError("BUG: of any kind")
            assert worker.round(at - 1) == worker.round(at) == 0
            assert worker.put_off_ms(job) == at + min(FIRST_DELAY_MS << tries, DELAY_MAX_MS)
        assert value(database, "cupola_compaction_failures_total") == 14
        assert "no room" in caplog.text
        monkeypatch.setattr(Compactor, "run", run)
        assert worker.round(at + DELAY_MAX_MS) == 1
        assert worker.put_off_ms(job) == 0


def test_failures_that_are_remembered_are_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "FAILURES_MAX", 2)

    def fail(*_: Any) -> list[SegmentMeta]:
        raise OSError("disk")

    monkeypatch.setattr(Compactor, "run", fail)
    with opened(tmp_path) as database:
        fill(database, windows=4)
        worker = worker_of(database)
        for _ in range(4):
            worker.round(AT)
        assert len(worker._failures) == 2


def test_the_thread_compacts_by_itself_and_stops(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        expected = read(database)
    done = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        run = Compactor.run

        def noted(self: Compactor, shard: Shard, job: Job) -> list[SegmentMeta]:
            found = run(self, shard, job)
            done.set()
            return found

        patch.setattr(Compactor, "run", noted)
        with opened(tmp_path, compaction_enabled=True) as database:
            assert done.wait(60)
            assert read(database) == expected
            (segment,) = database._shards[0].view().segments
            assert segment.level == 3
        assert not database._compaction._thread.is_alive()


def test_the_scrub_finds_what_no_one_reads(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        shard = database._shards[0]
        first, second = shard.view().segments
        path = segments_directory(tmp_path, 0) / first.ulid / SAMPLES_FILE
        path.write_bytes(path.read_bytes()[:-1])
        worker = worker_of(database, scrub_interval_ms=HOUR_MS, compaction_enabled=False)
        worker.round(now_ms() + HOUR_MS)
        assert database._damages.segments() == {first.ulid}
        assert value(database, "cupola_scrub_read_bytes_total") > second.bytes
        assert value(database, "cupola_segment_damage_total") == 1
        assert worker.round(now_ms() + HOUR_MS) == 0, "it stays, since compaction is off"


def test_segments_that_are_set_aside_are_counted_and_expire(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        first, second = database._shards[0].view().segments
        for segment in (first, second):
            database._catalog.set_aside(segment.ulid, "why")
        worker_of(database).round(AT)
        assert value(database, "cupola_segments_set_aside", shard="0") == 2, "kept for ever"
        worker_of(database, retention_ms=DAY_MS).round(first.max_ms + DAY_MS + 1)
        assert value(database, "cupola_segments_set_aside", shard="0") == 1
        ((kept, *_),) = database._catalog.set_aside_segments(0)
        assert kept == second
        database._doomed.delete_due(AT)
        names = [path.name for path in segments_directory(tmp_path, 0).iterdir()]
        assert names == [second.ulid]


def test_a_window_is_closed_when_no_head_can_have_it_any_more(tmp_path: Path) -> None:
    limits = job_limits(options(tmp_path, head_age_ms=2 * HOUR_MS, compaction_samples_max=77))
    assert (limits.slack_ms, limits.samples) == (3 * HOUR_MS + 10 * MINUTE_MS, 77)
    assert limits.levels == 3
