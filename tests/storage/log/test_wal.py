"""The log keeps what it synced, through cuts, flipped bytes, full disks and failing syncs."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import FormatError, LogFailed, Overloaded
from storage.files import log_file_name
from storage.log import wal as wal_module
from storage.log.file import Damage
from storage.log.record import HEADER_BYTES, Record, make_header
from storage.log.wal import Wal, drop_written, log_file_numbers, write_buffers

RECORDS = [Record(1, 1000 + i, f"tenant-{i}", b"p" * i) for i in range(6)]


def append(wal: Wal, record: Record) -> None:
    wal.append(record.kind, record.arrival_ms, record.tenant, record.payload)


def append_all(wal: Wal, records: list[Record], *, sync_every: int = 1) -> None:
    for i, r in enumerate(records):
        append(wal, r)
        if (i + 1) % sync_every == 0:
            wal.sync()
    wal.sync()


def opened(directory: Path, first_file: int = 1) -> tuple[Wal, list[Damage]]:
    damage: list[Damage] = []
    return Wal.open(directory, first_file=first_file, on_damage=damage.append), damage


@pytest.fixture
def wal(tmp_path: Path) -> Iterator[Wal]:
    wal = Wal.open(tmp_path / "wal", first_file=1)
    yield wal
    wal.close()


@pytest.mark.parametrize("sync_every", [1, 2, 100])
def test_replay_gives_what_was_synced_and_gives_it_twice(wal: Wal, sync_every: int) -> None:
    append_all(wal, RECORDS, sync_every=sync_every)
    assert list(wal.replay(1)) == RECORDS
    assert list(wal.replay(1)) == RECORDS
    assert list(wal.replay(2)) == []


def test_reopened_log_goes_on_in_a_new_file(tmp_path: Path) -> None:
    for i, record in enumerate(RECORDS):
        wal, damage = opened(tmp_path)
        assert (wal.file_number, damage) == (i + 1, [])
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
    assert wal.pending_bytes > 4
    wal.close()
    wal, damage = opened(tmp_path)
    assert (list(wal.replay(1)), damage) == (RECORDS[:2], [])
    wal.close()


def test_forgotten_records_are_not_written_and_make_room(
    wal: Wal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal_module, "PENDING_BYTES_MAX", 100)
    wal.append(1, 0, "t", b"p" * 50)
    with pytest.raises(Overloaded):
        wal.append(1, 0, "t", b"p" * 50)
    wal.forget()
    append_all(wal, RECORDS[:1])
    assert list(wal.replay(1)) == RECORDS[:1]


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


def test_files_have_a_size_limit(wal: Wal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal_module, "LOG_FILE_BYTES_MAX", 100)
    append_all(wal, RECORDS)
    assert wal.file_number > 1
    assert list(wal.replay(1)) == RECORDS
    append_all(wal, RECORDS, sync_every=100)
    assert list(wal.replay(1)) == RECORDS * 2


def test_waiting_bytes_have_a_limit(wal: Wal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal_module, "PENDING_BYTES_MAX", 100)
    wal.append(1, 0, "t", bytes(50))
    with pytest.raises(Overloaded, match="100 bytes .*PENDING_BYTES_MAX"):
        wal.append(1, 0, "t", bytes(50))
    wal.sync()
    wal.append(1, 0, "t", bytes(50))
    wal.sync()
    assert len(list(wal.replay(1))) == 2


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


# Damage.


def two_files(directory: Path) -> tuple[list[bytes], list[int]]:
    """A log of two files of three records each: their bytes, and where each record ends."""
    wal, _ = opened(directory)
    ends = []
    for records in (RECORDS[:3], RECORDS[3:]):
        for record in records:
            append_all(wal, [record])
            ends.append((directory / log_file_name(wal.file_number)).stat().st_size)
        wal.rotate()
    wal.close()
    files = [(directory / log_file_name(n)).read_bytes() for n in (1, 2)]
    for n in log_file_numbers(directory):
        (directory / log_file_name(n)).unlink()
    return files, ends


def recover(directory: Path, files: list[bytes]) -> tuple[list[Record], list[Damage]]:
    """What a log of these files replays; checks that appending and a second start work too."""
    for n in log_file_numbers(directory):
        (directory / log_file_name(n)).unlink()
    for n, data in enumerate(files, 1):
        (directory / log_file_name(n)).write_bytes(data)
    wal, damage = opened(directory)
    first = list(wal.replay(1))
    append_all(wal, [RECORDS[0]])
    wal.close()
    reported = list(damage)
    wal, _ = opened(directory)
    assert list(wal.replay(1)) == [*first, RECORDS[0]]
    wal.close()
    return first, reported


def test_last_file_cut_at_every_byte(tmp_path: Path) -> None:
    files, ends = two_files(tmp_path)
    for cut in range(len(files[1])):
        kept = sum(end <= cut for end in ends[3:])
        records, damage = recover(tmp_path, [files[0], files[1][:cut]])
        assert records == RECORDS[: 3 + kept]
        torn = cut - ([HEADER_BYTES, *ends[3:]][kept] if cut >= HEADER_BYTES else 0)
        whole = torn == 0 and cut > 0
        assert [d.size for d in damage] == ([] if whole else [torn])


def test_older_file_cut_at_every_byte(tmp_path: Path) -> None:
    files, ends = two_files(tmp_path)
    for cut in range(len(files[0])):
        kept = sum(end <= cut for end in ends[:3])
        records, damage = recover(tmp_path, [files[0][:cut], files[1]])
        assert records == RECORDS[:kept] + RECORDS[3:]
        assert len(damage) == (cut not in (HEADER_BYTES, *ends[:2]))


@pytest.mark.parametrize("flipped", [0, 1])
def test_every_flipped_byte(tmp_path: Path, flipped: int) -> None:
    files, ends = two_files(tmp_path)
    for position in range(len(files[flipped])):
        data = bytearray(files[flipped])
        data[position] ^= 0xFF
        records, damage = recover(
            tmp_path, [bytes(data) if i == flipped else f for i, f in enumerate(files)]
        )
        own = ends[3 * flipped : 3 * flipped + 3]
        kept = 3 if position < HEADER_BYTES else sum(end <= position for end in own)
        expected = [RECORDS[:3], RECORDS[3:]]
        expected[flipped] = expected[flipped][:kept]
        assert records == expected[0] + expected[1], position
        assert damage and all(d.file.name == log_file_name(flipped + 1) for d in damage)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=3))
def test_noise_in_log_files_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, files: list[bytes]
) -> None:
    recover(tmp_path_factory.mktemp("wal"), files)


# Failing disks.


def failing(code: int, after_bytes: int = 0) -> Callable[[int, list[bytes], int], int]:
    """A pwritev that writes `after_bytes` bytes and then fails with `code`."""
    left = after_bytes

    def pwritev(descriptor: int, buffers: list[bytes], offset: int) -> int:
        nonlocal left
        if left == 0:
            raise OSError(code, os.strerror(code))
        written = os.pwrite(descriptor, b"".join(buffers)[:left], offset)
        left -= written
        return written

    return pwritev


@pytest.mark.parametrize("after_bytes", [0, 1, 30, 60])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, after_bytes: int
) -> None:
    wal, _ = opened(tmp_path)
    append_all(wal, RECORDS[:2])
    size = wal.size_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", failing(code, after_bytes))
        wal.append(1, 0, "t", b"refused 1")
        wal.append(1, 0, "t", b"refused 2")
        with pytest.raises(Overloaded, match="no space for the log"):
            wal.sync()
        assert (wal.size_bytes(), wal.pending_bytes) == (size, 0)
    append_all(wal, RECORDS[2:])
    assert list(wal.replay(1)) == RECORDS
    wal.close()
    wal, damage = opened(tmp_path)
    assert (list(wal.replay(1)), damage) == (RECORDS, [])
    wal.close()


def test_full_disk_while_starting_a_file(wal: Wal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    append_all(wal, RECORDS[:2])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(Overloaded):
            wal.rotate()
    assert wal.file_number == 1
    assert wal.rotate() == 2
    append_all(wal, RECORDS[2:])
    assert list(wal.replay(1)) == RECORDS


def test_a_record_counts_once_it_is_durable(wal: Wal) -> None:
    append_all(wal, RECORDS[:2])
    append(wal, RECORDS[2])
    wal.write()
    assert list(wal.replay(1)) == RECORDS[:2]
    wal.make_durable()
    assert list(wal.replay(1)) == RECORDS[:3]


def test_files_that_were_full_are_synced_too(wal: Wal, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fdatasync = os.fdatasync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}")[-5:])
        fdatasync(descriptor)

    monkeypatch.setattr("storage.log.wal.LOG_FILE_BYTES_MAX", 1)
    monkeypatch.setattr(os, "fdatasync", note)
    for record in RECORDS[:3]:
        append(wal, record)
        wal.write()
    wal.make_durable()
    assert synced == ["1.log", "2.log", "3.log"]
    assert list(wal.replay(1)) == RECORDS[:3]


@pytest.mark.parametrize("name", ["pwritev", "fdatasync"])
def test_failed_log_takes_no_appends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    wal, _ = opened(tmp_path)
    append_all(wal, RECORDS[:2])
    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        wal.append(1, 0, "t", b"refused")
        with pytest.raises(LogFailed, match="broken"):
            wal.sync()
    for act in (wal.sync, wal.rotate, lambda: wal.append(1, 0, "t", b"")):
        with pytest.raises(LogFailed, match="takes no appends any more"):
            act()
    assert list(wal.replay(1)) == RECORDS[:2]
    wal.close()


def test_failed_sync_for_lack_of_space_is_final(wal: Wal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        wal.append(1, 0, "t", b"refused")
        with pytest.raises(LogFailed):
            wal.sync()
    with pytest.raises(LogFailed):
        wal.append(1, 0, "t", b"refused")


def test_failed_cut_after_a_full_disk_is_final(wal: Wal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "pwritev", failing(errno.ENOSPC, 5))
    monkeypatch.setattr(os, "ftruncate", fail)
    wal.append(1, 0, "t", b"refused")
    with pytest.raises(LogFailed, match="cutting off"):
        wal.sync()


def test_closed_log_takes_no_appends(wal: Wal) -> None:
    wal.close()
    with pytest.raises(LogFailed, match="closed"):
        wal.append(1, 0, "t", b"")
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
    monkeypatch.setattr(wal_module, "BUFFERS_PER_WRITE_MAX", 3)
    buffers = [bytes([i]) * (i % 4) for i in range(20)]
    descriptor = os.open(tmp_path / "f", os.O_CREAT | os.O_RDWR)
    write_buffers(descriptor, buffers, 2)
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
