"""What the machine gives the program, judged: everything that can be wrong has its finding."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from receiver.doctor import machine
from receiver.doctor.findings import Level
from receiver.settings.config import build

NOW_S = machine.EARLIEST_S + 86_400.0


@pytest.mark.parametrize(
    ("now_s", "state", "level"),
    [
        (NOW_S, 0, Level.OK),
        (NOW_S, machine.TIME_ERROR, Level.WARNING),
        (0.0, 0, Level.FAILURE),
    ],
)
def test_clock(now_s: float, state: int, level: Level) -> None:
    assert machine.clock(now_s, state).level is level


def test_the_clock_of_this_machine_can_be_asked() -> None:
    assert machine.clock_state() in range(6)


@pytest.mark.parametrize(
    ("limit", "overcommit", "levels"),
    [
        (4 << 30, "0", [Level.OK]),
        (512 << 20, "1", [Level.WARNING]),
        (4 << 30, "2", [Level.OK, Level.FAILURE]),
    ],
)
def test_memory(limit: int, overcommit: str, levels: list[Level]) -> None:
    assert [found.level for found in machine.memory(limit, overcommit)] == levels


def test_memory_is_what_the_group_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.setattr(machine, "control_groups", lambda: [inner, tmp_path])
    machine_bytes = machine.memory_limit()
    (inner / "memory.max").write_text("max\n")
    assert machine.memory_limit() == machine_bytes
    (tmp_path / "memory.max").write_text("1000000\n")
    assert machine.memory_limit() == 1_000_000


@pytest.mark.parametrize(
    ("quota", "level"),
    [("max 100000", Level.OK), ("200000 100000", Level.OK), ("50000 100000", Level.WARNING)],
)
def test_processors(
    quota: str, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "control_groups", lambda: [tmp_path])
    assert machine.processors().level is level


def test_control_groups_are_below_their_root() -> None:
    assert all(str(folder).startswith("/sys/fs/cgroup") for folder in machine.control_groups())


@pytest.mark.parametrize(
    ("hard", "level"), [(1_024, Level.WARNING), (65_536, Level.OK), (-1, Level.OK)]
)
def test_open_files(hard: int, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.resource, "getrlimit", lambda kind: (1_024, hard))
    assert machine.open_files().level is level


def test_an_address_that_is_free() -> None:
    assert machine.address(build({"web.listen-address": "127.0.0.1:0"})).level is Level.OK


def test_an_address_that_another_program_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.close()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            found = machine.address(build({"web.listen-address": f"127.0.0.1:{port}"}))
    assert found.level is Level.FAILURE and f":{port}" in found.advice


@pytest.mark.parametrize("address", ["203.0.113.7:9009", "no.such.host.invalid:9009"])
def test_an_address_of_another_machine(address: str) -> None:
    assert machine.address(build({"web.listen-address": address})).level is Level.FAILURE


def test_an_address_that_a_server_of_ours_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_ours", lambda host, port: True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = machine.address(build({"web.listen-address": f"127.0.0.1:{port}"}))
    assert found.level is Level.OK


def test_who_does_not_answer_is_not_ours() -> None:
    assert not machine.is_ours("127.0.0.1", 1)
