"""The log keeps what it synced, in files of limited size."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import FormatError, Overloaded
from storage.files import log_file_name
from storage.log import wal as wal_module
from storage.log.file import Damage
from storage.log.record import Record, make_header
from storage.log.wal import Wal, WalLimits, drop_written, log_file_numbers, write_buffers
from tests.makers.logs import RECORDS, append, append_all, opened


@pytest.mark.parametrize("sync_every", [1, 2, 100])
def test_replay_gives_what_was_synced_and_gives_it_twice(wal: Wal, sync_every: int) -> None:
    append_all(wal, RECORDS, sync_every=sync_every)
    assert list(wal.replay(1)) == RECORDS
    assert list(wal.replay(1)) == RECORDS
    assert list(wal.replay(2)) == []


def test_reopened_log_goes_on_in_a_new_file(tmp_path: Path) -> None:
    for i, record in enumerate(RECORDS):
        wal, damage = opened(tmp_path)
        assert (log_file_numbers(tmp_path)[-1], damage) == (i + 1, [])
        assert list(wal.replay(1)) == RECORDS[:i]
        append_all(wal, [record])
        wal.close()
    wal, _ = opened(tmp_path)
    assert list(wal.replay(1)) == RECORDS
    wal.close()


def test_reopening_a_log_without_records_adds_no_files(tmp_path: Path) -> None:
    for _ in range(3):
        wal, damage = opened(tmp_path, 4)
        wal.close()
        assert (log_file_numbers(tmp_path), damage) == ([4], [])


def test_unsynced_records_are_forgotten(tmp_path: Path) -> None:
    wal, _ = opened(tmp_path)
    append_all(wal, RECORDS[:2])
    wal.append(1, 0, "t", b"lost")
    wal.close()
    wal, damage = opened(tmp_path)
    assert (list(wal.replay(1)), damage) == (RECORDS[:2], [])
    wal.close()


def test_forgotten_records_are_not_written_and_make_room(tmp_path: Path) -> None:
    wal, _ = opened(tmp_path, limits=WalLimits(pending_bytes=100))
    wal.append(1, 0, "t", b"p" * 50)
    with pytest.raises(Overloaded):
        wal.append(1, 0, "t", b"p" * 50)
    wal.forget()
    append_all(wal, RECORDS[:1])
    assert list(wal.replay(1)) == RECORDS[:1]
    wal.close()


def test_rotate_and_truncate(wal: Wal) -> None:
    append_all(wal, RECORDS[:2])
    wal.append(1, RECORDS[2].arrival_ms, RECORDS[2].tenant, RECORDS[2].payload)
    assert wal.rotate() == 2
    assert wal.rotate() == 2, "a file without records is not rotated"
    append_all(wal, RECORDS[3:])
    assert list(wal.replay(1)) == RECORDS
    assert list(wal.replay(2)) == RECORDS[3:]
    size = wal.size_bytes(2)
    assert 0 < size < wal.size_bytes()
    wal.truncate(2)
    assert wal.size_bytes() == size
    assert list(wal.replay(1)) == RECORDS[3:]


def test_size_while_files_are_deleted(wal: Wal, monkeypatch: pytest.MonkeyPatch) -> None:
    append_all(wal, RECORDS)
    size = wal.size_bytes()
    monkeypatch.setattr(wal_module, "log_file_numbers", lambda _: [0, 1])
    assert wal.size_bytes() == size


def test_open_deletes_files_before_the_first(tmp_path: Path) -> None:
    wal, _ = opened(tmp_path)
    append_all(wal, RECORDS[:3])
    wal.rotate()
    append_all(wal, RECORDS[3:])
    wal.close()
    wal, damage = opened(tmp_path, 2)
    assert (log_file_numbers(tmp_path), damage) == ([2, 3], [])
    assert list(wal.replay(2)) == RECORDS[3:]
    wal.close()


def test_files_have_a_size_limit(tmp_path: Path) -> None:
    wal, _ = opened(tmp_path, limits=WalLimits(file_bytes=100))
    append_all(wal, RECORDS)
    assert log_file_numbers(tmp_path)[-1] > 1
    assert list(wal.replay(1)) == RECORDS
    append_all(wal, RECORDS, sync_every=100)
    assert list(wal.replay(1)) == RECORDS * 2
    wal.close()


def test_waiting_bytes_have_a_limit(tmp_path: Path) -> None:
    wal, _ = opened(tmp_path, limits=WalLimits(pending_bytes=100))
    wal.append(1, 0, "t", bytes(50))
    with pytest.raises(Overloaded, match="100 bytes .*PENDING_BYTES_MAX"):
        wal.append(1, 0, "t", bytes(50))
    wal.sync()
    wal.append(1, 0, "t", bytes(50))
    wal.sync()
    assert len(list(wal.replay(1))) == 2
    wal.close()


def test_missing_file_is_reported(tmp_path: Path) -> None:
    wal, _ = opened(tmp_path)
    for record in RECORDS[:3]:
        append_all(wal, [record])
        wal.rotate()
    wal.close()
    (tmp_path / log_file_name(2)).unlink()
    wal, damage = opened(tmp_path)
    assert damage == [Damage(tmp_path / log_file_name(2), 0, 0, "the log file is missing")]
    assert list(wal.replay(1)) == [RECORDS[0], RECORDS[2]]
    wal.close()


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    wal, damage = opened(tmp_path, 3)
    wal.close()
    assert damage == [] and (tmp_path / "notes.txt").exists()


def test_unknown_version_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / log_file_name(1)
    path.write_bytes(make_header(9) + b"a future record")
    with pytest.raises(FormatError, match="log format 9"):
        opened(tmp_path)
    assert path.read_bytes() == make_header(9) + b"a future record"


def test_a_record_counts_once_it_is_durable(wal: Wal) -> None:
    append_all(wal, RECORDS[:2])
    append(wal, RECORDS[2])
    wal.write()
    assert list(wal.replay(1)) == RECORDS[:2]
    wal.make_durable()
    assert list(wal.replay(1)) == RECORDS[:3]


def test_files_that_were_full_are_synced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fdatasync = os.fdatasync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}")[-5:])
        fdatasync(descriptor)

    wal, _ = opened(tmp_path, limits=WalLimits(file_bytes=1))
    monkeypatch.setattr(os, "fdatasync", note)
    for record in RECORDS[:3]:
        append(wal, record)
        wal.write()
    wal.make_durable()
    assert synced == ["1.log", "2.log", "3.log"]
    assert list(wal.replay(1)) == RECORDS[:3]
    wal.close()


# Writing.


@settings(deadline=None)
@given(st.lists(st.binary(max_size=5), max_size=6), st.integers(0, 40))
def test_drop_written(buffers: list[bytes], written: int) -> None:
    joined = b"".join(buffers)
    rest = drop_written(list(buffers), min(written, len(joined)))
    assert b"".join(rest) == joined[written:]


@pytest.mark.parametrize("at_a_time", [1, 3, 7, 1000])
def test_partial_writes_are_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    def pwritev(descriptor: int, buffers: list[bytes], offset: int) -> int:
        return os.pwrite(descriptor, b"".join(buffers)[:at_a_time], offset)

    monkeypatch.setattr(os, "pwritev", pwritev)
    buffers = [bytes([i]) * (i % 4) for i in range(20)]
    descriptor = os.open(tmp_path / "f", os.O_CREAT | os.O_RDWR)
    write_buffers(descriptor, buffers, 2, at_once=3)
    os.close(descriptor)
    assert (tmp_path / "f").read_bytes() == bytes(2) + b"".join(buffers)


def test_write_that_writes_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwritev", lambda *_: 0)
    with pytest.raises(OSError, match="wrote nothing"):
        write_buffers(-1, [b"x"], 0)


def test_more_buffers_than_one_write_takes(wal: Wal) -> None:
    records = [Record(1, i, "t", b"x") for i in range(3000)]
    append_all(wal, records, sync_every=3000)
    assert list(wal.replay(1)) == records
