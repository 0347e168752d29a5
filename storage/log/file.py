"""One file of the write-ahead log: making it, and reading as much of it as is whole.

A reader stops at the first byte that is not part of a whole record and reports the rest as damage.
Records are read one at a time, so memory does not grow with the file.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.errors import FormatError
from storage.files import log_file_name, sync_directory
from storage.log.record import (
    FORMAT_VERSION,
    FRAME_BYTES,
    HEADER_BYTES,
    Record,
    make_header,
    parse_body,
    parse_frame,
    parse_header,
)

logger = logging.getLogger(__name__)

READ_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of the log that could not be read: `size` bytes of `file` from `offset` on."""

    file: Path
    offset: int
    size: int
    what: str


OnDamage = Callable[[Damage], None]


def warn_of_damage(damage: Damage) -> None:
    logger.warning(
        "dropped a damaged part of the log file=%s offset=%d bytes=%d what=%s",
        damage.file,
        damage.offset,
        damage.size,
        damage.what,
    )


def create_log_file(directory: Path, number: int) -> int:
    """Make a log file without records, durable with its name; returns an open descriptor.

    Raises OSError, and then leaves no file behind.
    """
    path = directory / log_file_name(number)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        if os.write(descriptor, make_header()) != HEADER_BYTES:
            raise OSError(f"the header of {path} was written in part")
        os.fsync(descriptor)
        sync_directory(directory)
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


def read_log_file(path: Path, *, limit: int, on_damage: OnDamage) -> Iterator[tuple[int, Record]]:
    """The whole records in the first `limit` bytes, each with the offset at which it ends.

    Raises FormatError if the file is of a version that this program does not know.
    """
    with open(path, "rb", buffering=READ_BUFFER_BYTES) as stream:
        yield from read_log_stream(stream, path, limit=limit, on_damage=on_damage)


def read_log_stream(
    stream: BinaryIO, path: Path, *, limit: int, on_damage: OnDamage
) -> Iterator[tuple[int, Record]]:
    """The same of a log file that is open, at its beginning; path: its name."""
    limit = min(limit, os.fstat(stream.fileno()).st_size)
    check_header(path, stream.read(min(HEADER_BYTES, limit)), on_damage)
    offset = HEADER_BYTES
    while offset < limit:
        record = read_record(stream, limit - offset)
        if isinstance(record, str):
            on_damage(Damage(path, offset, limit - offset, record))
            return
        offset = stream.tell()
        yield offset, record


def check_header(path: Path, header: bytes, on_damage: OnDamage) -> None:
    """A damaged header is only reported: their own checksums tell records apart from noise."""
    version = parse_header(header)
    if version is None:
        on_damage(Damage(path, 0, len(header), "the file header is damaged"))
    elif version != FORMAT_VERSION:
        raise FormatError(f"{path} has log format {version}, this program reads {FORMAT_VERSION}")


def read_record(stream: BinaryIO, remaining: int) -> Record | str:
    """The next record of the stream, or what is wrong with it. Reads at most `remaining` bytes."""
    frame = parse_frame(stream.read(min(FRAME_BYTES, remaining)))
    if frame is None:
        return "no whole record starts here"
    if frame.length > remaining - FRAME_BYTES:
        return "the record is longer than the file"
    record = parse_body(frame, stream.read(frame.length))
    return "the checksum of the record is wrong" if record is None else record


def whole_bytes(path: Path, on_damage: OnDamage) -> int:
    """How many bytes from the start of the file are header and whole records, 0 without records."""
    records = read_log_file(path, limit=path.stat().st_size, on_damage=on_damage)
    return max((end for end, _ in records), default=0)
