"""Processor time of a process and of the machine."""

import os
import subprocess
import sys
import time

import pytest
from processors import family_of, machine_busy_s, others_share, process_cpu_s


def test_own_work_is_counted() -> None:
    process_s, busy_s = process_cpu_s(os.getpid()), machine_busy_s()
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    assert process_cpu_s(os.getpid()) > process_s
    assert machine_busy_s() > busy_s


def test_a_family_is_a_process_and_those_it_started() -> None:
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as child:
        found = family_of(os.getpid())
        assert found[0] == os.getpid()
        assert child.pid in found
        child.communicate()
    assert family_of(child.pid) == [child.pid]


@pytest.mark.parametrize(
    ("busy_s", "ours_s", "wall_s", "share"),
    [(4.0, 4.0, 2.0, 0.0), (3.0, 1.0, 2.0, 0.5), (1.0, 1.1, 2.0, 0.0)],
)
def test_others_share(
    busy_s: float, ours_s: float, wall_s: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert others_share(busy_s, ours_s, wall_s) == share
