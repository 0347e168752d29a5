"""Starting, waiting for, stopping and killing a server process."""

import sys
from pathlib import Path

import pytest

from compose.processes import Server, ServerError, free_ports

PROGRAM = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(sys.argv[2])))
http.server.HTTPServer(
    ("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""


def server(directory: Path, program: str = PROGRAM, *, exit_code: int = 0) -> Server:
    (port,) = free_ports(0)
    return Server(
        "tested",
        [sys.executable, "-c", program, str(port), str(exit_code)],
        url=f"http://127.0.0.1:{port}",
        ready="/",
        log=directory / "tested.log",
    )


@pytest.mark.parametrize("exit_code", [0, 3])
def test_stop_gives_the_exit_code(tmp_path: Path, exit_code: int) -> None:
    with server(tmp_path, exit_code=exit_code).start() as running:
        running.wait_ready()
        assert running.stop() == exit_code
        assert not running.running


def test_start_again_after_kill(tmp_path: Path) -> None:
    with server(tmp_path).start() as running:
        running.wait_ready()
        first = running.pid
        running.kill()
        assert not running.running
        running.start().wait_ready()
        assert running.pid != first
    assert not running.running


def test_wait_ready_shows_the_log_when_it_ends(tmp_path: Path) -> None:
    failing = server(tmp_path, "raise SystemExit('no such luck')")
    with failing.start(), pytest.raises(ServerError, match="(?s)ended by itself.*no such luck"):
        failing.wait_ready()


def test_wait_ready_gives_up_in_time(tmp_path: Path) -> None:
    silent = server(tmp_path, "import time; time.sleep(60)")
    with silent.start(), pytest.raises(ServerError, match="was not ready after 0.2 s"):
        silent.wait_ready(timeout_s=0.2)


def test_free_ports_keeps_a_free_preference_and_avoids_a_taken_one() -> None:
    (free,) = free_ports(0)
    assert free_ports(free) == [free]
    ports = free_ports(free, free, 0)
    assert ports[0] == free
    assert len(set(ports)) == 3
