"""What of the segments is known to be damaged: row groups that are not to be read any more.

A file with wrong bytes may still decode, to other samples than were written. So what is found, by a
checksum or because it cannot be read, is remembered here; readers pass over it, and everything else
goes on. It is found again after a restart.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from storage.kernels.arrays import Int64s

logger = logging.getLogger(__name__)

# What Arrow raises for a file that it cannot read; a ValueError is text that is no UTF-8.
UNREADABLE = (OSError, ValueError, pa.ArrowException)
NO_GROUPS: frozenset[int] = frozenset()
NO_SEGMENTS: frozenset[str] = frozenset()
# Takes the file and how many of its row groups were found.
DamageNoted = Callable[[Path, int], None]


class Damages:
    """The damaged row groups of files. Thread-safe, shared by all shards."""

    def __init__(self, noted: DamageNoted = lambda path, groups: None) -> None:
        self._noted = noted
        self._lock = threading.Lock()
        # Whole files have None.
        self._groups: dict[Path, set[int] | None] = {}
        self.revision = 0  # how often something was found

    def note(self, path: Path, groups: Iterable[int] | None, reason: str) -> None:
        """Pass over these row groups, or over the whole file, from now on."""
        with self._lock:
            known = self._groups.setdefault(path, set())
            if known is None:
                return
            found = None if groups is None else set(groups) - known
            if found is None:
                self._groups[path] = None
            else:
                known |= found
        if found is None or found:
            self.revision += 1
            names = "all" if found is None else ",".join(map(str, sorted(found)))
            logger.error(
                "damaged, passed over by reads file=%s row_groups=%s error=%r", path, names, reason
            )
            self._noted(path, 1 if found is None else len(found))

    def sound(self, path: Path, groups: Int64s) -> Int64s:
        """Those of the row groups that may be read."""
        damaged = self.of(path)
        if damaged is None:
            return groups[:0]
        return groups[~np.isin(groups, list(damaged))] if damaged else groups

    def of(self, path: Path) -> frozenset[int] | None:
        """The damaged row groups of a file; None for all."""
        if not self._groups:  # nearly always
            return NO_GROUPS
        with self._lock:
            found = self._groups.get(path, set())
            return None if found is None else frozenset(found)

    def segments(self, files: Collection[str] | None = None) -> frozenset[str]:
        """The ULIDs of segments with damage; files: in which of their files, None: in any."""
        if not self._groups:
            return NO_SEGMENTS
        with self._lock:
            paths = [path for path in self._groups if files is None or path.name in files]
        return frozenset(path.parent.name for path in paths)

    def forget(self, directory: Path) -> None:
        """A segment is not read any more."""
        with self._lock:
            for path in [path for path in self._groups if path.parent == directory]:
                del self._groups[path]
