"""Answering other processes for the tenants of this one: the owner's side.

Each line has a thread, which looks at whether whoever asks is still there while it computes.

    facts      what a querier says of itself
    select     a selection: held from then on; of a small one the samples come along
    read, read_origins, replicas            of a selection that is held
    series, usage, exemplars, metadata, head_chunks, replica_report
    release    selections that are read no more, which any question may bring along
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from receiver.processes.reading.held import Held
from receiver.processes.reading.line import Line, LineLost
from receiver.processes.reading.packing import Packer, Selected, Wanted
from storage.dedup.algorithm import Algorithm
from storage.errors import LimitExceeded, QueryStopped, StorageError
from storage.kernels.stops import stoppable
from storage.labels.frames import Symbols

logger = logging.getLogger(__name__)

# Of a selection that is no larger, the samples are sent at once.
SMALL_ROWS, SMALL_SAMPLES = 1 << 10, 1 << 18
# Of one process there are asking.LINES_MAX at most.
BACKLOG = 1 << 10
CREDENTIALS = struct.Struct("3i")
HELD_OPERATIONS = ("read", "read_origins", "replicas")
OPERATIONS = ("series", "usage", "exemplars", "metadata", "head_chunks")


class View(Protocol):
    """What a process reads of its own tenants."""

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> Any: ...


class Answering:
    """A socket at which others ask. views: what is asked, by name; bytes_max: of one answer."""

    def __init__(self, views: Mapping[str, View], held: Held, *, bytes_max: int) -> None:
        self._views, self.held, self._bytes_max = views, held, bytes_max
        self._listener: socket.socket | None = None
        self._lines: dict[Line, threading.Thread] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self._accepting = threading.Thread(target=self._accept, name="reads")

    def listen(self, listener: socket.socket) -> None:
        """Answer whoever connects; the socket is ours from now on."""
        self._listener = listener
        self._accepting.start()

    def close(self) -> None:
        """Answer no more. Blocks until nothing is computed."""
        with self._lock:
            self._is_closed = True
            lines = dict(self._lines)
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._accepting.join()
            self._listener.close()
        for line in lines:
            line.cut()
        for thread in lines.values():
            thread.join()
        self.held.clear()

    def _accept(self) -> None:
        assert self._listener is not None, "BUG: nothing listens"
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down
                return
            with self._lock:
                if self._is_closed:
                    connection.close()
                    return
                pid = pid_of(connection)
                line = Line(connection)
                name = f"reads-of-{pid}"
                thread = threading.Thread(target=self._serve, args=(line, pid), name=name)
                self._lines[line] = thread
            thread.start()

    def _serve(self, line: Line, pid: int) -> None:
        """Answer by one line until it ends."""
        try:
            while True:
                symbols = Symbols()
                question = line.receive(symbols)
                line.send(self.answer(question, pid, line))
        except (LineLost, QueryStopped):
            pass  # who asked has left
        except Exception:  # a bug; the other side finds its line cut
            logger.exception("line between processes failed pid=%d", pid)
        finally:
            line.close()
            with self._lock:
                self._lines.pop(line, None)

    def answer(self, question: Any, pid: int, line: Line) -> Packer:
        """The answer to a question of a process, or its error. Raises QueryStopped once it has
        left."""

        def check() -> None:
            if line.is_left:
                raise QueryStopped("the process that asked has left")

        try:
            with stoppable(check):
                answer = Packer(("answer", self._computed(question, pid, line)))
            if answer.bytes > self._bytes_max:
                raise LimitExceeded(
                    f"{answer.bytes} bytes are to be read from another process at once, at most "
                    f"{self._bytes_max} may be (max-bytes-between-processes)"
                )
            return answer
        except QueryStopped:
            check()
            raise
        except StorageError as error:
            return Packer(("error", type(error).__name__, str(error)))
        except LineLost:
            raise
        except Exception as error:  # a bug; who waits for the answer is not to wait for ever
            logger.exception("other process not answered")
            return Packer(("error", StorageError.__name__, f"not read: {error!r}"))

    def _computed(self, question: Sequence[Any], pid: int, line: Line) -> Any:
        operation, wanted, arguments, released = question
        self.held.release(released)
        if operation == "release":
            return None
        if operation in HELD_OPERATIONS:
            entry = self.held.get(wanted)
            return getattr(entry.selection, operation)(*arguments), losses_of(entry.querier)
        querier = self._querier(wanted)
        if operation == "facts":
            return facts_of(querier)
        if operation == "select":
            return self._selected(querier, arguments, pid), losses_of(querier)
        if operation == "replica_report":
            matcher_sets, start_ms, end_ms, labels = arguments
            found = querier.replica_report(
                matcher_sets, start_ms, end_ms, cluster_labels=labels, stopped=lambda: line.is_left
            )
            return found, losses_of(querier)
        if operation not in OPERATIONS:
            raise StorageError(f"there is no operation {operation!r}")
        return getattr(querier, operation)(*arguments), losses_of(querier)

    def _querier(self, wanted: Wanted) -> Any:
        querier = self._views[wanted.view].querier(
            wanted.tenant,
            replica_labels=wanted.replica_labels,
            dedup=wanted.dedup,
            algorithm=wanted.algorithm,
        )
        want_all = getattr(querier, "want_all_or_nothing", None)
        if wanted.is_whole and want_all is not None:
            want_all()
        return querier

    def _selected(self, querier: Any, arguments: Sequence[Any], pid: int) -> Selected:
        selection = querier.select(*arguments)
        labels = selection.labels
        expected = int(getattr(selection, "expected_samples", 0))
        samples = None
        if labels.rows <= SMALL_ROWS and expected <= SMALL_SAMPLES:
            samples = selection.read(0, labels.rows)
        number = self.held.hold(selection, querier, pid)
        resolutions = tuple(getattr(selection, "resolutions", (0,)))
        return Selected(number, labels, expected, resolutions, samples)


def facts_of(querier: Any) -> tuple[bool, bool, int, bool]:
    """counters_differ, has_aggregates, aggregated_until_ms, may_have_aggregates."""
    return (
        bool(querier.counters_differ),
        bool(querier.has_aggregates),
        int(querier.aggregated_until_ms),
        bool(getattr(querier, "may_have_aggregates", False)),
    )


def losses_of(querier: Any) -> tuple[str, ...]:
    return tuple(getattr(querier, "losses", ()))


def pid_of(connection: socket.socket) -> int:
    """The process at the other end."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(found)[0])
