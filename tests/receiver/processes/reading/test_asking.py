"""Asking other processes, which answer, fail, die or do nothing at all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from receiver.processes.handing import OwnerGone
from receiver.processes.reading import asking as module
from receiver.processes.reading.asking import Asking, AskingMetrics
from receiver.processes.reading.line import Line, LineLost
from receiver.processes.reading.packing import Packer
from receiver.processes.sockets import READS, Meeting
from storage.bucket.pieces import without_fetching
from storage.errors import LimitExceeded, MustFetch, StorageError
from storage.kernels.stops import stoppable
from storage.labels.frames import Symbols

PATIENCE_S = 120.0
QUESTION = ("facts", None, ())
# A process that takes a question, says so, and does nothing more.
STUCK = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listening", flush=True)
line, _ = listener.accept()
line.recv(1)
print("asked", flush=True)
line.recv(1 << 20)
listener.accept()
"""


@pytest.fixture
def meeting(tmp_path: Path) -> Iterator[Meeting]:
    made = Meeting(tmp_path)
    yield made
    made.close()


@pytest.fixture
def asking(meeting: Meeting) -> Iterator[Asking]:
    made = asking_of(meeting)
    yield made
    made.close()


def asking_of(meeting: Meeting) -> Asking:
    return Asking(meeting, 2, AskingMetrics(CollectorRegistry()), timeout_s=PATIENCE_S)


class Other:
    """Process 1: answers each question with what `answer` makes of it."""

    def __init__(self, meeting: Meeting, answer: Callable[[Any], Any]) -> None:
        self._answer, self._listener = answer, meeting.listen(1, READS)
        self.lines: list[Line] = []
        self.questions: list[Any] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.lines.append(Line(connection))
            self._threads.append(threading.Thread(target=self._serve, args=(self.lines[-1],)))
            self._threads[-1].start()

    def _serve(self, line: Line) -> None:
        try:
            while True:
                self.questions.append(line.receive(Symbols()))
                line.send(Packer(self._answer(self.questions[-1])))
        except LineLost:
            line.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for line in self.lines:
            line.cut()
        for thread in self._threads:
            thread.join()


@contextmanager
def other(meeting: Meeting, answer: Callable[[Any], Any]) -> Iterator[Other]:
    made = Other(meeting, answer)
    try:
        yield made
    finally:
        made.close()


def test_an_answer_comes_by_a_line_that_is_used_again(meeting: Meeting, asking: Asking) -> None:
    with other(meeting, lambda question: ("answer", [question[0], 7])) as process:
        for _ in range(3):
            assert asking.ask(1, QUESTION, Symbols()) == ["facts", 7]
        assert len(process.lines) == 1
    with other(meeting, lambda question: ("answer", "again")):
        assert asking.ask(1, QUESTION, Symbols()) == "again"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (("error", "LimitExceeded", "too much (some.setting)"), LimitExceeded),
        (("error", "NoSuchError", "what"), StorageError),
        (("error", "OwnerGone", "what"), OwnerGone),
        ("nonsense", OwnerGone),
    ],
)
def test_an_error_comes_as_it_is(
    meeting: Meeting, asking: Asking, answer: Any, error: type[Exception]
) -> None:
    with other(meeting, lambda _: answer), pytest.raises(StorageError) as raised:
        asking.ask(1, QUESTION, Symbols())
    assert type(raised.value) is error


def test_who_is_not_there_is_said_and_counted(meeting: Meeting) -> None:
    metrics = AskingMetrics(CollectorRegistry())
    asking = Asking(meeting, 2, metrics, timeout_s=PATIENCE_S)
    with pytest.raises(OwnerGone, match="process 1 of this server"):
        asking.ask(1, QUESTION, Symbols())
    refusing = other(meeting, lambda _: ("error", "LimitExceeded", "too much"))
    with refusing, pytest.raises(LimitExceeded):
        asking.ask(1, QUESTION, Symbols())
    assert (metrics.asked._value.get(), metrics.failed._value.get()) == (2, 1)
    asking.close()


def test_what_is_read_no_more_goes_with_the_next_question(meeting: Meeting, asking: Asking) -> None:
    with other(meeting, lambda _: ("answer", None)) as process:
        asking.release(1, 5)
        asking.release(1, 6)
        asking.ask(1, QUESTION, Symbols())
        asking.release(1, 7)
        asking.flush()
        asking.flush()
        assert [(each[0], each[-1]) for each in process.questions] == [
            ("facts", (5, 6)), ("release", (7,))]  # fmt: skip
    asking.release(1, 8)
    asking.flush()  # of a process that is gone: nothing is left to say


def test_a_thread_that_must_not_wait_does_not(asking: Asking) -> None:
    with without_fetching(), pytest.raises(MustFetch):
        asking.ask(1, QUESTION, Symbols())


class Stop(Exception):
    """What ends a query."""


def test_a_query_that_ends_cuts_its_line(meeting: Meeting, asking: Asking) -> None:
    is_asked, is_left, may_end = threading.Event(), threading.Event(), threading.Event()

    def answer(_: Any) -> Any:
        is_asked.set()
        while not process.lines[0].is_left:
            time.sleep(0.005)
        is_left.set()
        return "answer", None

    def stopped() -> None:
        if is_asked.is_set():
            raise Stop

    with other(meeting, answer) as process:
        with pytest.raises(Stop), stoppable(stopped):
            asking.ask(1, QUESTION, Symbols())
        assert is_left.wait(PATIENCE_S)
        may_end.set()


def test_who_finds_no_line_waits_for_one(
    meeting: Meeting, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer, looks = threading.Event(), threading.Event()
    monkeypatch.setattr(module, "LINES_MAX", 1)
    own = asking_of(meeting)

    def answer(_: Any) -> Any:
        may_answer.wait(PATIENCE_S)
        return "answer", 1

    with other(meeting, answer) as process:
        first = threading.Thread(target=own.ask, args=(1, QUESTION, Symbols()))
        first.start()
        while not process.questions:
            time.sleep(0.005)
        found: list[Any] = []
        second = threading.Thread(
            target=lambda: found.append(own.ask(1, QUESTION, Symbols(), looks.set))
        )
        second.start()
        assert looks.wait(PATIENCE_S)
        assert len(process.lines) == 1
        may_answer.set()
        first.join()
        second.join()
        assert found == [1]
        own.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_is_killed_or_stopped_holds_no_one_up(
    meeting: Meeting, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "processes" / "1.reads"
    stuck = subprocess.Popen([sys.executable, "-c", STUCK, path], stdout=subprocess.PIPE)
    assert stuck.stdout is not None
    own = asking_of(meeting)
    try:
        assert stuck.stdout.readline() == b"listening\n"
        found: list[BaseException] = []
        is_over = threading.Event()

        def stopped() -> None:
            if is_over.is_set():
                raise Stop

        def ask() -> None:
            try:
                own.ask(1, QUESTION, Symbols(), stopped)
            except (OwnerGone, Stop) as error:
                found.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert stuck.stdout.readline() == b"asked\n"
        os.kill(stuck.pid, number)
        if number == signal.SIGSTOP:
            is_over.set()
        thread.join(PATIENCE_S)
        (error,) = found
        assert isinstance(error, OwnerGone if number == signal.SIGKILL else Stop)
    finally:
        stuck.kill()
        stuck.wait()
        stuck.stdout.close()
        own.close()


def test_one_that_never_answers_is_not_waited_for(meeting: Meeting) -> None:
    may_answer = threading.Event()

    def answer(_: Any) -> Any:
        may_answer.wait(PATIENCE_S)
        return "answer", None

    own = asking_of(meeting)
    with other(meeting, answer):
        with pytest.raises(OwnerGone, match="not answered in time"):
            own.ask(1, QUESTION, Symbols(), patience_s=0.05)
        may_answer.set()
        own.close()
        with pytest.raises(OwnerGone, match="this process ends"):
            own.ask(1, QUESTION, Symbols())
