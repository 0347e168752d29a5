"""Segments that no new query sees: their files are deleted a while later.

A query that began before may read them for as long as it runs: what it selected refers to the
descriptions of its segments, and of those that left the sight of new queries it is known whether
anything refers to them still. What a stop of the server leaves behind is removed at the next start,
since the catalog does not know it.
"""

import shutil
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from storage.segments.segment import SegmentMeta

# For who knows of a segment by its name only, such as a process that looks at the directory.
GRACE_MS = 600_000


class Leavers:
    """The segments that left the sight of new queries of one shard. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, list[weakref.ref[SegmentMeta]]] = {}

    def note(self, before: Iterable[SegmentMeta], after: Iterable[SegmentMeta]) -> None:
        """Of the descriptions that were seen before, those are waited for that are not now."""
        seen = {id(segment) for segment in after}
        with self._lock:
            for segment in before:
                if id(segment) not in seen:
                    self._left.setdefault(segment.ulid, []).append(weakref.ref(segment))

    def is_read(self, ulid: str) -> bool:
        """Whether a query may be reading a segment that left."""
        with self._lock:
            alive = [each for each in self._left.get(ulid, ()) if each() is not None]
            if alive:
                self._left[ulid] = alive
            else:
                self._left.pop(ulid, None)
        return bool(alive)


class Doomed(NamedTuple):
    """A directory that is to be deleted, and when."""

    due_ms: int
    directory: Path


class DoomedFiles:
    """The directories of segments to be deleted. Thread-safe."""

    def __init__(self, grace_ms: int = GRACE_MS) -> None:
        self._grace_ms = grace_ms
        self._lock = threading.Lock()
        self._doomed: list[Doomed] = []
        # Those of the shards that segments are of.
        self.leavers: list[Leavers] = []

    def add(self, directories: Iterable[Path], now_ms: int) -> None:
        """Delete these after the grace period, once no query uses them any more. Nothing of them is
        in the sight of new queries."""
        with self._lock:
            self._doomed += [Doomed(now_ms + self._grace_ms, each) for each in directories]

    def delete_due(self, now_ms: int) -> None:
        with self._lock:
            due = [each for each in self._doomed if self._is_due(each, now_ms)]
            gone = set(due)
            self._doomed = [each for each in self._doomed if each not in gone]
        for each in due:
            shutil.rmtree(each.directory, ignore_errors=True)

    def _is_due(self, each: Doomed, now_ms: int) -> bool:
        if each.due_ms > now_ms:
            return False
        return not any(leavers.is_read(each.directory.name) for leavers in self.leavers)
