"""What is under a data directory, judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.doctor import disk
from receiver.doctor.findings import Level

MOUNTS = """\
/dev/vda / ext4 rw 0 0
nas:/x /mnt nfs4 rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/vdb /mnt/local\\040disk xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "kind", "level"),
    [
        ("/var/lib", "ext4", Level.OK),
        ("/mnt/data", "nfs4", Level.FAILURE),
        ("/run/cupola", "tmpfs", Level.WARNING),
        ("/mnt/local disk/data", "xfs", Level.OK),
    ],
)
def test_file_systems(place: str, kind: str, level: Level) -> None:
    # As it is written: the links of this machine are none of this test's.
    path = Path(place)
    assert disk.kind_of(path, MOUNTS) == kind
    assert disk.file_system(path, MOUNTS).level is level


def test_a_file_system_that_is_not_known() -> None:
    assert disk.kind_of(Path("/anywhere"), "") == "unknown"


GIB = 1 << 30


@pytest.mark.parametrize(
    ("free", "size", "level"),
    [
        (50 * GIB, 100 * GIB, Level.OK),
        (9 * GIB, 100 * GIB, Level.WARNING),
        (4 * GIB, 100 * GIB, Level.FAILURE),
        (3 * GIB, 10 * GIB, Level.OK),
        (GIB // 2, 10 * GIB, Level.FAILURE),
    ],
)
def test_bytes_left(free: int, size: int, level: Level) -> None:
    assert disk.bytes_left(free, size).level is level


@pytest.mark.parametrize(("free", "count", "found"), [(0, 0, 0), (90, 100, 0), (4, 100, 1)])
def test_files_left(free: int, count: int, found: int) -> None:
    assert len(disk.files_left(free, count)) == found


@pytest.mark.parametrize(("seconds", "level"), [(0.001, Level.OK), (0.2, Level.WARNING)])
def test_sync_time(seconds: float, level: Level) -> None:
    assert disk.sync_time(seconds).level is level


def test_a_directory_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = disk.examined(tmp_path / "not" / "there")
    assert [f.subject for f in found if f.subject == "disk speed"]
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.os, "access", lambda place, mode: False)
    assert disk.examined(tmp_path)[-1].level is Level.FAILURE
