"""The selections that a process holds for others between their select and their reads.

Invariants:
* There are never more than so many, and none stays that was not read for so long.
* What a process that is gone had selected is dropped.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from receiver.processes.handing import is_gone
from storage.errors import Overloaded

HELD_MAX = 1 << 14


@dataclass(slots=True)
class Entry:
    """A selection, its querier, the process that reads it, and when it was last read."""

    selection: Any
    querier: Any
    pid: int
    used_s: float


class Held:
    """Selections by number. Thread-safe. idle_s: how long one stays that no one reads."""

    def __init__(
        self,
        idle_s: float,
        *,
        held_max: int = HELD_MAX,
        clock: Callable[[], float] = time.monotonic,
        is_gone: Callable[[int], bool] = is_gone,
    ) -> None:
        self._idle_s, self._held_max = idle_s, held_max
        self._clock, self._is_gone = clock, is_gone
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._lock = threading.Lock()
        # Numbers of a process that was here before are no one's.
        self._numbers = itertools.count(int.from_bytes(os.urandom(6)))

    def __len__(self) -> int:
        return len(self._entries)

    def hold(self, selection: Any, querier: Any, pid: int) -> int:
        """The number of a selection from now on. Raises Overloaded."""
        self.sweep()
        with self._lock:
            if len(self._entries) >= self._held_max:
                raise Overloaded(
                    f"{len(self._entries)} selections are held for other processes, at most "
                    f"{self._held_max} may be (HELD_MAX)"
                )
            number = next(self._numbers)
            self._entries[number] = Entry(selection, querier, pid, self._clock())
            return number

    def get(self, number: int) -> Entry:
        """Raises Overloaded if it is not held any more."""
        with self._lock:
            entry = self._entries.get(number)
            if entry is None:
                raise Overloaded(
                    "a selection is not held any more: it was not read for "
                    f"{self._idle_s:.0f} s, or its process was started again"
                )
            self._entries.move_to_end(number)
            entry.used_s = self._clock()
            return entry

    def release(self, numbers: Iterable[int]) -> None:
        """These are read no more."""
        with self._lock:
            gone = [self._entries.pop(number, None) for number in numbers]
        del gone  # what they hold may take its time to go

    def sweep(self) -> None:
        """Drop what is too old."""
        before_s = self._clock() - self._idle_s
        with self._lock:
            old = []
            for number, entry in self._entries.items():
                if entry.used_s > before_s:
                    break
                old.append(number)
        self.release(old)

    def sweep_all(self) -> None:
        """Drop what is too old, or of processes that are gone."""
        self.sweep()
        with self._lock:
            pids = {number: entry.pid for number, entry in self._entries.items()}
        gone = {pid for pid in set(pids.values()) if self._is_gone(pid)}
        self.release([number for number, pid in pids.items() if pid in gone])

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
