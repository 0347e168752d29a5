"""Servers as child processes: started with a log file, waited for over HTTP, stopped by their id.

The demo and the tests with real processes share it.

Invariants:
* A server that was started is stopped: at the end of its `with`, at the latest when Python ends.
* Only processes that were started here are ever signalled.
"""

from __future__ import annotations

import atexit
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
# The first start on a machine compiles kernels, which other work may slow down.
START_TIMEOUT_S = 180.0
LOG_TAIL_BYTES = 4_000


class ServerError(Exception):
    """A server did not do what was asked in time; the text ends with the tail of its log."""


class Server:
    """One program that listens on HTTP. It can be started again after it was stopped or killed.

    url: where it listens; ready: the path that answers 200 once it is ready for work.
    log: the file that gets its output, appended to at every start.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, url: str, ready: str, log: Path
    ) -> None:
        self.name = name
        self.command = list(command)
        self.url = url
        self.ready = ready
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        assert not self.running, f"BUG: {self.name} runs already"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C in a terminal reaches us, and we stop the server in order.
            self._process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )
        atexit.register(self.kill)
        return self

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"BUG: {self.name} was never started"
        return self._process.pid

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> Server:
        """Wait for 200 from the ready path. Raises ServerError if it ends or time runs out."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.running:
                raise ServerError(f"{self.name} ended by itself\n{self._described()}")
            if answers(self.url + self.ready):
                return self
            time.sleep(0.05)
        raise ServerError(f"{self.name} was not ready after {timeout_s:g} s\n{self._described()}")

    def stop(self, timeout_s: float = 30.0) -> int:
        """Ask it to end (SIGTERM) and return its exit code; kill it if it does not end in time."""
        assert self._process is not None, f"BUG: {self.name} was never started"
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(
                f"{self.name} did not stop within {timeout_s:g} s\n{self._described()}"
            ) from None
        atexit.unregister(self.kill)
        return code

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        atexit.unregister(self.kill)

    def log_tail(self) -> str:
        text = self.log.read_bytes() if self.log.exists() else b""
        return text[-LOG_TAIL_BYTES:].decode("utf-8", "replace")

    def _described(self) -> str:
        return f"command: {shlex.join(self.command)}\nlog: {self.log}\n{self.log_tail()}"

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.running:
            self.stop()


def answers(url: str) -> bool:
    """Whether a GET of url is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def free_ports(*preferred: int) -> list[int]:
    """One port of 127.0.0.1 for each argument that no one listens on: that one if it is free.

    0 stands for any. All differ, because each is held until the last one is found.
    """
    with ExitStack() as held:
        return [_bound_port(held.enter_context(socket.socket()), port) for port in preferred]


def _bound_port(probe: socket.socket, preferred: int) -> int:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", preferred))
    except OSError:
        probe.bind(("127.0.0.1", 0))
    probe.listen()  # or the same port could be bound again
    return int(probe.getsockname()[1])
