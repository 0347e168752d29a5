"""Restoring a snapshot: verified, then put where a server expects its data directory.

Everything is first put together in a directory of its own within the target, where no server looks,
and every checksum compared there. So what is interrupted or damaged leaves a target without data.
Segments never change: where the file system allows, they are hard links; else copies.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from storage.catalog.listing import listed_segments
from storage.errors import FormatError, StorageError
from storage.files import (
    CATALOG_FILE,
    LOCK_FILE,
    SHARDS_DIRECTORY,
    catalog_file,
    lock_directory,
    log_file_number,
    make_directory,
    segments_directory,
    sync_directory,
    sync_file,
    wal_directory,
)
from storage.log.file import Damage, whole_bytes
from storage.segments.examination import examine
from storage.segments.segment import SegmentMeta

UNFINISHED = "restore.tmp"
# What an empty directory may have: the first is on every new ext4 file system.
IGNORED = frozenset({"lost+found", UNFINISHED})
PROGRESS_STEPS = 10
FINDINGS_MAX = 20
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """How many segments were restored, how large they are, and bytes of the log."""

    segments: int
    bytes: int
    log_bytes: int


def restore(snapshot: Path, target: Path, report: Report = lambda line: None) -> Restored:
    """Make `target`, which is empty or not there, a data directory with what the snapshot has.

    report() gets lines of progress, and of what is damaged. Raises FormatError if the snapshot is
    none, is in use or damaged, and StorageError if it cannot be restored; the target is then empty.
    """
    if not catalog_file(snapshot).is_file():
        raise FormatError(f"{snapshot} is no snapshot: it has no {CATALOG_FILE}")
    refuse_data(target)
    unfinished = target / UNFINISHED
    try:
        with unused(snapshot):
            make_directory(target)
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            restored = fill(snapshot, unfinished, report)
        put_in_place(unfinished, target)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"cannot restore {snapshot} to {target}: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return restored


def refuse_data(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise StorageError(f"{target} is no directory (storage.path)")
    found = sorted(name for name in os.listdir(target) if name not in IGNORED)
    if found:
        raise StorageError(
            f"{target} has {len(found)} entries, the first is {found[0]}; a snapshot is restored "
            "to an empty directory only (storage.path)"
        )


@contextmanager
def unused(snapshot: Path) -> Iterator[None]:
    """Keep a server from starting on the snapshot. Raises FormatError if one runs on it."""
    if not (snapshot / LOCK_FILE).exists():  # no server ever did, and it may be read-only
        yield
        return
    descriptor = lock_directory(snapshot)
    try:
        yield
    finally:
        os.close(descriptor)


def fill(snapshot: Path, directory: Path, report: Report) -> Restored:
    """Put together what the snapshot has, and verify it."""
    put_catalog(snapshot, directory)
    listed = [entry.segment for entry in listed_segments(catalog_file(directory))]
    findings = put_segments(snapshot, directory, listed, report)
    log_bytes, wrong = put_log(snapshot, directory, report)
    findings += wrong
    for line in findings[:FINDINGS_MAX]:
        report(line)
    if findings:
        raise FormatError(
            f"{snapshot} is damaged in {len(findings)} places, the first is: {findings[0]}"
        )
    return Restored(len(listed), sum(segment.bytes for segment in listed), log_bytes)


def put_catalog(snapshot: Path, directory: Path) -> None:
    """Copy the catalog, and have its own consistency checked."""
    copy = catalog_file(directory)
    for name in (CATALOG_FILE, f"{CATALOG_FILE}-wal"):
        if (snapshot / name).exists():
            shutil.copyfile(snapshot / name, directory / name)
    try:
        with closing(sqlite3.connect(copy)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise FormatError(f"{catalog_file(snapshot)} is damaged: {found}")


def put_segments(
    snapshot: Path, directory: Path, segments: list[SegmentMeta], report: Report
) -> list[str]:
    """Put all segments in place and compare them with their checksums; what is wrong."""
    total = sum(segment.bytes for segment in segments)
    findings, done, shown = [], 0, 0
    for number, segment in enumerate(segments, 1):
        place = segments_directory(directory, segment.shard) / segment.ulid
        try:
            put_files(segments_directory(snapshot, segment.shard) / segment.ulid, place)
        except FileNotFoundError as error:
            findings.append(f"segment {segment.ulid}: {error.filename} is missing")
            continue
        findings += [f"segment {segment.ulid}: {wrong.reason}" for wrong in examine(place)]
        done += segment.bytes
        step = done * PROGRESS_STEPS // max(total, 1)
        if step > shown:
            shown = step
            report(f"{number} of {len(segments)} segments, {done} of {total} bytes")
    return findings


def put_files(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        try:
            os.link(path, target / path.name)
        except FileNotFoundError:
            raise
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, target / path.name)


def put_log(snapshot: Path, directory: Path, report: Report) -> tuple[int, list[str]]:
    """Copy the log of each shard: its bytes, and what is wrong with it. The end of the newest file
    may be cut off: a record was being written."""
    size, findings = 0, []
    for source in sorted(snapshot.glob(f"{SHARDS_DIRECTORY}/[0-9]*/wal")):
        target = wal_directory(directory, int(source.parent.name))
        target.mkdir(parents=True)
        files = sorted(path for path in source.iterdir() if log_file_number(path.name) is not None)
        for path in files:
            shutil.copyfile(path, target / path.name)
            lines = [described(damage) for damage in damages_of(target / path.name)]
            size += (target / path.name).stat().st_size
            if path != files[-1]:
                findings += lines
                continue
            for line in lines:
                report(f"cut off at the end: {line}")
    return size, findings


def damages_of(path: Path) -> list[Damage]:
    found: list[Damage] = []
    whole_bytes(path, found.append)
    return found


def described(damage: Damage) -> str:
    shard = damage.file.parent.parent.name
    return (
        f"log of shard {shard}: {damage.size} bytes of {damage.file.name} from {damage.offset} on: "
        f"{damage.what}"
    )


def put_in_place(unfinished: Path, target: Path) -> None:
    """Make everything durable and give it its names, the catalog first: a start in between sees
    that segments are missing."""
    for path, _, files in os.walk(unfinished):
        for name in files:
            sync_file(Path(path) / name)
        sync_directory(Path(path))
    (unfinished / CATALOG_FILE).rename(target / CATALOG_FILE)
    with suppress(FileNotFoundError):  # a snapshot of a database without shards of its own
        (unfinished / SHARDS_DIRECTORY).rename(target / SHARDS_DIRECTORY)
    sync_directory(target)
