"""The test scripts of Prometheus, asked of the running program from outside: samples go in through
remote write, answers come out of the HTTP API."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from compose.processes import START_TIMEOUT_S, Server, free_ports
from compose.scene import cupola_server
from tests.shared import SHARED

RUNNER = SHARED / "conformance" / "promqltest.py"
SCRIPTS = SHARED / "conformance" / "promql"


def test_every_case_of_the_scripts_of_prometheus_passes(tmp_path: Path) -> None:
    if not RUNNER.exists():
        pytest.skip(f"no scripts of Prometheus at {SCRIPTS}; set CUPOLA_SHARED")
    (port,) = free_ports(0)
    with cupola_server(
        tmp_path, "--storage.retention=0", "--enable-feature=all", port=port
    ).start() as server:
        server.wait_ready()
        wait_warm(server)
        command = [sys.executable, str(RUNNER), "--url", server.url, "--variants"]
        run = subprocess.run(
            [*command, *map(str, sorted(SCRIPTS.glob("*.test")))], capture_output=True, text=True
        )
        last = run.stdout.strip().splitlines()[-1]
        assert last.endswith(" passed, 0 failed, 0 unsupported"), run.stdout[-8_000:]
        assert int(last.split()[0]) > 2_000


def wait_warm(server: Server) -> None:
    """Wait until the kernels are compiled: the runner waits a minute for an answer, no longer."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as response:
            if b"\ncupola_kernels_warm 1.0" in response.read():
                return
        time.sleep(0.5)
    raise AssertionError(f"kernels were not warm after {START_TIMEOUT_S:g} s\n{server.log_tail()}")
