"""The write-ahead log of one shard.

A log is a directory of numbered log files; a log file is a run of records (docs/formats/wal.md).
`append` only remembers a record, `write` hands all that were remembered to the system, and
`make_durable` waits until what was written is on the disk; `sync` is both. So requests that wait
together share one sync, and the next ones are written while the disk is busy. The log belongs to
one thread at a time, except that another one may be in `make_durable`, and that any may call
`truncate` and `size_bytes`.

Invariants:
* A record is durable after a `make_durable` that began after its `write` has returned.
* If `write` raises, none of the records remembered since the one before it count as written.
* Only the last file can end in a record that was cut; opening the log cuts such a rest off.
* After a failed sync, or a failed write other than one for lack of space, the log refuses every
  further append.
* Replaying a log twice gives the same records.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.errors import LogFailed, Overloaded
from storage.files import log_file_name, log_file_number, make_directory, sync_directory, sync_file
from storage.log.file import (
    Damage,
    OnDamage,
    create_log_file,
    read_log_file,
    warn_of_damage,
    whole_bytes,
)
from storage.log.record import HEADER_BYTES, Record, make_prefix

PENDING_BYTES_MAX = 512 << 20
# What the kernel takes in one vectored write (IOV_MAX of Linux).
BUFFERS_PER_WRITE_MAX = 1024
# A write that fails with one of these may succeed once space was made: the disk, a quota, or the
# size that a file of this process may have (RLIMIT_FSIZE).
_OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class WalLimits:
    """file_bytes: of a log file with several writes; pending_bytes: what may wait for a write."""

    file_bytes: int = 128 << 20
    pending_bytes: int = PENDING_BYTES_MAX


WAL_LIMITS = WalLimits()


class Wal:
    """The log files of one shard, the newest of them open for appending."""

    def __init__(
        self, directory: Path, number: int, on_damage: OnDamage, limits: WalLimits
    ) -> None:
        """Use `open`. Starts the log file `number`, which must not exist."""
        self._directory = directory
        self._on_damage = on_damage
        self._limits = limits
        self._number = number
        self._descriptor = create_log_file(directory, number)
        self._size = HEADER_BYTES
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._failure = ""
        self._durable_end = (number, HEADER_BYTES)  # a file, and how much of it is durable
        self._files_lock = threading.Lock()  # guards _descriptor, _number and _replaced
        self._replaced: list[int] = []  # files that were full; make_durable closes them

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        first_file: int,
        on_damage: OnDamage = warn_of_damage,
        limits: WalLimits = WAL_LIMITS,
    ) -> Wal:
        """Open or make the log in `directory`, appending to a new log file.

        Files before `first_file` are no longer part of the log and are deleted. A damaged tail of
        the last file is cut; every loss is reported to `on_damage`. Raises FormatError for a file
        of an unknown version, OSError if the directory cannot be read or written.
        """
        make_directory(directory)
        delete_before(directory, first_file)
        report_missing(directory, first_file, on_damage)
        number = first_file
        numbers = log_file_numbers(directory)
        if numbers:
            number = max(number, numbers[-1] + cut_tail(directory, numbers[-1], on_damage))
        return cls(directory, number, on_damage, limits)

    def size_bytes(self, from_file: int = 0) -> int:
        """Bytes on disk in the log files from `from_file` on."""
        total = 0
        for number in log_file_numbers(self._directory):
            # A truncate may be under way in another thread.
            with contextlib.suppress(FileNotFoundError):
                if number >= from_file:
                    total += (self._directory / log_file_name(number)).stat().st_size
        return total

    def append(self, kind: int, arrival_ms: int, tenant: str, payload: bytes) -> None:
        """Remember a record for the next write. The payload is kept, not copied, until then.

        Raises LogFailed after a failure, Overloaded if too much waits for a write.
        """
        self._check()
        prefix = make_prefix(kind, arrival_ms, tenant, payload)
        size = len(prefix) + len(payload)
        allowed = self._limits.pending_bytes
        if self._pending_bytes + size > allowed:
            raise Overloaded(
                f"at most {allowed} bytes may wait for a write of the log "
                f"(PENDING_BYTES_MAX), {self._pending_bytes} wait and {size} came"
            )
        self._pending += (prefix, payload)
        self._pending_bytes += size

    def forget(self) -> None:
        """Drop the records remembered since the last write; whoever sent them was informed."""
        self._pending, self._pending_bytes = [], 0

    def write(self) -> None:
        """Hand the remembered records to the system.

        Raises Overloaded if the disk is full: nothing was kept and a later write may succeed.
        Raises LogFailed if writing failed: nothing will be appended any more.
        """
        self._check()
        pending, size = self._pending, self._pending_bytes
        self.forget()
        if not pending:
            return
        if self._size > HEADER_BYTES and self._size + size > self._limits.file_bytes:
            self._start_file()
        try:
            write_buffers(self._descriptor, pending, self._size)
        except OSError as error:
            self._undo_write(error)
        self._size += size

    def make_durable(self) -> None:
        """Wait until everything written before this call is on the disk. For one thread at a time.

        Raises LogFailed if that failed, now or before.
        """
        self._check()
        with self._files_lock:
            end = (self._number, self._size)
            if end == self._durable_end:
                return
            replaced, self._replaced = self._replaced, []
            descriptors = [*replaced, self._descriptor]
        try:
            for descriptor in descriptors:
                os.fdatasync(descriptor)
        except OSError as error:
            self._fail("the sync", error)
        finally:
            close_all(replaced)
        self._durable_end = end

    def sync(self) -> None:
        """Write the remembered records and make them durable. Raises as these do."""
        self.write()
        self.make_durable()

    def rotate(self) -> int:
        """Sync, and go on in a log file without records, whose number is returned.

        Every record appended before is in a file with a smaller number. Raises as `sync` does.
        """
        self.sync()
        if self._size > HEADER_BYTES:
            self._start_file()
        return self._number

    def truncate(self, before: int) -> None:
        """Delete the log files with a number smaller than `before`."""
        assert before <= self._number, f"BUG: truncate before {before}, at {self._number}"
        delete_before(self._directory, before)

    def replay(self, from_file: int) -> Iterator[Record]:
        """The synced records from log file `from_file` on, oldest first.

        Of a damaged file the records before the damage are given, then the next file's; what is
        dropped is reported to `on_damage`. Raises FormatError for a file of an unknown version.
        """
        last, size = self._durable_end
        for number in log_file_numbers(self._directory):
            if from_file <= number <= last:
                path = self._directory / log_file_name(number)
                limit = size if number == last else path.stat().st_size
                for _, record in read_log_file(path, limit=limit, on_damage=self._on_damage):
                    yield record

    def close(self) -> None:
        """Close the log. Records that were not synced are forgotten."""
        self.forget()
        if self._descriptor >= 0:
            close_all([*self._replaced, self._descriptor])
            self._descriptor, self._replaced = -1, []
        self._failure = self._failure or f"the log in {self._directory} is closed"

    def _check(self) -> None:
        if self._failure:
            raise LogFailed(self._failure)

    def _start_file(self) -> None:
        try:
            descriptor = create_log_file(self._directory, self._number + 1)
        except OSError as error:
            self._raise_if_full(error)
            self._fail("starting a log file", error)
        with self._files_lock:
            self._replaced.append(self._descriptor)
            self._descriptor = descriptor
            self._number += 1
            self._size = HEADER_BYTES

    def _undo_write(self, error: OSError) -> None:
        """Cut the file back to what was written before, then raise for the write that failed."""
        if error.errno not in _OUT_OF_SPACE:
            self._fail("a write", error)
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError as second:
            self._fail("cutting off a failed write", second)
        self._raise_if_full(error)

    def _raise_if_full(self, error: OSError) -> None:
        if error.errno in _OUT_OF_SPACE:
            raise Overloaded(f"no space for the log in {self._directory}: {error}") from error

    def _fail(self, what: str, error: OSError) -> None:
        self._failure = (
            f"{what} of the log in {self._directory} failed, it takes no appends any more: {error}"
        )
        raise LogFailed(self._failure) from error


def log_file_numbers(directory: Path) -> list[int]:
    """The numbers of the log files in a directory, ascending."""
    numbers = (log_file_number(name) for name in os.listdir(directory))
    return sorted(number for number in numbers if number is not None)


def delete_before(directory: Path, before: int) -> None:
    """Delete the log files with a smaller number, oldest first, so that no hole ever shows."""
    numbers = [number for number in log_file_numbers(directory) if number < before]
    for number in numbers:
        (directory / log_file_name(number)).unlink()
    if numbers:
        sync_directory(directory)


def report_missing(directory: Path, first_file: int, on_damage: OnDamage) -> None:
    """Report the numbers that should be there: all from `first_file` to the newest file's."""
    numbers = log_file_numbers(directory)
    if numbers:
        for number in sorted(set(range(first_file, numbers[-1])) - set(numbers)):
            on_damage(Damage(directory / log_file_name(number), 0, 0, "the log file is missing"))


def cut_tail(directory: Path, number: int, on_damage: OnDamage) -> int:
    """Cut the last file off behind its last whole record; delete it if it has none.

    Returns 1 if the file was kept, 0 if its number is free.
    """
    path = directory / log_file_name(number)
    kept = whole_bytes(path, on_damage)
    if kept == 0:
        path.unlink()
        return 0
    if kept < path.stat().st_size:
        os.truncate(path, kept)
        sync_file(path)
    return 1


def close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def write_buffers(
    descriptor: int, buffers: list[bytes], offset: int, *, at_once: int = BUFFERS_PER_WRITE_MAX
) -> None:
    """Write all buffers one after the other from `offset` on, `at_once` of them with one call;
    raises OSError part of the way."""
    for start in range(0, len(buffers), at_once):
        rest: list[bytes | memoryview] = list(buffers[start : start + at_once])
        while rest:
            written = os.pwritev(descriptor, rest, offset)
            if written <= 0:
                raise OSError(errno.EIO, "a write of the log wrote nothing")
            offset += written
            rest = drop_written(rest, written)


def drop_written(buffers: list[bytes | memoryview], written: int) -> list[bytes | memoryview]:
    """The buffers without their first `written` bytes, uncopied."""
    for i, buffer in enumerate(buffers):
        if written < len(buffer):
            return [memoryview(buffer)[written:], *buffers[i + 1 :]]
        written -= len(buffer)
    return []
