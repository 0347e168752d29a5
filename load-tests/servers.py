"""The servers under load: how each is started, watched and stopped.

One server runs at a time, in a directory of its own, on a free port of 127.0.0.1. Processor time
and peak memory are the kernel's figures for the process (/proc/PID), so the servers need not help.

Invariants:
* A process started here is stopped here, by its process id, whatever happens in between.
* Each gets its own session, so Ctrl-C reaches only the benchmark, which then stops it in order.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from processors import process_cpu_s

START_TIMEOUT_S = 300.0  # kernels are compiled at the very first start
STOP_TIMEOUT_S = 120.0
POLL_S = 0.05
LOG_TAIL_CHARS = 2_000
CHECKOUT = Path(__file__).resolve().parents[1]


class ServerError(Exception):
    """A server is missing, did not start, or died."""


@dataclass(frozen=True, slots=True)
class Program:
    """How one of the servers is run.

    arguments: its flags for a data directory and a port. warm: what /metrics must contain before
    the server counts as ready. query_parameters are added to every query.
    """

    name: str
    title: str
    command: tuple[str, ...]
    arguments: Callable[[Path, int], list[str]]
    ready_path: str
    warm: str = ""
    query_parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    program: Program
    process: subprocess.Popen[bytes]
    port: int
    directory: Path

    def cpu_s(self) -> float:
        """Processor seconds used so far, user and system, all threads."""
        return process_cpu_s(self.process.pid)

    def forget_rss_peak(self) -> None:
        """Start to look for a new peak from what is resident now, where the kernel allows that."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def rss_peak_bytes(self) -> int:
        """The most memory the process had resident, ever or since forget_rss_peak."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise ServerError(f"{self.program.title} is gone: no VmHWM")


def cupola_arguments(directory: Path, port: int) -> list[str]:
    return ["serve", f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={directory}/data"]


def victoria_metrics_arguments(directory: Path, port: int) -> list[str]:
    # Without the offset the newest 30 s would be left out of every answer.
    return [
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={directory}/data",
        "-retentionPeriod=1",
        "-search.latencyOffset=0s",
        "-loggerLevel=WARN",
    ]


def prometheus_arguments(directory: Path, port: int) -> list[str]:
    config = directory / "prometheus.yml"
    config.write_text("global: {}\n")
    return [
        f"--config.file={config}",
        f"--storage.tsdb.path={directory}/data",
        "--storage.tsdb.retention.time=15d",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--log.level=warn",
    ]


def installed(*names: str) -> tuple[str, ...]:
    """The command of a peer: the first of these names that the PATH has, by its path."""
    found = [path for path in map(shutil.which, names) if path is not None]
    return (found[0] if found else names[0],)


# The same query is asked several times, and its work is what is to be measured.
UNCACHED: Final = {"nocache": "1"}
PROGRAMS = (
    Program(
        "cupola",
        "Cupola",
        # Of the checkout that the benchmark is in, whatever else is installed; see `start`.
        (sys.executable, "-m", "receiver"),
        cupola_arguments,
        "/-/ready",
        warm="cupola_kernels_warm 1.0",
        query_parameters=UNCACHED,
    ),
    Program(
        "victoria-metrics",
        "VictoriaMetrics",
        installed("victoria-metrics", "victoria-metrics-prod"),
        victoria_metrics_arguments,
        "/health",
        query_parameters=UNCACHED,
    ),
    Program("prometheus", "Prometheus", installed("prometheus"), prometheus_arguments, "/-/ready"),
)


def is_installed(program: Program) -> bool:
    return shutil.which(program.command[0]) is not None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(program: Program, directory: Path, *, flags: tuple[str, ...] = ()) -> Iterator[Server]:
    """A server that is ready, with a fresh directory that is removed in the end."""
    if not is_installed(program):
        raise ServerError(f"{program.title} is not installed: no {program.command[0]}")
    started: list[subprocess.Popen[bytes]] = []
    shutil.rmtree(directory, ignore_errors=True)
    try:
        directory.mkdir(parents=True)
        # What the server before it left to write is not this one's business.
        os.sync()
        port = free_port()
        with uninterrupted():
            started.append(start(program, directory, port, flags))
        server = Server(program, started[0], port, directory)
        wait_ready(server)
        yield server
    finally:
        for process in started:
            stop(process)
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def restarted(server: Server, *, flags: tuple[str, ...] = ()) -> Iterator[Server]:
    """The same server once more on the data it has, with a log of its own, until the end."""
    stop(server.process)
    started: list[subprocess.Popen[bytes]] = []
    try:
        with uninterrupted():
            started.append(start(server.program, server.directory, server.port, flags))
        again = Server(server.program, started[0], server.port, server.directory)
        wait_ready(again)
        yield again
    finally:
        for process in started:
            stop(process)


def start(
    program: Program, directory: Path, port: int, flags: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    with (directory / "log").open("wb") as output:
        return subprocess.Popen(
            [*program.command, *program.arguments(directory, port), *flags],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=CHECKOUT,
        )


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back until the end, so that no started process is lost sight of."""
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _frame: held.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for arrived in held:
            signal.raise_signal(arrived)


def wait_ready(server: Server) -> None:
    """Wait for the ready path to answer 200 and, where asked for, for warmth."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready(server):
        if server.process.poll() is not None:
            raise ServerError(
                f"{server.program.title} ended with {server.process.returncode}: {log_tail(server)}"
            )
        if time.monotonic() > deadline:
            raise ServerError(
                f"{server.program.title} not ready after {START_TIMEOUT_S:.0f} s: "
                f"{log_tail(server)}"
            )
        time.sleep(POLL_S)


def is_ready(server: Server) -> bool:
    try:
        fetch_text(server, server.program.ready_path)
        return server.program.warm in fetch_text(server, "/metrics")
    except (urllib.error.URLError, OSError):
        return False


def fetch_text(server: Server, path: str) -> str:
    url = f"http://127.0.0.1:{server.port}{path}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read(), "utf-8")


def log_tail(server: Server) -> str:
    text = (server.directory / "log").read_text(errors="replace")
    return text[-LOG_TAIL_CHARS:].strip() or "it logged nothing"


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL if that is not heeded in time. Does nothing to a dead process."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except BaseException:
        # Also when interrupted while waiting: no server outlives the benchmark.
        process.kill()
        process.wait()
        raise
