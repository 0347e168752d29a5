"""Bytes a sample of the same real scrapes in VictoriaMetrics and in a block of Prometheus.

VictoriaMetrics is asked to merge its parts, Prometheus for a snapshot, which makes a block of its
head. Everything is counted: data and index, but no log of writes and no cache for restarts.
"""

import json
import subprocess
import time
import urllib.request
from pathlib import Path

from bodies import Corpus
from report import PROMETHEUS, TITLES, VICTORIA
from runs import say, send
from servers import Program, Server, ServerError, fetch_text, running

TIMEOUT_S = 120.0
UNCHANGED_S = 3.0
FLAGS = {
    VICTORIA: ("-retentionPeriod=100y",),
    PROMETHEUS: ("--web.enable-admin-api",),
}
# What only speeds up the next start.
CACHES = "cache"


def measure_peers(programs: list[Program], work: Path, corpus: Corpus) -> dict[str, float]:
    """Bytes a sample by the title of what holds them; what could not be measured is left out."""
    found = {}
    for program in programs:
        if program.name not in FLAGS:
            continue
        try:
            with running(program, work / "disk-peer", flags=FLAGS[program.name]) as server:
                held = hold(server, corpus)
        except (ServerError, OSError, subprocess.TimeoutExpired) as error:
            say(f"bytes a sample of {program.title}: {type(error).__name__}: {error}")
            continue
        kind = "a block of " if program.name == PROMETHEUS else ""
        found[f"{kind}{TITLES[program.name]}"] = held / corpus.samples
    return found


def hold(server: Server, corpus: Corpus) -> int:
    """Give the server all samples; the bytes that hold them. Raises ServerError."""
    sent = send(server, corpus, 1)
    refused = {status: n for status, n in sent.statuses.items() if not status.startswith("2")}
    if refused:
        raise ServerError(f"requests refused: {refused}, the first with {sent.first_error}")
    if server.program.name == PROMETHEUS:
        return bytes_of(snapshot(server))
    data = server.directory / "data"
    for path in ("/internal/force_flush", "/internal/force_merge"):
        fetch_text(server, path)
    wait_unchanged(data)
    return bytes_of(data)


def snapshot(server: Server) -> Path:
    url = f"http://127.0.0.1:{server.port}/api/v1/admin/tsdb/snapshot"
    request = urllib.request.Request(url, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        name = json.loads(answer.read())["data"]["name"]
    return server.directory / "data" / "snapshots" / name


def wait_unchanged(directory: Path) -> None:
    """Return once the size has been the same for a while. Raises ServerError."""
    deadline = time.monotonic() + TIMEOUT_S
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < UNCHANGED_S:
        size = bytes_of(directory)
        if size != seen:
            seen, since = size, time.monotonic()
        if time.monotonic() > deadline:
            raise ServerError(f"{directory} still changes after {TIMEOUT_S:.0f} s")
        time.sleep(0.2)


def bytes_of(directory: Path) -> int:
    """Of all files but caches."""
    size = 0
    for path in directory.rglob("*"):
        try:
            if path.is_file() and CACHES not in path.relative_to(directory).parts:
                size += path.stat().st_size
        except FileNotFoundError:
            continue  # a part that was merged meanwhile
    return size
