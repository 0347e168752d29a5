"""The sockets of processes that are one server."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from receiver.processes.sockets import Meeting, join, reserve


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_all_listen_to_the_port_that_was_reserved(host: str) -> None:
    with reserve(host, 0) as taken:
        port = taken.getsockname()[1]
        # As long as no one listens, no one is there.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=30)
        with join(host, port) as one, join(host, port) as other:
            heard = {}
            for listener in (one, other):
                listener.settimeout(30)
            # The kernel deals connections out, so that each gets some of many.
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(64)]
            for listener in (one, other):
                listener.setblocking(False)
                heard[listener] = 0
                while True:
                    try:
                        listener.accept()[0].close()
                    except BlockingIOError:
                        break
                    heard[listener] += 1
            for client in clients:
                client.close()
            assert sum(heard.values()) == 64
            assert all(heard.values())


def test_a_port_that_another_server_has_is_not_shared_with_it() -> None:
    with reserve("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with join("127.0.0.1", port), pytest.raises(OSError, match="in use"):
            reserve("127.0.0.1", port)


def test_no_other_user_gets_in(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "data")
    with meeting.listen(3):
        path = tmp_path / "data" / "processes"
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert stat.S_IMODE((path / "3.requests").stat().st_mode) == 0o600
    meeting.close()


def test_paths_may_be_long_and_sockets_outlive_their_processes(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / ("x" * 120) / "data")
    meeting.listen(0).close()
    with meeting.listen(0) as listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(meeting.address(0))
        listener.accept()[0].close()
    assert [path.name for path in meeting.path.iterdir()] == ["0.requests"]
    meeting.clear()
    assert os.listdir(meeting.path) == []
    meeting.close()
