"""A log file gives the records before its first damage, and names the damage."""

import os
from pathlib import Path

import pytest

from storage.errors import FormatError
from storage.files import log_file_name
from storage.log.file import Damage, create_log_file, read_log_file, warn_of_damage, whole_bytes
from storage.log.record import HEADER_BYTES, Record, make_header, make_prefix

RECORDS = [Record(1, i, f"t{i}", bytes([i]) * i) for i in range(4)]


def write_file(path: Path, records: list[Record], header: bytes | None = None) -> list[int]:
    """Returns the offset at which each record ends."""
    data, ends = make_header() if header is None else header, []
    for r in records:
        data += make_prefix(r.kind, r.arrival_ms, r.tenant, r.payload) + r.payload
        ends.append(len(data))
    path.write_bytes(data)
    return ends


def read(path: Path, limit: int = 1 << 30) -> tuple[list[tuple[int, Record]], list[Damage]]:
    damage: list[Damage] = []
    return list(read_log_file(path, limit=limit, on_damage=damage.append)), damage


def test_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    ends = write_file(path, RECORDS)
    assert read(path) == (list(zip(ends, RECORDS, strict=True)), [])
    assert whole_bytes(path, warn_of_damage) == ends[-1]


def test_limit_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    ends = write_file(path, RECORDS)
    assert read(path, ends[1]) == (list(zip(ends, RECORDS, strict=True))[:2], [])


def test_unknown_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_file(path, RECORDS, make_header(2))
    with pytest.raises(FormatError, match="log format 2, this program reads 1"):
        read(path)


def test_damaged_header_costs_no_record(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_file(path, RECORDS, bytes(HEADER_BYTES))
    records, damage = read(path)
    assert [record for _, record in records] == RECORDS
    assert damage == [Damage(path, 0, HEADER_BYTES, "the file header is damaged")]


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES - 1])
def test_file_shorter_than_its_header(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(make_header()[:size])
    assert read(path) == ([], [Damage(path, 0, size, "the file header is damaged")])


def test_created_file_is_empty_and_exclusive(tmp_path: Path) -> None:
    os.close(create_log_file(tmp_path, 7))
    path = tmp_path / log_file_name(7)
    assert read(path) == ([], [])
    assert whole_bytes(path, warn_of_damage) == 0
    with pytest.raises(FileExistsError):
        create_log_file(tmp_path, 7)


def test_damage_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    warn_of_damage(Damage(tmp_path / "x.log", 10, 20, "noise"))
    assert "x.log offset=10 bytes=20 what=noise" in caplog.text
