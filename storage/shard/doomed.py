"""Segments that no new query sees: their files are deleted a while later.

Queries that began before may still read them, so they stay for longer than any query may run. What
a stop of the server leaves behind is removed at the next start, since the catalog does not know it.
"""

import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

# Longer than any query may run.
GRACE_MS = 600_000


class DoomedFiles:
    """The directories of segments to be deleted. Thread-safe."""

    def __init__(self, grace_ms: int = GRACE_MS) -> None:
        self._grace_ms = grace_ms
        self._lock = threading.Lock()
        self._due: list[tuple[int, Path]] = []

    def add(self, directories: Iterable[Path], now_ms: int) -> None:
        """Delete these once no query can use them any more."""
        with self._lock:
            self._due += [(now_ms + self._grace_ms, directory) for directory in directories]

    def delete_due(self, now_ms: int) -> None:
        with self._lock:
            due = [directory for at, directory in self._due if at <= now_ms]
            self._due = [entry for entry in self._due if entry[0] > now_ms]
        for directory in due:
            shutil.rmtree(directory, ignore_errors=True)
