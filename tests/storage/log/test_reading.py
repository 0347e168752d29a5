"""Logs that another process may be writing to."""

from pathlib import Path

import pytest

from storage.files import log_file_name
from storage.log.file import Damage
from storage.log.reading import LogReader
from storage.log.record import Record
from storage.log.wal import Wal
from tests.makers.logs import append_all

RECORDS = [Record(1, k, "t", b"x" * k) for k in range(1, 6)]


def replayed(directory: Path, first_file: int = 1) -> tuple[list[Record], list[Damage]]:
    damages: list[Damage] = []
    log = LogReader(directory, first_file, damages.append)
    try:
        return list(log.replay()), damages
    finally:
        log.close()


def test_all_records_beside_the_writer(tmp_path: Path) -> None:
    wal = Wal.open(tmp_path, first_file=1)
    append_all(wal, RECORDS[:2])
    second = wal.rotate()
    append_all(wal, RECORDS[2:])
    assert replayed(tmp_path) == (RECORDS, [])
    assert replayed(tmp_path, second) == (RECORDS[2:], [])
    wal.close()
    assert replayed(tmp_path) == (RECORDS, [])


def test_what_is_deleted_or_written_after_opening_makes_no_difference(tmp_path: Path) -> None:
    wal = Wal.open(tmp_path, first_file=1)
    append_all(wal, RECORDS[:2])
    log = LogReader(tmp_path, 1)
    append_all(wal, RECORDS[2:3])
    wal.truncate(wal.rotate())
    append_all(wal, RECORDS[3:])
    assert list(log.replay()) == RECORDS[:2]
    log.close()
    wal.close()


@pytest.mark.parametrize("cut", range(1, 20))
def test_the_newest_file_may_end_in_half_a_record(tmp_path: Path, cut: int) -> None:
    wal = Wal.open(tmp_path, first_file=1)
    append_all(wal, RECORDS)
    wal.close()
    path = tmp_path / log_file_name(1)
    path.write_bytes(path.read_bytes()[:-cut])
    assert replayed(tmp_path) == (RECORDS[:-1], [])


def test_other_damage_is_reported(tmp_path: Path) -> None:
    wal = Wal.open(tmp_path, first_file=1)
    append_all(wal, RECORDS[:2])
    wal.rotate()
    append_all(wal, RECORDS[2:])
    wal.close()
    path = tmp_path / log_file_name(1)
    path.write_bytes(path.read_bytes()[:-1])
    records, damages = replayed(tmp_path)
    assert records == [RECORDS[0], *RECORDS[2:]]
    assert [damage.file for damage in damages] == [path]
    path.unlink()
    records, damages = replayed(tmp_path)
    assert (records, [damage.what for damage in damages]) == (
        RECORDS[2:],
        ["the log file is missing"],
    )


def test_no_log(tmp_path: Path) -> None:
    assert replayed(tmp_path / "none") == ([], [])
    assert replayed(tmp_path) == ([], [])
