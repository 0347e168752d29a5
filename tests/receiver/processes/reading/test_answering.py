"""Answering other processes: what is asked for, what fails, and who leaves."""

from __future__ import annotations

import gc
import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from receiver.processes.reading.answering import Answering
from receiver.processes.reading.held import Held
from receiver.processes.reading.line import Line, LineLost
from receiver.processes.reading.packing import Packer, Wanted
from receiver.processes.sockets import READS, Meeting
from storage.dedup.algorithm import Algorithm
from storage.errors import LimitExceeded
from storage.kernels.stops import look
from storage.labels.frames import Symbols, empty_frame
from storage.samples.hint import NO_HINT
from storage.samples.samples import empty_samples

PATIENCE_S = 120.0
WANTED = Wanted("queries", "t", ("replica",), True, Algorithm.AUTO, is_whole=True)


class Selection:
    """One without rows."""

    def __init__(self) -> None:
        self.labels = empty_frame(Symbols())

    def read(self, first_row: int, end_row: int) -> Any:
        return empty_samples(end_row - first_row)


class Querier:
    """Does what its tenant's name says."""

    counters_differ, has_aggregates, aggregated_until_ms = True, False, 7
    losses = ("something is missing",)

    def __init__(self, own: Own, tenant: str) -> None:
        self._own, self._tenant = own, tenant

    def want_all_or_nothing(self) -> None:
        self._own.whole += 1

    def select(self, *_: Any) -> Selection:
        found = Selection()
        self._own.selections.append(weakref.ref(found))
        return found

    def series(self, *_: Any) -> Any:
        match self._tenant:
            case "limit":
                raise LimitExceeded("too many (some.setting)")
            case "bug":
                raise ZeroDivisionError("what")
            case "endless":
                self._own.is_asked.set()
                try:
                    while True:
                        look()
                except BaseException:
                    self._own.is_over.set()
                    raise
        return empty_frame(Symbols())


class Own:
    """What the process reads itself."""

    def __init__(self) -> None:
        self.is_asked, self.is_over, self.whole = threading.Event(), threading.Event(), 0
        self.made: list[Any] = []
        self.selections: list[weakref.ref[Selection]] = []

    def querier(self, tenant: str, **how: Any) -> Querier:
        self.made.append((tenant, how))
        return Querier(self, tenant)


@pytest.fixture
def own() -> Own:
    return Own()


@pytest.fixture
def answering(tmp_path: Path, own: Own) -> Iterator[Answering]:
    meeting = Meeting(tmp_path)
    made = Answering({"queries": own}, Held(PATIENCE_S), bytes_max=1 << 20)
    made.listen(meeting.listen(1, READS))
    yield made
    made.close()
    meeting.close()


@pytest.fixture
def line(answering: Answering, tmp_path: Path) -> Iterator[Line]:
    meeting = Meeting(tmp_path)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(meeting.address(1, READS))
    made = Line(connection)
    yield made
    made.close()
    meeting.close()


def asked(line: Line, *question: Any, released: tuple[int, ...] = ()) -> Any:
    line.send(Packer((*question, released)))
    return line.receive(Symbols())


def wanted(tenant: str) -> Wanted:
    return replace(WANTED, tenant=tenant)


def test_a_querier_is_made_as_it_is_wanted(line: Line, own: Own) -> None:
    assert asked(line, "facts", WANTED, ()) == ("answer", (True, False, 7, False))
    how = {"replica_labels": ("replica",), "dedup": True, "algorithm": Algorithm.AUTO}
    assert own.made == [("t", how)]
    assert own.whole == 1
    asked(line, "facts", replace(WANTED, is_whole=False), ())
    assert own.whole == 1


def test_a_selection_is_there_until_it_is_released(
    line: Line, own: Own, answering: Answering
) -> None:
    kind, (found, losses) = asked(line, "select", WANTED, ([], 0, 1, NO_HINT))
    number = found.number
    assert (kind, found.labels.rows, losses) == ("answer", 0, Querier.losses)
    assert found.samples.series_count == 0
    kind, (samples, losses) = asked(line, "read", number, (0, 0))
    assert (samples.series_count, losses) == (0, Querier.losses)
    assert asked(line, "release", None, (), released=(number,)) == ("answer", None)
    kind, name, text = asked(line, "read", number, (0, 0))
    assert (kind, name) == ("error", "Overloaded")
    assert "not held any more" in text
    gc.collect()
    assert own.selections[0]() is None
    assert len(answering.held) == 0


@pytest.mark.parametrize(
    ("tenant", "operation", "error"),
    [
        ("limit", "series", ("LimitExceeded", "too many (some.setting)")),
        ("bug", "series", ("StorageError", "not read: ZeroDivisionError('what')")),
        ("t", "nonsense", ("StorageError", "there is no operation 'nonsense'")),
        ("t", "__init__", ("StorageError", "there is no operation '__init__'")),
    ],
)
def test_what_fails_is_said_and_the_line_goes_on(
    line: Line, tenant: str, operation: str, error: tuple[str, str]
) -> None:
    assert asked(line, operation, wanted(tenant), ([], 0, 1)) == ("error", *error)
    kind, (labels, _) = asked(line, "series", WANTED, ([], 0, 1))
    assert (kind, labels.rows) == ("answer", 0)


def test_who_leaves_ends_what_is_computed(line: Line, own: Own) -> None:
    line.send(Packer(("series", wanted("endless"), ([], 0, 1), ())))
    assert own.is_asked.wait(PATIENCE_S)
    line.close()
    assert own.is_over.wait(PATIENCE_S)


def test_the_end_ends_what_is_computed(line: Line, own: Own, answering: Answering) -> None:
    line.send(Packer(("series", wanted("endless"), ([], 0, 1), ())))
    assert own.is_asked.wait(PATIENCE_S)
    answering.close()
    assert own.is_over.is_set()
    with pytest.raises(LineLost):
        line.receive(Symbols())


def test_what_is_no_message_ends_its_line_only(line: Line, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(meeting.address(1, READS))
        connection.sendall(b"\xff" * 64)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    meeting.close()
    assert asked(line, "release", None, ())[0] == "answer"


def test_nothing_stays_open(tmp_path: Path, own: Own) -> None:
    before = set(os.listdir("/proc/self/fd"))
    meeting = Meeting(tmp_path)
    for _ in range(3):
        made = Answering({"queries": own}, Held(PATIENCE_S), bytes_max=1 << 20)
        made.listen(meeting.listen(1, READS))
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(meeting.address(1, READS))
            line = Line(connection)
            asked(line, "select", WANTED, ([], 0, 1, NO_HINT))
            made.close()
    meeting.close()
    assert set(os.listdir("/proc/self/fd")) <= before
