"""The writer of a shard: groups, failures of the log, limits of queue and head."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from storage.batch import Batch, Outcome
from storage.errors import CorruptBatch, LogFailed, Overloaded, StorageError
from storage.head.head import Head
from storage.log.wal import Wal
from storage.segments.duck import Duck
from storage.segments.exemplars import ExemplarReader
from storage.segments.reader import FooterCache, SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.series import SeriesReader
from storage.series.table import SeriesTable
from storage.shard.shard import (
    INLINE_SYNC_SECONDS_MAX,
    PendingWrite,
    Sealer,
    Shard,
    ShardFiles,
    accepted_times,
)
from storage.tenants.tenant import Tenant
from tests.makers.batches import batch_of, field, label, raw_batch, series_of
from tests.makers.bodies.mixed import mixed_batch_of
from tests.makers.databases import options, series
from tests.makers.histograms import EXAMPLES

TENANT = Tenant("t", 1, 0)
Answer = Outcome | StorageError


class SlowSealer:
    """Seals nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls = 0

    def __call__(
        self, shard: int, table: SeriesTable, head: Head, position: int
    ) -> SegmentMeta | None:
        self.calls += 1
        assert self.go.wait(30)
        return None


def no_seal(shard: int, table: SeriesTable, head: Head, position: int) -> None:
    """A sealer for heads that are never sealed."""


@contextmanager
def started(path: Path, sealer: Sealer = no_seal, **changes: Any) -> Iterator[Shard]:
    duck = Duck(memory_bytes=1 << 28, threads=1, temporary=path / "tmp")
    files = ShardFiles(
        wal=Wal.open(path / "wal", first_file=1),
        samples=SegmentReader(path, FooterCache()),
        series=SeriesReader(duck, path),
        exemplars=ExemplarReader(path),
        segments=(),
        log_position=1,
    )
    shard = Shard(0, options(path, **changes), files)
    shard.start(sealer)
    try:
        yield shard
    finally:
        shard.stop()
        duck.close()


def submit(shard: Shard, *batches: Batch) -> list[Answer]:
    """Submit all at once and wait for the answers, in their order."""
    answers: list[Answer | None] = [None] * len(batches)
    done = threading.Semaphore(0)

    def finisher(position: int) -> Any:
        def finish(answer: Answer) -> None:
            answers[position] = answer
            done.release()

        return finish

    with shard._wake:  # the writer sees none before all are there
        for position, batch in enumerate(batches):
            shard.submit(PendingWrite(TENANT, batch, 0, finisher(position)))
    for _ in batches:
        assert done.acquire(timeout=30)
    return [answer for answer in answers if answer is not None]


def up(*times: int) -> Batch:
    return batch_of([series("up", [(t, 1.0) for t in times])])


def test_a_group_is_answered_one_by_one(tmp_path: Path) -> None:
    with started(tmp_path) as shard:
        damaged = raw_batch(series_of(label(b"__name__", b"up"), field(1, b"\x0a\x05ab")))
        answers = submit(shard, up(1), damaged, up(2, 3))
        assert answers[0] == Outcome(1)
        assert isinstance(answers[1], CorruptBatch)
        assert answers[2] == Outcome(2)
        assert [record.tenant for record in shard.wal.replay(1)] == ["t", "t"]


def test_a_group_fits_into_a_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.shard.shard.GROUP_SAMPLES_MAX", 3)
    monkeypatch.setattr("storage.shard.shard.GROUP_BUCKETS_MAX", 4)
    groups: list[int] = []
    with started(tmp_path) as shard:
        write_group = shard._write_group

        def record(group: list[PendingWrite]) -> None:
            groups.extend([len(group)] if group else [])
            write_group(group)

        monkeypatch.setattr(shard, "_write_group", record)
        mixed = [mixed_batch_of([({"__name__": "h"}, [(t, EXAMPLES[0], 0)])]) for t in range(3)]
        writes = [up(1), up(2), up(3, 4), up(5, 6, 7, 8), *mixed]
        answers = submit(shard, *writes)
        assert [a.accepted for a in answers if isinstance(a, Outcome)] == [1, 1, 2, 4, 1, 1, 1]
    assert groups == [2, 1, 1, 2, 1]


def test_a_head_full_of_buckets_is_sealed(tmp_path: Path) -> None:
    sealer = SlowSealer()
    with started(tmp_path, sealer, head_buckets_max=20) as shard:
        for t in range(10):
            batch = mixed_batch_of([({"__name__": "h"}, [(t, EXAMPLES[0], 0)])])
            assert submit(shard, batch) == [Outcome(1, histograms=1)]
        assert len(shard.view().heads) == 2
        sealer.go.set()


def test_a_batch_with_nothing_to_keep_is_not_logged(tmp_path: Path) -> None:
    with started(tmp_path) as shard:
        (answer,) = submit(shard, raw_batch(series_of(label(b"a", b"1"))))
        assert isinstance(answer, Outcome)
        assert answer.accepted == 0
        assert list(shard.wal.replay(1)) == []


def test_a_failed_sync_is_final_and_nothing_becomes_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "broken disk")

    with started(tmp_path) as shard:
        assert submit(shard, up(1)) == [Outcome(1)]
        with monkeypatch.context() as patched:
            patched.setattr("os.fdatasync", fail)
            assert isinstance(submit(shard, up(2))[0], LogFailed)
        assert isinstance(submit(shard, up(3))[0], LogFailed)
        assert shard.head_samples == 1


class HeldSyncs:
    """Lets the first sync wait, beside the writer, until it is told how to end; later ones go
    through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: OSError | None = None) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self._error = error
        self._fdatasync = os.fdatasync
        monkeypatch.setattr("os.fdatasync", self)
        monkeypatch.setattr("storage.shard.shard.INLINE_SYNC_SECONDS_MAX", -1)

    def __call__(self, descriptor: int) -> None:
        if not self.begun.is_set():
            self.begun.set()
            assert self.go.wait(30)
            if self._error is not None:
                raise self._error
        self._fdatasync(descriptor)


def test_the_writer_hands_syncs_over_once_they_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers: list[str] = []

    def take_long(descriptor: int) -> None:
        callers.append(threading.current_thread().name.split("-")[0])
        time.sleep(20 * INLINE_SYNC_SECONDS_MAX)

    with started(tmp_path) as shard:
        monkeypatch.setattr("os.fdatasync", take_long)
        assert submit(shard, up(1)) == [Outcome(1)]
        assert submit(shard, up(2)) == [Outcome(1)]
    assert callers[:2] == ["writer", "sync"]


@pytest.mark.parametrize("error", [None, OSError(5, "broken disk")])
def test_a_group_is_logged_while_the_one_before_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    answers: Queue[Answer] = Queue()
    with started(tmp_path) as shard:
        syncs = HeldSyncs(monkeypatch, error)
        shard.submit(PendingWrite(TENANT, up(1), 0, answers.put))
        assert syncs.begun.wait(30)
        before = shard.wal.size_bytes()
        shard.submit(PendingWrite(TENANT, up(2), 0, answers.put))
        while shard.wal.size_bytes() == before:
            time.sleep(0.001)
        assert (answers.qsize(), shard.head_samples) == (0, 0)
        syncs.go.set()
        found = [answers.get(timeout=30) for _ in range(2)]
        if error is None:
            assert found == [Outcome(1), Outcome(1)]
        else:
            assert all(isinstance(answer, LogFailed) for answer in found)
        assert shard.head_samples == (2 if error is None else 0)


def test_a_group_that_cannot_be_written_leaves_the_one_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    answers: Queue[Answer] = Queue()
    with started(tmp_path) as shard:
        syncs = HeldSyncs(monkeypatch)
        shard.submit(PendingWrite(TENANT, up(1), 0, answers.put))
        assert syncs.begun.wait(30)
        with monkeypatch.context() as patched:
            patched.setattr("os.pwritev", full)
            assert isinstance(submit(shard, up(2))[0], Overloaded)
        syncs.go.set()
        assert answers.get(timeout=30) == Outcome(1)
        assert submit(shard, up(3)) == [Outcome(1)]
        assert len(list(shard.wal.replay(1))) == 2


def test_a_seal_takes_what_is_in_flight_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = SlowSealer()
    answers: Queue[Answer] = Queue()
    with started(tmp_path, sealer, head_samples_max=20) as shard:
        for first in (0, 10):
            submit(shard, up(*range(first, first + 4)))
        syncs = HeldSyncs(monkeypatch)
        shard.submit(PendingWrite(TENANT, up(*range(20, 28)), 0, answers.put))
        assert syncs.begun.wait(30)
        shard.submit(PendingWrite(TENANT, up(30), 0, answers.put))
        syncs.go.set()
        assert [answers.get(timeout=30) for _ in range(2)] == [Outcome(8), Outcome(1)]
        while not sealer.calls:
            time.sleep(0.001)
        logged = [record for record in shard.wal.replay(shard.wal.file_number)]
        active = shard.view().heads[-1]
        assert active.sample_count == len(logged)
        sealer.go.set()


@pytest.mark.parametrize(("group_bytes_max", "refused"), [(10_000, 3), (40, 0)])
def test_a_group_that_is_too_large_for_the_log_does_not_stop_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_bytes_max: int, refused: int
) -> None:
    monkeypatch.setattr("storage.log.wal.PENDING_BYTES_MAX", 150)
    monkeypatch.setattr("storage.shard.shard.GROUP_BYTES_MAX", group_bytes_max)
    with started(tmp_path) as shard:
        answers = submit(shard, up(1), up(2), up(3))
        assert sum(isinstance(answer, Overloaded) for answer in answers) == refused
        (answer,) = submit(shard, up(4))
        assert answer == Outcome(1)


def test_an_unexpected_failure_does_not_end_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with started(tmp_path) as shard:
        with monkeypatch.context() as patched:
            patched.setattr(shard.table, "resolve", lambda *_: 1 / 0)
            (answer,) = submit(shard, up(1))
        assert isinstance(answer, StorageError)
        assert "ZeroDivisionError" in str(answer)
        assert submit(shard, up(2)) == [Outcome(1)]
    assert "write failed" in caplog.text


def test_a_full_head_asks_to_come_again_and_takes_writes_after_the_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.shard.shard.SEAL_WAIT_SECONDS", 0.01)
    sealer = SlowSealer()
    with started(tmp_path, sealer, head_samples_max=20) as shard:
        answers: list[Answer] = []
        while not answers or isinstance(answers[-1], Outcome):
            answers += submit(shard, up(*range(10 * len(answers), 10 * len(answers) + 10)))
            assert len(answers) < 20
        assert isinstance(answers[-1], Overloaded)
        assert "storage.head.max-samples" in str(answers[-1])
        assert sealer.calls == 1
        assert len(shard.view().heads) == 2
        sealer.go.set()
        monkeypatch.setattr("storage.shard.shard.SEAL_WAIT_SECONDS", 30)
        assert submit(shard, up(1000)) == [Outcome(1)]


def test_a_seal_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.shard.shard.SEAL_RETRY_SECONDS", 0.01)
    sealed = threading.Event()
    tries = []

    def sealer(shard: int, table: SeriesTable, head: Head, position: int) -> None:
        tries.append(position)
        if len(tries) < 3:
            raise OSError(28, "no space")
        sealed.set()

    with started(tmp_path, sealer, head_samples_max=20) as shard:
        submit(shard, up(*range(15)))
        assert sealed.wait(30)
        assert len(tries) == 3
        assert len(set(tries)) == 1


def test_the_queue_has_a_limit_and_a_stopped_shard_takes_nothing(tmp_path: Path) -> None:
    limit = r"storage\.write-queue\.max-requests"
    with started(tmp_path, queue_requests_max=0) as shard, pytest.raises(Overloaded, match=limit):
        submit(shard, up(1))
    with pytest.raises(Overloaded, match="stopping"):
        submit(shard, up(1))


def test_an_old_head_is_sealed(tmp_path: Path) -> None:
    sealed = threading.Event()

    def sealer(shard: int, table: SeriesTable, head: Head, position: int) -> None:
        sealed.set()

    with started(tmp_path, sealer, head_age_ms=1) as shard:
        submit(shard, up(1))
        assert sealed.wait(30)


def test_accepted_times(tmp_path: Path) -> None:
    kept = options(tmp_path, retention_ms=100, creation_grace_period_ms=10)
    assert accepted_times(kept, 1000) == (900, 1010)
    low, high = accepted_times(options(tmp_path), 1000)
    assert (low, high) == (-(1 << 63) + 1, (1 << 63) - 1)
