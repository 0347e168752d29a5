"""Files that may change while the program runs: read at start, and again when they change.

A file is looked at by its time, size and inode every reload-interval, and at once at SIGHUP,
together with the files that it names. One that cannot be used changes nothing: the value that was
good last stays, the log says why, and metrics count it.

Invariants:
* `value` is always one that was read without an error, and it is replaced as a whole.
* A file is read again only after it changed, or on demand.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

logger = logging.getLogger(__name__)

T = TypeVar("T")
Print = tuple[tuple[int, int, int] | None, ...]


class ReloadMetrics:
    """How reading of files again went, by the setting that names the file."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "cupola_reload_failures_total",
            "Changed files that could not be used, by the setting that names the file.",
            ["setting"],
            registry=registry,
        )
        self.successful = Gauge(
            "cupola_reload_successful",
            "1 if what is in force is what the file says, by the setting that names the file.",
            ["setting"],
            registry=registry,
        )


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What was read, and the other files that it was read from."""

    value: T
    files: tuple[Path, ...] = ()


class Reloadable(Protocol):
    """What the reloader looks after.

    is_good: whether what is in force is what the file says; read_ms: when that was read.
    """

    is_good: bool
    read_ms: int

    def refresh(self, *, forced: bool = False) -> bool:
        """Read again if anything changed; whether the value was replaced. May block."""
        ...

    def tell(self) -> None:
        """Let those know who must act on a new value; from the event loop."""
        ...


class WatchedFile(Generic[T]):
    """The value of one file. Reading it at first raises what `read` raises: OSError, ValueError."""

    def __init__(
        self, setting: str, path: Path, read: Callable[[Path], Reading[T]], metrics: ReloadMetrics
    ) -> None:
        """setting: the name of the setting that holds the path."""
        self._setting = setting
        self._path = path
        self._read = read
        self._failures = metrics.failures.labels(setting)
        self._successful = metrics.successful.labels(setting)
        self._listeners: list[Callable[[T], Any]] = []
        before = fingerprint([path])
        reading = read(path)
        self.value: T = reading.value
        self._files = (path, *reading.files)
        # As the file was before it was read, so that a change in the meantime is seen.
        self._print = before + fingerprint(reading.files)
        self._successful.set(1)
        self.is_good, self.read_ms = True, time.time_ns() // 1_000_000

    def listen(self, listener: Callable[[T], Any]) -> None:
        self._listeners.append(listener)

    def refresh(self, *, forced: bool = False) -> bool:
        seen = fingerprint(self._files)
        if seen == self._print and not forced:
            return False
        try:
            reading = self._read(self._path)
        except (OSError, ValueError) as error:
            self._print = seen
            self._failures.inc()
            self._successful.set(0)
            self.is_good = False
            logger.error(
                "file not reloaded, the old one stays in force setting=%s path=%s error=%r",
                self._setting, str(self._path), str(error),
            )  # fmt: skip
            return False
        files = (self._path, *reading.files)
        self._print = seen if files == self._files else seen[:1] + fingerprint(reading.files)
        self._files = files
        self._successful.set(1)
        self.is_good, self.read_ms = True, time.time_ns() // 1_000_000
        self.value = reading.value
        logger.info("file reloaded setting=%s path=%s", self._setting, str(self._path))
        return True

    def tell(self) -> None:
        for listener in self._listeners:
            listener(self.value)


def fingerprint(files: Iterable[Path]) -> Print:
    """What changes when any of the files does; None for one that is not there."""
    found: list[tuple[int, int, int] | None] = []
    for path in files:
        try:
            state = os.stat(path)
        except OSError:
            found.append(None)
        else:
            found.append((state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(found)


@dataclass(slots=True)
class Reloader:
    """Looks at all watched files again and again. Belongs to one event loop."""

    interval_ms: int
    watched: Sequence[Reloadable] = ()
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def reload_now(self) -> None:
        """Read all files again, changed or not; for SIGHUP."""
        self._asked.set()

    async def refresh(self, *, forced: bool = False) -> None:
        for file in self.watched:
            if await asyncio.to_thread(file.refresh, forced=forced):
                file.tell()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self.interval_ms / 1000):
                    await self._asked.wait()
            except TimeoutError:
                pass
            forced = self._asked.is_set()
            self._asked.clear()
            await self.refresh(forced=forced)
