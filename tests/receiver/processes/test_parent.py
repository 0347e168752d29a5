"""The parent and its children, which do little here: processes of their own, with notes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from receiver.processes.parent import shards_of
from storage.files import catalog_file
from tests.makers.databases import opened

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120.0
# What children do: `ways` has for each the letters of what it does in its first, second ... life.
#   w works until it is stopped   c ends at once with 1   k is killed once it works   h heard of HUP
SCRIPT = """
import os, select, signal, sys, time
from pathlib import Path
from receiver.logs import set_up_logging
from receiver.processes.parent import Parent
from receiver.processes.place import Place

directory, *ways = sys.argv[1:]
set_up_logging("info", "logfmt")

def note(text):
    with open(f"{directory}/notes", "a") as file:
        file.write(f"{text}\\n")

def work(place):
    number = place.share.number
    lives = ways[number]
    way = lives[min(place.restarts, len(lives) - 1)]
    if way == "c":
        return 1
    signal.signal(signal.SIGHUP, lambda *_: note(f"{number} hup"))
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    place.report("listening")
    place.report("open")
    note(f"{number} works {os.getpid()}")
    if way == "k":
        os.kill(os.getpid(), signal.SIGKILL)
    while not asked and not select.select([place.leash], [], [], 0.01)[0]:
        pass
    note(f"{number} asked")
    if not asked:
        return 0
    if number == 0:  # the slow one: another may still need it
        time.sleep(0.3)
    note(f"{number} drained")
    place.report("drained")
    select.select([place.leash], [], [])
    note(f"{number} ends")
    return 0

sys.exit(Parent(len(ways), Place(shards=4, port=1), work, drain_s=60).run())
"""


class Running:
    """A parent in a process of its own."""

    def __init__(self, directory: Path, ways: tuple[str, ...]) -> None:
        self._notes = directory / "notes"
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(directory), *ways],
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip

    def notes(self) -> list[str]:
        return self._notes.read_text().splitlines() if self._notes.exists() else []

    def log(self) -> str:
        return self._log.read_text()

    def working(self, number: int) -> list[int]:
        """The pids of a child, in the order of its lives."""
        found = (line.split() for line in self.notes())
        return [int(words[2]) for words in found if words[:2] == [str(number), "works"]]

    def end(self) -> int:
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(directory: Path, *ways: str) -> Iterator[Running]:
    made = Running(directory, ways)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_are_stopped_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "w", "w", "w") as parent:
        until(lambda: all(parent.working(n) for n in range(3)))
        parent.process.send_signal(number)
        assert parent.end() == 0, parent.log()
        notes = [line for line in parent.notes() if "works" not in line]
        # No one ends before all have drained.
        order = [line.split()[1] for line in notes]
        assert sorted(order[:6]) == ["asked"] * 3 + ["drained"] * 3
        assert order[6:] == ["ends"] * 3


def test_who_dies_is_started_again_and_no_one_else(tmp_path: Path) -> None:
    with running(tmp_path, "w", "kkw", "w") as parent:
        until(lambda: len(parent.working(1)) == 3)
        assert [len(parent.working(n)) for n in (0, 2)] == [1, 1]
        os.kill(parent.working(2)[0], signal.SIGKILL)
        until(lambda: len(parent.working(2)) == 2)
        parent.process.terminate()
        assert parent.end() == 0, parent.log()
        assert "rest_seconds=0.1" in parent.log()
        assert "rest_seconds=0.2" in parent.log()


def test_who_cannot_begin_ends_all(tmp_path: Path) -> None:
    with running(tmp_path, "w", "c", "w") as parent:
        assert parent.end() == 1
        assert not any(is_there(pid) for n in (0, 2) for pid in parent.working(n))


def test_the_others_wait_for_the_first(tmp_path: Path) -> None:
    with running(tmp_path, "c", "w") as parent:
        assert parent.end() == 1
        assert parent.working(1) == []


def test_who_worked_and_cannot_begin_again_is_tried_again(tmp_path: Path) -> None:
    with running(tmp_path, "w", "kcw") as parent:
        until(lambda: len(parent.working(1)) == 2)
        parent.process.terminate()
        assert parent.end() == 0, parent.log()


def test_a_reload_is_handed_on(tmp_path: Path) -> None:
    with running(tmp_path, "w", "w") as parent:
        until(lambda: all(parent.working(n) for n in range(2)))
        parent.process.send_signal(signal.SIGHUP)
        until(lambda: {"0 hup", "1 hup"} <= set(parent.notes()))
        parent.process.terminate()
        assert parent.end() == 0


def test_no_child_outlives_its_parent(tmp_path: Path) -> None:
    with running(tmp_path, "w", "w") as parent:
        until(lambda: all(parent.working(n) for n in range(2)))
        pids = [pid for n in range(2) for pid in parent.working(n)]
        parent.process.kill()
        until(lambda: not any(map(is_there, pids)))


def test_shards_are_those_of_the_directory(tmp_path: Path) -> None:
    assert shards_of(tmp_path / "new", 7) == 7
    with opened(tmp_path, shards=3):
        pass
    assert shards_of(tmp_path, 7) == 3
    catalog_file(tmp_path).unlink()
    catalog_file(tmp_path).touch()
    assert shards_of(tmp_path, 7) == 7
