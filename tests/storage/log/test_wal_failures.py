"""The log keeps what it synced, through cuts, flipped bytes, full disks and failing syncs."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import LogFailed, Overloaded
from storage.files import log_file_name
from storage.log.file import Damage
from storage.log.record import HEADER_BYTES, Record
from storage.log.wal import Wal, log_file_numbers
from tests.makers.logs import RECORDS, append_all, opened

# Damage.


def two_files(directory: Path) -> tuple[list[bytes], list[int]]:
    """A log of two files of three records each: their bytes, and where each record ends."""
    wal, _ = opened(directory)
    ends = []
    for records in (RECORDS[:3], RECORDS[3:]):
        for record in records:
            append_all(wal, [record])
            ends.append((directory / log_file_name(log_file_numbers(directory)[-1])).stat().st_size)
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
        assert wal.size_bytes() == size
    append_all(wal, RECORDS[2:])
    assert list(wal.replay(1)) == RECORDS
    wal.close()
    wal, damage = opened(tmp_path)
    assert (list(wal.replay(1)), damage) == (RECORDS, [])
    wal.close()


def test_full_disk_while_starting_a_file(
    wal: Wal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    append_all(wal, RECORDS[:2])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(Overloaded):
            wal.rotate()
    assert log_file_numbers(tmp_path / "wal") == [1]
    assert wal.rotate() == 2
    append_all(wal, RECORDS[2:])
    assert list(wal.replay(1)) == RECORDS


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
