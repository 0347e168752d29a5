"""The parent: starts the children, watches them, and is the only process that anyone has to stop.

It holds the data directory and the port, and nothing of a database or of kernels is loaded into it.

    start     child 0, which says what is wrong with the configuration; then the others
    death     the child is started again, after a rest that grows with each death in a row
    SIGHUP    handed on to all
    SIGTERM   handed on to all: each answers what its clients have asked; once all have, their
              leashes are cut, and they end
    its own   death cuts the leashes, too: the children end in order, and the data directory stays
              locked until the last one has

A child that ends by itself before it ever worked ends the others: the same would happen again.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from receiver.processes.place import Place
from receiver.processes.sockets import Meeting, reserve
from receiver.settings.config import Config
from receiver.settings.listen_address import parse_listen_address
from storage.errors import FormatError
from storage.files import catalog_file, lock_directory, make_directory
from storage.tenants.placement import Share

logger = logging.getLogger(__name__)

LISTENING, OPEN, DRAINED = "listening", "open", "drained"
EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
# A child that could not begin ends so; any other end is a death.
REFUSALS = (EXIT_FAILURE, EXIT_USAGE)
CRASHED = 3
FIRST_REST_S, REST_MAX_S = 0.1, 30.0
# A child that has lived so long begins with the first rest again.
WELL_S = 60.0
# How long children may take to drain beyond their own patience.
SLACK_S = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
# What a child does, in its own process; its exit code.
Work = Callable[[Place], int]


@dataclass(slots=True)
class Child:
    """One of the children, alive or to be started again at due_s."""

    number: int
    pid: int = 0
    leash: int = -1
    reports: int = -1
    restarts: int = 0
    deaths: int = 0  # in a row
    since_s: float = 0.0
    due_s: float = 0.0
    has_worked: bool = False
    is_drained: bool = False
    unread: bytes = field(default=b"")

    @property
    def is_alive(self) -> bool:
        return self.pid > 0


class Parent:
    """A number of children that do the same work in places of their own."""

    def __init__(self, count: int, place: Place, work: Work, *, drain_s: float = 30.0) -> None:
        """place: what is the same for all of them."""
        self._place, self._work = place, work
        self._drain_s = drain_s
        self.children = [Child(number) for number in range(count)]
        self._selector = selectors.DefaultSelector()
        self._wakeup = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._is_stopping = False
        self._cut_s = float("inf")  # when the leashes are cut at the latest
        self._code = EXIT_OK

    def run(self) -> int:
        """Until all children have ended; the exit code."""
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup[1])
        self._selector.register(self._wakeup[0], selectors.EVENT_READ)
        self._start(self.children[0])
        while self._goes_on():
            for key, _ in self._selector.select(self._pause_s()):
                if key.data is None:
                    self._take_signals()
                else:
                    self._hear(key.data)
            self._reap()
            self._start_due()
            self._cut_leashes()
        logger.info("all processes have ended code=%d", self._code)
        return self._code

    def _goes_on(self) -> bool:
        return not self._is_stopping or any(child.is_alive for child in self.children)

    def _pause_s(self) -> float | None:
        """How long nothing is to be done unless something happens."""
        moments = [child.due_s for child in self.children if child.due_s]
        moments += [self._cut_s] if self._cut_s != float("inf") else []
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _start(self, child: Child) -> None:
        """Fork. In the child this does not return."""
        leash_end, child.leash = os.pipe2(os.O_CLOEXEC)
        child.reports, reports_end = os.pipe2(os.O_CLOEXEC)
        child.since_s, child.due_s, child.unread = time.monotonic(), 0.0, b""
        sys.stdout.flush()
        sys.stderr.flush()
        child.pid = os.fork()
        if child.pid == 0:
            self._become(child, leash_end, reports_end)
        os.close(leash_end)
        os.close(reports_end)
        os.set_blocking(child.reports, False)
        self._selector.register(child.reports, selectors.EVENT_READ, child)
        logger.info("process started process=%d pid=%d", child.number, child.pid)

    def _become(self, child: Child, leash: int, reports: int) -> None:
        code = CRASHED
        try:
            signal.set_wakeup_fd(-1)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            # Until the program listens to it: a reload that comes too early must not end it.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            self._selector.close()
            # A leash is cut once no one holds its other end.
            for other in self.children:
                for descriptor in (other.leash, other.reports):
                    if descriptor >= 0:
                        os.close(descriptor)
            share = Share(child.number, len(self.children))
            place = self._place
            code = self._work(
                replace(place, share=share, restarts=child.restarts, leash=leash, reports=reports)
            )
        except BaseException:
            logger.exception("process failed process=%d", child.number)
        finally:
            logging.shutdown()
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _take_signals(self) -> None:
        for number in os.read(self._wakeup[0], 64):
            if number == signal.SIGHUP:
                self._signal(signal.SIGHUP)
            elif number in (signal.SIGTERM, signal.SIGINT):
                logger.info("stopping all processes")
                self._stop(self._code)

    def _stop(self, code: int) -> None:
        self._code = max(code, self._code)
        if not self._is_stopping:
            self._is_stopping = True
            self._cut_s = time.monotonic() + self._drain_s + SLACK_S
        for child in self.children:
            child.due_s = 0.0
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        for child in self.children:
            if child.is_alive:
                os.kill(child.pid, number)

    def _hear(self, child: Child) -> None:
        """Take what a child reports."""
        content = os.read(child.reports, 1 << 12)
        if not content:
            self._selector.unregister(child.reports)
            os.close(child.reports)
            child.reports = -1
            return
        *lines, child.unread = (child.unread + content).split(b"\n")
        for line in lines:
            match line.decode():
                case "listening" if child.number == 0:
                    self._start_others()
                case "open":
                    child.has_worked = True
                case "drained":
                    child.is_drained = True

    def _start_others(self) -> None:
        for child in self.children[1:]:
            if not (child.is_alive or child.due_s or self._is_stopping):
                self._start(child)

    def _reap(self) -> None:
        for child in self.children:
            if child.is_alive:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, code: int) -> None:
        while child.reports >= 0:  # what it said last
            try:
                self._hear(child)
            except BlockingIOError:
                break
        for name in ("leash", "reports"):
            descriptor = getattr(child, name)
            if descriptor >= 0:
                with suppress(KeyError):
                    self._selector.unregister(descriptor)
                os.close(descriptor)
                setattr(child, name, -1)
        pid, child.pid = child.pid, 0
        if self._is_stopping:
            self._code = max(self._code, EXIT_OK if code == 0 else EXIT_FAILURE)
            return
        if code in REFUSALS and not child.has_worked:
            logger.error("process could not begin process=%d code=%d", child.number, code)
            self._stop(code)
            return
        has_been_well = time.monotonic() - child.since_s >= WELL_S
        child.deaths = 0 if has_been_well else child.deaths
        rest_s = min(FIRST_REST_S * 2 ** min(child.deaths, 20), REST_MAX_S)
        child.deaths += 1
        child.restarts += 1
        child.due_s = time.monotonic() + rest_s
        logger.error(
            "process died, will be started again process=%d pid=%d code=%d rest_seconds=%.1f",
            child.number, pid, code, rest_s,
        )  # fmt: skip

    def _start_due(self) -> None:
        for child in self.children:
            if child.due_s and child.due_s <= time.monotonic():
                self._start(child)

    def _cut_leashes(self) -> None:
        """Let children end once none of them needs another for its answers."""
        if not self._is_stopping:
            return
        waits = any(child.is_alive and not child.is_drained for child in self.children)
        if waits and time.monotonic() < self._cut_s:
            return
        self._cut_s = float("inf")
        for child in self.children:
            if child.leash >= 0:
                os.close(child.leash)
                child.leash = -1


def serve(config: Config, work: Work) -> int:
    """Let several processes do this work until a signal ends them; the exit code. Raises OSError if
    the address cannot be had."""
    data = Path(config.storage.path)
    host, port = parse_listen_address(config.web.listen_address)
    try:
        make_directory(data)
        # Children inherit it: it is free once the last of them has ended.
        lock_directory(data)
        meeting = Meeting(data)
        meeting.clear()
        shards = shards_of(data, config.storage.shards)
    except (OSError, FormatError, sqlite3.Error) as error:
        logger.error("database cannot be opened error=%r", str(error))
        return EXIT_FAILURE
    count = config.program.processes
    if shards < count:
        logger.warning("more processes than shards processes=%d shards=%d", count, shards)
    with reserve(host, port) as taken:
        place = Place(shards=shards, port=taken.getsockname()[1], seed=os.urandom(32))
        parent = Parent(count, place, work, drain_s=config.web.shutdown_timeout_ms / 1000)
        return parent.run()


def shards_of(data: Path, configured: int) -> int:
    """How many shards a data directory has; those that are configured if it is new."""
    path = catalog_file(data)
    if not path.exists():
        return configured
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
        try:
            query = "SELECT value FROM settings WHERE name = 'shards'"
            row = connection.execute(query).fetchone()
        except sqlite3.OperationalError:  # it has no tables yet
            return configured
    return configured if row is None else int(row[0])
