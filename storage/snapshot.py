"""A snapshot: one consistent point of catalog, segments and log, as a directory of its own.

Segments never change, so they are hard links and take no space; catalog and log are copied. The
snapshot opens like any data directory. It may be taken by any process, also beside the one that has
the directory open: the catalog is copied first, then what it names, and if a seal has moved the
start of the log meanwhile, or a segment is gone, all is done again.

What was acknowledged before the snapshot began is in it. A record that was being written may be cut
off at the end of the log, as after a crash.

A running database keeps those that it is asked for in its own directory, which nothing else looks
at: no start, no retention, no other snapshot.
"""

import logging
import os
import re
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from storage.catalog.owning.installation import refuse_without_url
from storage.errors import FormatError, Overloaded, StorageError
from storage.files import (
    TEMPORARY_SUFFIX,
    catalog_file,
    log_file_number,
    make_directory,
    segments_directory,
    snapshots_directory,
    sync_directory,
    sync_file,
    wal_directory,
)

logger = logging.getLogger(__name__)

ATTEMPTS = 10
BUSY_TIMEOUT_SECONDS = 10.0
UNFINISHED_PATTERN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}" + re.escape(TEMPORARY_SUFFIX))
Positions = dict[int, int]


class Snapshots:
    """The snapshots of one data directory, each in a directory named by time and chance. From any
    thread. clock: seconds."""

    def __init__(self, data: Path, clock: Callable[[], float] = time.time) -> None:
        self._data = data
        self._clock = clock
        self._taking = threading.Lock()

    def take(self, *, skip_head: bool = False, author: str = "") -> str:
        """Take one and return its name; what a crash left of others goes. author: for the log.

        skip_head: without what is not in segments yet. Raises Overloaded while another is taken,
        and StorageError.
        """
        if not self._taking.acquire(blocking=False):
            raise Overloaded("another snapshot is being taken, at most 1 at a time is allowed")
        try:
            moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
            name = f"{moment}-{secrets.token_hex(8)}"
            directory = snapshots_directory(self._data)
            prepare(directory)
            take_snapshot(self._data, directory / name, skip_head=skip_head)
        finally:
            self._taking.release()
        logger.info("snapshot taken name=%s skip_head=%s author=%r", name, skip_head, author)
        return name


def prepare(directory: Path) -> None:
    """Make the directory of snapshots, without any that was not finished."""
    try:
        make_directory(directory)
        for path in directory.iterdir():
            if UNFINISHED_PATTERN.fullmatch(path.name):
                shutil.rmtree(path)
    except OSError as error:
        raise StorageError(f"no snapshot in {directory}: {error}") from error


def take_snapshot(data: Path, target: Path, *, skip_head: bool = False) -> None:
    """Make the directory `target`, on the same file system, a snapshot of `data`.

    skip_head: without what is in the log only. Raises FormatError if there is nothing to take one
    of, and StorageError if it cannot be made.
    """
    refuse_without_url(data)
    if not catalog_file(data).exists():
        raise FormatError(f"{data} is no data directory: it has no catalog (storage.path)")
    if target.exists():
        raise StorageError(f"{target} exists already; a snapshot is a directory of its own")
    temporary = target.with_name(f"{target.name}{TEMPORARY_SUFFIX}")
    try:
        for _ in range(ATTEMPTS):
            shutil.rmtree(temporary, ignore_errors=True)
            if attempt(data, temporary, skip_head=skip_head):
                break
        else:
            raise StorageError(
                f"{data} changed during each of {ATTEMPTS} attempts to take a snapshot of it"
            )
        sync_tree(temporary)
        temporary.rename(target)
        sync_directory(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"no snapshot of {data} in {target}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def attempt(data: Path, target: Path, *, skip_head: bool) -> bool:
    """Fill the directory; whether it is of one moment."""
    target.mkdir(parents=True)
    copy_catalog(catalog_file(data), catalog_file(target))
    positions = read_positions(target)
    try:
        link_segments(data, target)
        for shard in () if skip_head else shards_of(data):
            copy_log(data, target, shard, positions.get(shard, 0))
    except FileNotFoundError:
        return False
    return read_positions(data) == positions


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
        yield connection


def copy_catalog(source: Path, target: Path) -> None:
    """The copy is one file, and stays one when it is read: it has no log of writes beside it."""
    with reading(source) as connection, closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def read_positions(data: Path) -> Positions:
    """Of each shard the first log file whose records are not in segments."""
    with reading(catalog_file(data)) as connection:
        return dict(connection.execute("SELECT shard, first_file FROM log_positions"))


def link_segments(data: Path, target: Path) -> None:
    """Link the files of all segments that the copied catalog names."""
    with reading(catalog_file(target)) as connection:
        names = list(connection.execute("SELECT shard, ulid FROM segments"))
    for shard, ulid in names:
        source = segments_directory(data, shard) / ulid
        copy = segments_directory(target, shard) / ulid
        copy.mkdir(parents=True)
        for file in source.iterdir():
            os.link(file, copy / file.name)


def shards_of(data: Path) -> list[int]:
    """The shards that have a log."""
    return sorted(int(p.parent.name) for p in data.glob("shards/[0-9]*/wal"))


def copy_log(data: Path, target: Path, shard: int, first_file: int) -> None:
    """Copy the log files that count; the newest one may grow meanwhile."""
    directory = wal_directory(target, shard)
    directory.mkdir(parents=True)
    for file in sorted(wal_directory(data, shard).iterdir()):
        number = log_file_number(file.name)
        if number is not None and number >= first_file:
            shutil.copyfile(file, directory / file.name)


def sync_tree(directory: Path) -> None:
    """Make everything in a directory durable, and its names."""
    for path, _, files in os.walk(directory):
        for name in files:
            sync_file(Path(path) / name)
        sync_directory(Path(path))
