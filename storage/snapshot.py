"""A snapshot: one consistent point of catalog, segments and log, as a directory of its own.

Segments never change, so they are hard links and take no space; catalog and log are copied. The
snapshot opens like any data directory. It may be taken by any process, also beside the one that has
the directory open: the catalog is copied first, then what it names, and if a seal has moved the
start of the log meanwhile, or a segment is gone, all is done again.

What was acknowledged before the snapshot began is in it. A record that was being written may be cut
off at the end of the log, as after a crash.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from storage.errors import FormatError, StorageError
from storage.files import (
    catalog_file,
    log_file_number,
    segments_directory,
    sync_directory,
    sync_file,
    wal_directory,
)

ATTEMPTS = 10
BUSY_TIMEOUT_SECONDS = 10.0
Positions = dict[int, int]


def take_snapshot(data: Path, target: Path) -> None:
    """Make the directory `target`, on the same file system, a snapshot of `data`.

    Raises FormatError if there is nothing to take one of, and StorageError if it cannot be made.
    """
    if not catalog_file(data).exists():
        raise FormatError(f"{data} is no data directory: it has no catalog (storage.path)")
    if target.exists():
        raise StorageError(f"{target} exists already; a snapshot is a directory of its own")
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        for _ in range(ATTEMPTS):
            shutil.rmtree(temporary, ignore_errors=True)
            if attempt(data, temporary):
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


def attempt(data: Path, target: Path) -> bool:
    """Fill the directory; whether it is of one moment."""
    target.mkdir(parents=True)
    copy_catalog(catalog_file(data), catalog_file(target))
    positions = read_positions(target)
    try:
        link_segments(data, target)
        for shard in shards_of(data):
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
    with reading(source) as connection, closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)


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
