"""A PostgreSQL server of the tests' own: an unprivileged user's, in a temporary directory, on
loopback. It can be killed, stopped and begun again."""

from __future__ import annotations

import glob
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

WAIT_SECONDS = 60.0
# A test may kill it, but the machine's power stays on.
SETTINGS = {
    "fsync": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",
    "listen_addresses": "127.0.0.1",
}
_numbers = itertools.count()


def programs() -> Path | None:
    """The directory of PostgreSQL's programs, of which Debian puts few on the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next(
        (Path(p).parent for p in sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))), None
    )


def why_not() -> str:
    """Why there can be no server here; "" if there can."""
    if programs() is None:
        return "PostgreSQL is not installed: no initdb on the PATH or in /usr/lib/postgresql"
    if os.geteuid() == 0 and unprivileged() is None:
        return "PostgreSQL does not run as root, and there is no user postgres or nobody"
    return ""


def unprivileged() -> str | None:
    """A user for a server that is started by root; None: there is none."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None


class Server:
    """A server with databases of their own for each test."""

    def __init__(self, **settings: str) -> None:
        reason = why_not()
        assert not reason, reason
        self._programs = programs() or Path()
        self._settings = SETTINGS | settings
        self._directory = Path(tempfile.mkdtemp(prefix="pg-"))
        self._as: Mapping[str, str] = {}
        if os.geteuid() == 0:
            user = unprivileged() or ""
            self._as = {"user": user}
            os.chown(self._directory, pwd.getpwnam(user).pw_uid, -1)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        how = ["-U", "cupola", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run([str(self._programs / "initdb"), "-D", str(self._data), *how])
        self.start()

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def url(self, database: str = "postgres", *, port: int = 0) -> str:
        return f"postgresql://cupola@127.0.0.1:{port or self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a database with nothing in it."""
        name = f"catalog_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def start(self) -> None:
        """Begin, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(self._data), f"-cport={self.port}",
                   f"-cunix_socket_directories={self._directory}", *options]  # fmt: skip
        log = (self._directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                command, cwd=self._directory, stdout=log, stderr=log, start_new_session=True,
                **self._as,
            )  # fmt: skip
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                text = (self._directory / "log").read_text()
                assert self._process.poll() is None, text
                assert time.monotonic() < deadline, text
                time.sleep(0.05)

    def kill(self) -> None:
        """As a crash: all of its processes at once."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.go_on()
            self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        """To the server and its children; each backend leads a group of its own."""
        assert self._process is not None
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True, text=True
        ).stdout.split()
        # The postmaster first: it would replace or end those that are gone.
        for pid in (self._process.pid, *map(int, children)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self._directory, capture_output=True, text=True, **self._as
        )
        assert done.returncode == 0, done.stderr


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
