"""Restoring: what a snapshot has, and nothing of one that is damaged."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import restore as module
from storage.errors import FormatError, StorageError
from storage.files import CATALOG_FILE, catalog_file, lock_directory
from storage.restore import restore
from storage.snapshot import take_snapshot
from tests.makers.databases import opened, seal, series, write
from tests.storage.test_snapshot import points_of


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """Of three segments and a log with one sample."""
    with opened(tmp_path / "data") as database:
        for at in (1, 2, 3):
            write(database, [series("a", [(at, float(at))])])
            seal(database)
        write(database, [series("a", [(4, 4.0)])])
        take_snapshot(tmp_path / "data", tmp_path / "snapshot")
    return tmp_path / "snapshot"


POINTS = [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]


@pytest.mark.parametrize("links", [True, False])
def test_all_of_it(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    target, lines = tmp_path / "in" / "target", list[str]()
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    restored = restore(snapshot, target, lines.append)
    (size,) = {int(line.split()[-2]) for line in lines}
    assert (restored.segments, restored.bytes) == (3, size)
    assert restored.log_bytes > 0
    assert lines[-1] == f"3 of 3 segments, {size} of {size} bytes"
    assert sorted(os.listdir(target)) == [CATALOG_FILE, "shards"]
    (file, *_) = target.rglob("samples.parquet")
    assert file.stat().st_nlink == (3 if links else 1)
    shutil.rmtree(snapshot)
    assert points_of(target) == POINTS


def test_only_an_empty_directory(snapshot: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "lost+found").mkdir(parents=True)
    (target / module.UNFINISHED / "shards").mkdir(parents=True)
    restore(snapshot, target)
    assert points_of(target) == POINTS
    with pytest.raises(StorageError, match="has [0-9]+ entries, the first is catalog.sqlite"):
        restore(snapshot, target)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="is no directory"):
        restore(snapshot, tmp_path / "file")


def test_what_is_no_snapshot_or_in_use(snapshot: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=f"is no snapshot: it has no {CATALOG_FILE}"):
        restore(tmp_path, tmp_path / "target")
    descriptor = lock_directory(snapshot)
    with pytest.raises(FormatError, match="is in use by another process"):
        restore(snapshot, tmp_path / "target")
    os.close(descriptor)
    restore(snapshot, tmp_path / "target")


def flip(path: Path) -> None:
    """Another byte in the middle, in a file of its own: the original shares it by a link."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def damage_segment(snapshot: Path) -> None:
    flip(sorted(snapshot.rglob("samples.parquet"))[1])


def lose_file(snapshot: Path) -> None:
    sorted(snapshot.rglob("series.parquet"))[0].unlink()


def lose_segment(snapshot: Path) -> None:
    shutil.rmtree(sorted(snapshot.rglob("samples.parquet"))[0].parent)


def damage_catalog(snapshot: Path) -> None:
    catalog_file(snapshot).write_bytes(b"noise" * 1000)


def damage_log(snapshot: Path) -> None:
    (log,) = snapshot.rglob("*.log")
    shutil.copyfile(log, log.with_name("00000099.log"))
    flip(log)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (damage_segment, "damaged in 1 places.*samples.parquet is damaged"),
        (lose_file, "cannot read .*series.parquet"),
        (lose_segment, "is missing"),
        (damage_catalog, "catalog.sqlite is damaged"),
        (damage_log, "log of shard 0000"),
    ],
)
def test_nothing_of_one_that_is_damaged(
    snapshot: Path, tmp_path: Path, damage: Callable[[Path], None], text: str
) -> None:
    damage(snapshot)
    with pytest.raises(FormatError, match=text):
        restore(snapshot, tmp_path / "target")
    assert os.listdir(tmp_path / "target") == []


def test_a_record_that_was_being_written_is_cut_off(snapshot: Path, tmp_path: Path) -> None:
    (log,) = snapshot.rglob("*.log")
    with log.open("ab") as stream:
        stream.write(b"half a record")
    lines: list[str] = []
    restore(snapshot, tmp_path / "target", lines.append)
    assert lines[-1].startswith("cut off at the end: log of shard 0000: 13 bytes")
    assert points_of(tmp_path / "target") == POINTS
