"""The lines by which one process asks the others for what they have: the asker's side.

A line is for one question at a time, asked in the thread that wants the answer. There are so many
lines to each process at most; who finds none waits. A question that no one waits for any more cuts
its line, by which the other side learns of it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from receiver.processes.handing import CONNECT_TIMEOUT_S, OwnerGone, gone
from receiver.processes.messages import Failed, error_of
from receiver.processes.reading.line import Line, LineLost
from receiver.processes.reading.packing import NotPacked, Packer
from receiver.processes.sockets import READS, Meeting
from storage.bucket.pieces import must_not_wait
from storage.errors import MustFetch
from storage.kernels.stops import WAIT_S, look
from storage.labels.frames import Symbols

# Questions that a process asks another one at a time.
LINES_MAX = 32
# How much longer than a query may take its answers are waited for, whoever waits.
SLACK_S = 30.0
# How long a process is waited for only to have it know what is read no more.
FLUSH_S = 2.0


class AskingMetrics:
    """What is asked of other processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.asked = Counter(
            "cupola_process_reads_total",
            "Questions to other processes about tenants that they have, of queries over several.",
            registry=registry,
        )
        self.failed = Counter(
            "cupola_process_read_failures_total",
            "Questions that the process which has the tenant did not answer.",
            registry=registry,
        )


@dataclass(slots=True)
class Owner:
    """What an asker has of another process. released: numbers of selections that are read no
    more, which the next question brings along."""

    number: int
    idle: list[Line] = field(default_factory=list)
    places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(LINES_MAX))
    released: deque[int] = field(default_factory=deque)

    def take_released(self) -> tuple[int, ...]:
        found = []
        while self.released:
            found.append(self.released.popleft())
        return tuple(found)


class Asking:
    """Asks the other processes. Thread-safe. timeout_s: how long a query may take."""

    def __init__(
        self, meeting: Meeting, count: int, metrics: AskingMetrics, *, timeout_s: float
    ) -> None:
        self._meeting, self._metrics = meeting, metrics
        self._patience_s = timeout_s + SLACK_S
        self._owners = [Owner(number) for number in range(count)]
        self._lock = threading.Lock()
        self._is_closed = False

    def ask(
        self,
        number: int,
        question: Sequence[Any],
        symbols: Symbols,
        stopped: Callable[[], None] = look,
        *,
        patience_s: float | None = None,
    ) -> Any:
        """The answer of a process to a question. Raises OwnerGone, what the other side raised, and
        what `stopped` raises, and MustFetch in threads that must not wait."""
        if must_not_wait():
            raise MustFetch(f"process {number} of this server is to be asked")
        owner = self._owners[number]
        ends_s = time.monotonic() + (self._patience_s if patience_s is None else patience_s)
        self._check(number, ends_s, stopped)
        while not owner.places.acquire(timeout=WAIT_S):
            self._check(number, ends_s, stopped)
        waits = partial(self._check, number, ends_s, stopped)
        self._metrics.asked.inc()
        try:
            return self._answer(owner, question, symbols, waits)
        except OwnerGone:
            self._metrics.failed.inc()
            raise
        finally:
            owner.places.release()

    def release(self, number: int, selection: int) -> None:
        """A selection of a process is read no more. Never waits."""
        self._owners[number].released.append(selection)

    def flush(self) -> None:
        """Let the others know of selections that are read no more."""
        for owner in self._owners:
            if owner.released:
                try:
                    nothing = ("release", None, ())
                    self.ask(owner.number, nothing, Symbols(), patience_s=FLUSH_S)
                except OwnerGone:
                    continue  # with all that it held

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            lines = [line for owner in self._owners for line in owner.idle]
            for owner in self._owners:
                owner.idle.clear()
        for line in lines:
            line.close()

    def _answer(
        self, owner: Owner, question: Sequence[Any], symbols: Symbols, waits: Callable[[], None]
    ) -> Any:
        line = self._line(owner)
        try:
            line.send(Packer((*question, owner.take_released())), waits)
            answer = line.receive(symbols, waits)
        except (LineLost, NotPacked) as error:
            line.close()
            raise gone(owner.number, str(error)) from error
        except BaseException:
            line.close()
            raise
        self._give_back(owner, line)
        match answer:
            case ("answer", value):
                return value
            case ("error", str() as kind, str() as text):
                raise error_of(Failed(kind, text))
        raise gone(owner.number, "its answer is none")

    def _line(self, owner: Owner) -> Line:
        """One that is not in use, made anew if there is none. Raises OwnerGone."""
        while True:
            with self._lock:
                if self._is_closed:
                    raise gone(owner.number, "this process ends")
                line = owner.idle.pop() if owner.idle else None
            if line is None:
                return self._connected(owner.number)
            if not line.is_left:
                return line
            line.close()

    def _give_back(self, owner: Owner, line: Line) -> None:
        with self._lock:
            if not self._is_closed:
                owner.idle.append(line)
                return
        line.close()

    def _connected(self, number: int) -> Line:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(self._meeting.address(number, READS))
        except OSError as error:
            connection.close()
            raise gone(number, error.strerror or str(error)) from error
        return Line(connection)

    def _check(self, number: int, ends_s: float, stopped: Callable[[], None]) -> None:
        """Raise what ends the waiting for a process."""
        stopped()
        if self._is_closed:
            raise gone(number, "this process ends")
        if time.monotonic() > ends_s:
            raise gone(number, "it has not answered in time")
