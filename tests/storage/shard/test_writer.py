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

from storage.batch import KIND_TENANT_RULES, Batch, Outcome
from storage.errors import CorruptBatch, LogFailed, Overloaded, StorageError
from storage.head.head import GroupLimits, Head
from storage.log.wal import WAL_LIMITS, WalLimits, log_file_numbers
from storage.segments.segment import SegmentMeta
from storage.series.table import SeriesTable
from storage.shard.ingest import PendingWrite, log_rules
from storage.shard.sealing import Sealer
from storage.shard.writer import WRITER_LIMITS, Writer, WriterLimits
from storage.tenants.rules import TenantRules
from storage.tenants.tenant import Tenant
from tests.makers.batches import batch_of, field, label, raw_batch, series_of
from tests.makers.bodies.mixed import mixed_batch_of
from tests.makers.databases import series
from tests.makers.histograms import EXAMPLES
from tests.makers.shards import shard_at

TENANT = Tenant("t", 1, 0)
Answer = Outcome | StorageError
HANDS_SYNCS_OVER = WriterLimits(inline_sync_seconds=-1)


class SlowSealer:
    """Seals nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls = 0

    def __call__(
        self, shard: int, table: SeriesTable, head: Head, position: int
    ) -> list[SegmentMeta]:
        self.calls += 1
        assert self.go.wait(30)
        return []


def no_seal(shard: int, table: SeriesTable, head: Head, position: int) -> list[SegmentMeta]:
    """A sealer for heads that are never sealed."""
    return []


@contextmanager
def started(
    path: Path,
    sealer: Sealer = no_seal,
    *,
    limits: WriterLimits = WRITER_LIMITS,
    wal: WalLimits = WAL_LIMITS,
    **changes: Any,
) -> Iterator[Writer]:
    with shard_at(path, limits.group, wal, **changes) as shard:
        writer = Writer(shard, sealer, limits)
        writer.start()
        try:
            yield writer
        finally:
            writer.stop()


def submit(writer: Writer, *batches: Batch) -> list[Answer]:
    """Submit all at once and wait for the answers, in their order."""
    answers: list[Answer | None] = [None] * len(batches)
    done = threading.Semaphore(0)

    def finisher(position: int) -> Any:
        def finish(answer: Answer) -> None:
            answers[position] = answer
            done.release()

        return finish

    with writer._wake:  # the thread sees none before all are there
        for position, batch in enumerate(batches):
            writer.submit(PendingWrite(TENANT, batch, 0, finisher(position)))
    for _ in batches:
        assert done.acquire(timeout=30)
    return [answer for answer in answers if answer is not None]


def up(*times: int) -> Batch:
    return batch_of([series("up", [(t, 1.0) for t in times])])


def test_a_group_is_answered_one_by_one(tmp_path: Path) -> None:
    with started(tmp_path) as writer:
        damaged = raw_batch(series_of(label(b"__name__", b"up"), field(1, b"\x0a\x05ab")))
        answers = submit(writer, up(1), damaged, up(2, 3))
        assert answers[0] == Outcome(1)
        assert isinstance(answers[1], CorruptBatch)
        assert answers[2] == Outcome(2)
        assert [record.tenant for record in writer.shard.wal.replay(1)] == ["t", "t"]


def test_a_group_fits_into_a_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    with started(tmp_path, limits=WriterLimits(GroupLimits(3, 4))) as writer:
        write = writer._write

        def record(group: list[PendingWrite]) -> None:
            groups.extend([len(group)] if group else [])
            write(group)

        monkeypatch.setattr(writer, "_write", record)
        mixed = [mixed_batch_of([({"__name__": "h"}, [(t, EXAMPLES[0], 0)])]) for t in range(3)]
        writes = [up(1), up(2), up(3, 4), up(5, 6, 7, 8), *mixed]
        answers = submit(writer, *writes)
        assert [a.accepted for a in answers if isinstance(a, Outcome)] == [1, 1, 2, 4, 1, 1, 1]
    assert groups == [2, 1, 1, 2, 1]


def test_a_head_full_of_buckets_is_sealed(tmp_path: Path) -> None:
    sealer = SlowSealer()
    with started(tmp_path, sealer, head_buckets_max=20) as writer:
        for t in range(10):
            batch = mixed_batch_of([({"__name__": "h"}, [(t, EXAMPLES[0], 0)])])
            assert submit(writer, batch) == [Outcome(1, histograms=1)]
        assert len(writer.shard.view().heads) == 2
        sealer.go.set()


def test_a_batch_with_nothing_to_keep_is_not_logged(tmp_path: Path) -> None:
    with started(tmp_path) as writer:
        (answer,) = submit(writer, raw_batch(series_of(label(b"a", b"1"))))
        assert isinstance(answer, Outcome)
        assert answer.accepted == 0
        assert list(writer.shard.wal.replay(1)) == []


def test_a_failed_sync_is_final_and_nothing_becomes_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "broken disk")

    with started(tmp_path) as writer:
        assert submit(writer, up(1)) == [Outcome(1)]
        with monkeypatch.context() as patched:
            patched.setattr("os.fdatasync", fail)
            assert isinstance(submit(writer, up(2))[0], LogFailed)
        assert isinstance(submit(writer, up(3))[0], LogFailed)
        assert writer.shard.head_samples == 1


class HeldSyncs:
    """Lets the first sync wait, beside the writer, until it is told how to end; later ones go
    through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: OSError | None = None) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self._error = error
        self._fdatasync = os.fdatasync
        monkeypatch.setattr("os.fdatasync", self)

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
        time.sleep(20 * WRITER_LIMITS.inline_sync_seconds)

    with started(tmp_path) as writer:
        monkeypatch.setattr("os.fdatasync", take_long)
        assert submit(writer, up(1)) == [Outcome(1)]
        assert submit(writer, up(2)) == [Outcome(1)]
    assert callers[:2] == ["writer", "sync"]


@pytest.mark.parametrize("error", [None, OSError(5, "broken disk")])
def test_a_group_is_logged_while_the_one_before_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    answers: Queue[Answer] = Queue()
    with started(tmp_path, limits=HANDS_SYNCS_OVER) as writer:
        syncs = HeldSyncs(monkeypatch, error)
        writer.submit(PendingWrite(TENANT, up(1), 0, answers.put))
        assert syncs.begun.wait(30)
        before = writer.shard.wal.size_bytes()
        writer.submit(PendingWrite(TENANT, up(2), 0, answers.put))
        while writer.shard.wal.size_bytes() == before:
            time.sleep(0.001)
        assert (answers.qsize(), writer.shard.head_samples) == (0, 0)
        syncs.go.set()
        found = [answers.get(timeout=30) for _ in range(2)]
        if error is None:
            assert found == [Outcome(1), Outcome(1)]
        else:
            assert all(isinstance(answer, LogFailed) for answer in found)
        assert writer.shard.head_samples == (2 if error is None else 0)


def test_a_group_that_cannot_be_written_leaves_the_one_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    answers: Queue[Answer] = Queue()
    with started(tmp_path, limits=HANDS_SYNCS_OVER) as writer:
        syncs = HeldSyncs(monkeypatch)
        writer.submit(PendingWrite(TENANT, up(1), 0, answers.put))
        assert syncs.begun.wait(30)
        with monkeypatch.context() as patched:
            patched.setattr("os.pwritev", full)
            assert isinstance(submit(writer, up(2))[0], Overloaded)
        syncs.go.set()
        assert answers.get(timeout=30) == Outcome(1)
        assert submit(writer, up(3)) == [Outcome(1)]
        assert len(list(writer.shard.wal.replay(1))) == 2


def test_a_seal_takes_what_is_in_flight_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = SlowSealer()
    answers: Queue[Answer] = Queue()
    with started(tmp_path, sealer, limits=HANDS_SYNCS_OVER, head_samples_max=20) as writer:
        for first in (0, 10):
            submit(writer, up(*range(first, first + 4)))
        syncs = HeldSyncs(monkeypatch)
        writer.submit(PendingWrite(TENANT, up(*range(20, 28)), 0, answers.put))
        assert syncs.begun.wait(30)
        writer.submit(PendingWrite(TENANT, up(30), 0, answers.put))
        syncs.go.set()
        assert [answers.get(timeout=30) for _ in range(2)] == [Outcome(8), Outcome(1)]
        while not sealer.calls:
            time.sleep(0.001)
        newest_file = log_file_numbers(tmp_path / "wal")[-1]
        logged = [record for record in writer.shard.wal.replay(newest_file)]
        active = writer.shard.view().heads[-1]
        assert active.sample_count == len(logged)
        sealer.go.set()


@pytest.mark.parametrize(("group_bytes_max", "refused"), [(10_000, 3), (40, 0)])
def test_a_group_that_is_too_large_for_the_log_does_not_stop_the_next_one(
    tmp_path: Path, group_bytes_max: int, refused: int
) -> None:
    limits = WriterLimits(group_bytes=group_bytes_max)
    with started(tmp_path, limits=limits, wal=WalLimits(pending_bytes=150)) as writer:
        answers = submit(writer, up(1), up(2), up(3))
        assert sum(isinstance(answer, Overloaded) for answer in answers) == refused
        (answer,) = submit(writer, up(4))
        assert answer == Outcome(1)


def test_an_unexpected_failure_does_not_end_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with started(tmp_path) as writer:
        with monkeypatch.context() as patched:
            patched.setattr(writer.shard.table, "resolve", lambda *_: 1 / 0)
            (answer,) = submit(writer, up(1))
        assert isinstance(answer, StorageError)
        assert "ZeroDivisionError" in str(answer)
        assert submit(writer, up(2)) == [Outcome(1)]
    assert "write failed" in caplog.text


def test_a_full_head_asks_to_come_again_and_takes_writes_after_the_seal(
    tmp_path: Path,
) -> None:
    sealer, limits = SlowSealer(), WriterLimits(seal_wait_seconds=0.01)
    with started(tmp_path, sealer, limits=limits, head_samples_max=20) as writer:
        answers: list[Answer] = []
        while not answers or isinstance(answers[-1], Outcome):
            answers += submit(writer, up(*range(10 * len(answers), 10 * len(answers) + 10)))
            assert len(answers) < 20
        assert isinstance(answers[-1], Overloaded)
        assert "storage.head.max-samples" in str(answers[-1])
        assert sealer.calls == 1
        assert len(writer.shard.view().heads) == 2
        sealer.go.set()
        while len(writer.shard.view().heads) > 1:
            time.sleep(0.001)
        assert submit(writer, up(1000)) == [Outcome(1)]


def test_a_write_to_a_full_head_waits_for_the_seal_under_way(tmp_path: Path) -> None:
    sealer, limits = SlowSealer(), WriterLimits(seal_wait_seconds=30)
    with started(tmp_path, sealer, limits=limits, head_samples_max=20) as writer:
        written = 0
        while len(writer.shard.view().heads) < 2 or writer.shard.fullness < 1:
            submit(writer, up(*range(written, written + 10)))
            written += 10
        sealer.go.set()
        assert submit(writer, up(1000)) == [Outcome(1)]


def test_a_seal_that_fails_is_tried_again(tmp_path: Path) -> None:
    sealed = threading.Event()
    tries = []

    def sealer(shard: int, table: SeriesTable, head: Head, position: int) -> list[SegmentMeta]:
        tries.append(position)
        if len(tries) < 3:
            raise OSError(28, "no space")
        sealed.set()
        return []

    limits = WriterLimits(seal_retry_seconds=0.01)
    with started(tmp_path, sealer, limits=limits, head_samples_max=20) as writer:
        submit(writer, up(*range(15)))
        assert sealed.wait(30)
        assert len(tries) == 3
        assert len(set(tries)) == 1


def test_the_queue_has_a_limit_and_a_stopped_shard_takes_nothing(tmp_path: Path) -> None:
    limit = r"storage\.write-queue\.max-requests"
    with started(tmp_path, queue_requests_max=0) as writer, pytest.raises(Overloaded, match=limit):
        submit(writer, up(1))
    with pytest.raises(Overloaded, match="stopping"):
        submit(writer, up(1))


def test_an_old_head_is_sealed(tmp_path: Path) -> None:
    sealed = threading.Event()

    def sealer(shard: int, table: SeriesTable, head: Head, position: int) -> list[SegmentMeta]:
        sealed.set()
        return []

    with started(tmp_path, sealer, head_age_ms=1) as writer:
        submit(writer, up(1))
        assert sealed.wait(30)


def test_rules_are_logged_again_if_a_seal_could_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = TenantRules(series_max=3)
    with shard_at(tmp_path) as shard:
        shard.judged["t"] = TENANT
        log_rules(shard, TENANT, 5, rules)
        shard.wal.write()
        real, calls = shard.wal.sync, []

        def full() -> None:
            calls.append(1)
            if len(calls) == 2:  # the first is that of the file before
                raise Overloaded("no space")
            real()

        monkeypatch.setattr(shard.wal, "sync", full)
        Writer(shard, no_seal)._start_seal()
        assert shard.frozen is None
        log_rules(shard, TENANT, 6, rules)
        shard.wal.sync()
        records = list(shard.wal.replay(2))
        assert [(r.kind, r.arrival_ms) for r in records] == [(KIND_TENANT_RULES, 6)]
