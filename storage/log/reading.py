"""The log of a shard that another process may be writing to, read without changing it.

All files are opened at once: what is deleted or written afterwards makes no difference.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.files import log_file_name
from storage.log.file import READ_BUFFER_BYTES, Damage, OnDamage, read_log_stream, warn_of_damage
from storage.log.record import Record
from storage.log.wal import log_file_numbers, report_missing


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A log file, and how many bytes of it count."""

    stream: BinaryIO
    path: Path
    size: int


class LogReader:
    """The log files of a shard from one of them on, as they were when they were opened."""

    def __init__(
        self, directory: Path, first_file: int, on_damage: OnDamage = warn_of_damage
    ) -> None:
        """Raises FileNotFoundError if one goes away meanwhile."""
        self._on_damage = on_damage
        self._files: list[OpenFile] = []
        with ExitStack() as stack:
            for number in log_file_numbers(directory) if directory.is_dir() else ():
                if number >= first_file:
                    path = directory / log_file_name(number)
                    stream = stack.enter_context(open(path, "rb", buffering=READ_BUFFER_BYTES))
                    size = os.fstat(stream.fileno()).st_size
                    self._files.append(OpenFile(stream, path, size))
            self._opened = stack.pop_all()
        if self._files:
            report_missing(directory, first_file, on_damage)

    def replay(self) -> Iterator[Record]:
        """The records, oldest first; once. The newest may be cut off, as it is being written; other
        damage is reported to `on_damage`. Raises FormatError for a file of an unknown version."""
        for file in self._files:
            on_damage = ignore if file is self._files[-1] else self._on_damage
            records = read_log_stream(file.stream, file.path, limit=file.size, on_damage=on_damage)
            for _, record in records:
                yield record

    def close(self) -> None:
        self._opened.close()


def ignore(_: Damage) -> None:
    """What is at the end of the newest file is not acknowledged yet."""
