"""Workers run every step once, stop when they are asked to, and end with whoever started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from receiver.compiling import workers
from receiver.compiling.workers import Terms, run_steps

ROOT = Path(__file__).parents[3]
# Steps are functions of modules, which a new process can import; their place says what they do.
STEPS = """
import os, sys, time
from pathlib import Path
FOLDER = Path({folder!r})

def note(place):
    (FOLDER / str(place)).write_text(f"{{os.getpid()}} {{os.nice(0)}}")
    return place != 3

def die(place):
    os._exit(9)

def wait(place):
    note(place)
    time.sleep(600)
"""


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that steps write to; the module of these steps can be imported."""
    (tmp_path / "steps_of_this_test.py").write_text(STEPS.format(folder=str(tmp_path)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "steps_of_this_test", raising=False)
    return tmp_path


def step(name: str) -> workers.RunStep:
    module = __import__("steps_of_this_test")
    return getattr(module, name)  # type: ignore[no-any-return]


def noted(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir() if path.name.isdigit()}


@pytest.mark.parametrize("processes", [1, 3])
def test_every_step_is_run_once(
    steps: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "processes_here", lambda: processes)
    reported: list[int] = []
    assert run_steps(Terms(step("note")), [0, 1, 2, 5], report=reported.append)
    assert noted(steps) == {0, 1, 2, 5}
    assert reported == [1, 2, 3, 4]


def test_what_could_not_be_kept_is_said(steps: Path) -> None:
    assert not run_steps(Terms(step("note")), [2, 3, 4])
    assert noted(steps) == {2, 3, 4}


def test_workers_give_way(steps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "processes_here", lambda: 1)
    assert run_steps(Terms(step("note"), niceness=3), [0])
    pid, niceness = (steps / "0").read_text().split()
    assert int(pid) != os.getpid()
    assert int(niceness) == min(os.nice(0) + 3, 19)


def test_workers_that_end_by_themselves_are_no_success(steps: Path) -> None:
    assert not run_steps(Terms(step("die")), [0, 1, 2, 3, 4, 5])


def test_whoever_stops_does_not_wait_for_a_step(steps: Path) -> None:
    assert not run_steps(Terms(step("wait")), [0, 1], stopped=lambda: bool(noted(steps)))


def test_workers_end_with_whoever_started_them(steps: Path) -> None:
    program = (
        "from receiver.compiling.workers import Terms, run_steps\n"
        "from steps_of_this_test import note\n"
        "if __name__ == '__main__':\n"
        "    import os\n"
        "    run_steps(Terms(note), [7], stopped=lambda: False, report=lambda done: os._exit(0))\n"
    )
    path = steps / "program.py"
    path.write_text(program)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{steps}"}
    subprocess.run([sys.executable, str(path)], env=environment, check=True, timeout=300)
    pid = int((steps / "7").read_text().split()[0])
    deadline = time.monotonic() + 60
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Whether it is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
