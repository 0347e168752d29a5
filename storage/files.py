"""The names of everything on disk, and what makes a change to a directory durable.

    <data>/
      lock                              held by the one process that has it open, or by the parent
                                        of those that share its shards
      opening.lock                      held by one of these while it opens the catalog
      catalog.sqlite                    tenants, segments, log positions (storage/catalog)
      shards/0003/
        lock                            held by the process whose shard it is
        wal/00000017.log                log files (docs/formats/wal.md)
        segments/01JD...Z/              one segment, named by its ULID (docs/formats/segments.md)
          samples.parquet  series.parquet  meta.json
          histograms.parquet  exemplars.parquet    only where there are some
          aggregates.parquet                       where samples were downsampled
          remote                                   what it has of samples is in a bucket only
        segments/01JD...Z.tmp/          a segment that was not finished
      remote/                           parts of such files that were fetched
      snapshots/20260817T101112Z-.../   a data directory of its own, made on request

A file is durable once it was synced and the directory that names it was synced too.
"""

import fcntl
import os
import re
from pathlib import Path

from storage.errors import FormatError

LOCK_FILE = "lock"
OPENING_LOCK = "opening.lock"
CATALOG_FILE = "catalog.sqlite"
SHARDS_DIRECTORY = "shards"
WAL_DIRECTORY = "wal"
SEGMENTS_DIRECTORY = "segments"
SNAPSHOTS_DIRECTORY = "snapshots"
REMOTE_DIRECTORY = "remote"
TEMPORARY_SUFFIX = ".tmp"

SAMPLES_FILE = "samples.parquet"
AGGREGATES_FILE = "aggregates.parquet"
SERIES_FILE = "series.parquet"
HISTOGRAMS_FILE = "histograms.parquet"
EXEMPLARS_FILE = "exemplars.parquet"
META_FILE = "meta.json"
# In a segment of which the files that may be in a bucket only are there, and not here.
REMOTE_MARK = "remote"
EVICTABLE = frozenset({SAMPLES_FILE, HISTOGRAMS_FILE, AGGREGATES_FILE})

_LOG_FILE_PATTERN = re.compile(r"([0-9]{8,12})\.log")


def catalog_file(data: Path) -> Path:
    return data / CATALOG_FILE


def shard_directory(data: Path, shard: int) -> Path:
    return data / SHARDS_DIRECTORY / f"{shard:04d}"


def wal_directory(data: Path, shard: int) -> Path:
    return shard_directory(data, shard) / WAL_DIRECTORY


def segments_directory(data: Path, shard: int) -> Path:
    return shard_directory(data, shard) / SEGMENTS_DIRECTORY


def remote_directory(data: Path) -> Path:
    return data / REMOTE_DIRECTORY


def is_remote(segment: Path) -> bool:
    """Whether what is evictable of the segment in this directory is in a bucket only."""
    return (segment / REMOTE_MARK).exists()


def snapshots_directory(data: Path) -> Path:
    return data / SNAPSHOTS_DIRECTORY


def log_file_name(number: int) -> str:
    return f"{number:08d}.log"


def log_file_number(name: str) -> int | None:
    """The number of a log file, or None if the name is no log file's."""
    match = _LOG_FILE_PATTERN.fullmatch(name)
    return int(match[1]) if match else None


def sync_file(path: Path) -> None:
    """Make the contents of a file durable, its name not yet."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and its parents so that each of the new names is durable."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def lock_directory(path: Path) -> int:
    """Take the data directory for this process; the lock goes with the descriptor."""
    return take_lock(path / LOCK_FILE, f"{path} is in use by another process (storage.path)")


def lock_shard(data: Path, shard: int) -> int:
    """Take a shard for this process; the lock goes with the descriptor."""
    directory = shard_directory(data, shard)
    make_directory(directory)
    return take_lock(directory / LOCK_FILE, f"{directory} is in use by another process")


def take_lock(path: Path, refusal: str) -> int:
    """Raises FormatError with this text if another process has it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FormatError(refusal) from None
    return descriptor


def wait_for_lock(path: Path) -> int:
    """The descriptor that a lock goes with, once no other process has it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor
