"""Every command in a shell block of docs/ is run as a reader would run it, or is listed here with
the reason why it cannot be.

The commands run in order, page by page, in one working directory with what the pages assume: a
server at port 9009 (here another one), its data directory of yesterday, and files by their names.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from compose.processes import free_ports
from compose.scene import cupola_server
from receiver.cli import load, make_parser
from receiver.server import check
from receiver.settings.config import settings
from tests.makers.bodies.v1 import HEADERS, encode

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LANGUAGES = ("", "sh", "bash", "console")
PROGRAMS = (
    "cupola", "curl", "cp", "helm", "install", "kubectl", "mimirtool", "pipx", "python3",
    "systemctl", "thanos",
)  # fmt: skip
COMMAND = re.compile(rf"(?:\$ )?(?:{'|'.join(PROGRAMS)}) ")
PATIENCE_S = 300

# What a command begins with that cannot be run, and why.
NOT_RUN = {
    "pipx install": "tests/deploy installs the wheel that it builds",
    "python3 -m venv /opt": "writes to /opt",
    "install ": "writes to /etc",
    "systemctl ": "needs systemd as the first process",
    "helm ": "needs a cluster; tests/deploy renders the chart",
    "kubectl ": "needs a cluster; tests/deploy builds the kustomizations",
    "mimirtool ": "is not in Debian; tests/agents sends its requests",
    "cupola thanos-bucket serve": "runs until it is ended; tests/receiver/gateway",
    "cupola sidecar": "needs a Prometheus; tests/receiver/gateway",
    "thanos ": "needs a Thanos; tests/agents/thanos runs one",
    "curl -XPOST http://prometheus": "asks a Prometheus, not Cupola",
    "curl 'http://victoria": "asks a VictoriaMetrics, not Cupola",
    "cupola import /backup/prometheus": "needs a snapshot of Prometheus; tests/receiver/importing",
    "cupola import --bucket": "needs a bucket of Thanos; tests/receiver/importing",
    "cupola import --url": "needs a Prometheus; tests/agents",
    "cupola restore --objstore": "needs a bucket with data; tests/storage/bucket",
    "cupola rules history": "needs changes of groups; tests/receiver/ruling",
    "cupola rules undo": "needs changes of groups; tests/receiver/ruling",
    "cupola sql --storage.path=/var/lib/cupola --objstore": "needs a bucket; tests/receiver/sql",
}
RULES = """groups:
- name: requests
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
"""
UNIT_TESTS = """rule_files: [../rules.yml]
tests:
- input_series: [{series: 'up{job="node"}', values: 1 1}]
  promql_expr_test:
  - expr: job:up:sum
    eval_time: 1m
    exp_samples: [{labels: 'job:up:sum{job="node"}', value: 1}]
"""
GROUP = "name: g\nrules: [{record: 'job:up:sum', expr: sum by (job) (up)}]\n"
BUCKET = "type: FILESYSTEM\nconfig: {directory: bucket}\n"


class Command(NamedTuple):
    """One command, without its prompt and with its further lines joined."""

    page: str
    line: int
    text: str

    @property
    def reason(self) -> str | None:
        """Why it is not run; None where it is."""
        return next((why for start, why in NOT_RUN.items() if self.text.startswith(start)), None)


def commands() -> Iterator[Command]:
    for page in PAGES:
        text = page.read_text()
        for block in BLOCK.finditer(text):
            first = text[: block.start()].count("\n") + 2
            if block[1] in LANGUAGES:
                yield from commands_of(page.name, first, block[2])


def commands_of(page: str, first: int, block: str) -> Iterator[Command]:
    for match in re.finditer(r"^(?:[^\n]*\\\n)*[^\n]*$", block, re.MULTILINE):
        joined = re.sub(r"\\\n\s*", "", match[0])
        if COMMAND.match(joined):
            number = first + block[: match.start()].count("\n")
            yield Command(page, number, joined.removeprefix("$ "))


COMMANDS = list(commands())
RUN = [each for each in COMMANDS if each.reason is None]
SERVED = [each for each in RUN if each.text.startswith("cupola serve ")]


def name_of(command: Command) -> str:
    return f"{command.page}:{command.line}"


class Scene(NamedTuple):
    """The machine that the pages are about. home: the working directory, with its root beside."""

    home: Path
    url: str

    def placed(self, text: str) -> str:
        """A command with the addresses and the paths of this machine, and with today in the place
        of the day on which the pages were written: a range until now has a limit of steps."""
        today = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime())
        text = text.replace("2026-11-30T00:00:00Z", today)
        text = re.sub(r"http://(localhost|127\.0\.0\.1|cupola):9009", self.url, text)
        return re.sub(r"(?<=[=\s])/(var|backup)(?=[/\s]|$)", f"{self.home.parent}/\\1", text)

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.home.parent / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.placed(text)],
            cwd=self.home, env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root = tmp_path_factory.mktemp("machine")
    for folder in ("home/tests", "home/rules", "home/bucket", "bin", "var/lib", "backup"):
        (root / folder).mkdir(parents=True)
    home = root / "home"
    files = {
        "rules.yml": RULES, "rules/rules.yml": RULES, "tests/up.yml": UNIT_TESTS,
        "group.yml": GROUP, "objstore.yml": BUCKET,
    }  # fmt: skip
    for name, text in files.items():
        (home / name).write_text(text)
    exported = {
        "metric": {"__name__": "up"},
        "values": [1],
        "timestamps": [int(time.time()) * 1000],
    }
    (home / "export.jsonl.gz").write_bytes(gzip.compress(json.dumps(exported).encode()))
    program = root / "bin" / "cupola"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m receiver "$@"\n')
    program.chmod(0o755)
    (port,) = free_ports(0)
    server = cupola_server(root, "--rules.api.enabled=true", port=port).start()
    try:
        server.wait_ready(PATIENCE_S)
        fill(server.url)
        server.stop()
        shutil.copytree(root / "data", root / "var/lib/cupola")
        yield Scene(home, server.start().wait_ready(PATIENCE_S).url)
    finally:
        server.kill()


def fill(url: str) -> None:
    """An hour of a scrape that was 30 seconds ago, written as a sender would."""
    now_ms = int(time.time()) * 1000
    times = range(now_ms - 3_600_000, now_ms - 30_000, 30_000)
    labels = {"__name__": "up", "job": "node", "instance": "a"}
    body = encode([(labels, [(at, 1.0) for at in times])])
    for tenant in ("default", "edge"):
        headers = {**HEADERS, "X-Scope-OrgID": tenant}
        request = urllib.request.Request(f"{url}/api/v1/write", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            assert response.status == 204


@pytest.mark.parametrize("command", [c for c in RUN if c not in SERVED], ids=name_of)
def test_command_runs(command: Command, scene: Scene) -> None:
    if command.text.startswith("curl ") and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    text = re.sub(r"^curl ", "curl -sSf -m 60 ", command.text)
    done = scene.run(text)
    assert done.returncode == 0, f"{scene.placed(text)}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("command", SERVED, ids=name_of)
def test_server_would_start_so(
    command: Command, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings are taken and checked; one server has been started before."""
    monkeypatch.chdir(scene.home)
    words = shlex.split(scene.placed(command.text), comments=True)[1:]
    options: argparse.Namespace = make_parser().parse_args([w for w in words if w != "..."])
    check(load(None, {name: at for name, at in vars(options).items() if name in settings()}))


def test_every_block_with_a_command_is_seen() -> None:
    """No page has a program at the start of a line of a block that is not known here."""
    for page in PAGES:
        for language, block in BLOCK.findall(page.read_text()):
            for line in block.splitlines() if language in LANGUAGES else ():
                word = line.removeprefix("$ ").split(" ")[0]
                is_program = word.islower() and shutil.which(word)
                assert word in PROGRAMS or not is_program, f"{page.name}: {line}"


def test_reasons_are_of_commands_that_are_there() -> None:
    for start in NOT_RUN:
        assert any(each.text.startswith(start) for each in COMMANDS), start
    assert len(RUN) > len(COMMANDS) / 2
