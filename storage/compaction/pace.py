"""The pace of background work: how much of a thread's time and of the disk's it may take.

Work and rest alternate in short turns, so that queries and writes wait for little. Whoever works
reports what was read and written; rest() then sleeps as long as the limits ask for.
"""

import threading
import time

# No single rest is longer, so that a wrong clock or a huge turn stops nothing for long.
REST_SECONDS_MAX = 30.0


class Stopped(Exception):
    """The work is to be given up, because the database closes."""


class Pace:
    """For one thread. bytes_per_second: 0 for no limit; share: of its time, in percent."""

    def __init__(
        self,
        closing: threading.Event,
        *,
        bytes_per_second: int = 0,
        share: int = 100,
    ) -> None:
        self._closing = closing
        self._bytes_per_second = bytes_per_second
        self._idle_per_work = 100 / share - 1
        self._bytes = 0.0
        self._turn = time.monotonic()
        self.rested_seconds = 0.0

    def begin(self) -> None:
        """A turn of work begins now."""
        self._bytes = 0.0
        self._turn = time.monotonic()

    def spend(self, size: float) -> None:
        """So many bytes were read or written in this turn."""
        self._bytes += size

    def rest(self) -> None:
        """End the turn, sleep, and begin the next. Raises Stopped."""
        seconds = self.owed(time.monotonic() - self._turn)
        self.rested_seconds += seconds
        if self._closing.wait(seconds):
            raise Stopped
        self.begin()

    def owed(self, worked_seconds: float) -> float:
        """How long to sleep after a turn that took so long."""
        seconds = worked_seconds * self._idle_per_work
        if self._bytes_per_second:
            seconds = max(seconds, self._bytes / self._bytes_per_second - worked_seconds)
        return min(seconds, REST_SECONDS_MAX)


def unhurried() -> Pace:
    """The pace of work that no one else waits for."""
    return Pace(threading.Event())
