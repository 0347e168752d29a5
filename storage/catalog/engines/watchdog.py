"""Cuts connections whose answers take too long.

Timeouts of PostgreSQL are its own: a server that is stopped, or a network that swallows packets,
says nothing at all. Whoever waits for it then sees that the connection is gone.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Protocol


class Connected(Protocol):
    """A connection of the driver."""

    def fileno(self) -> int: ...


class Watchdog:
    """A thread that looks at connections in use. Thread-safe."""

    def __init__(self, seconds: float) -> None:
        """seconds: how long each use of a connection may take."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._due: dict[int, tuple[float, Connected]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catalog-watchdog", daemon=True)
        self._thread.start()
        self.cuts = 0

    def watch(self, connection: Connected) -> None:
        """A use of it begins."""
        with self._lock:
            self._due[id(connection)] = (time.monotonic() + self._seconds, connection)

    def leave(self, connection: Connected) -> None:
        """A use of it has ended; before it is closed, because its descriptor may be another's
        then."""
        with self._lock:
            self._due.pop(id(connection), None)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(min(1.0, self._seconds / 4)):
            with self._lock:
                now = time.monotonic()
                overdue = [key for key, (due, _) in self._due.items() if due <= now]
                for key in overdue:
                    cut(self._due.pop(key)[1])
                    self.cuts += 1


def cut(connection: Connected) -> None:
    """End a connection under the hands of whoever waits for it."""
    # What is closed already has no descriptor.
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
