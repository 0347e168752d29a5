"""Servers that hold the past: loaded once, then started as often as wanted on what they have.

Cupola is restarted after each day with heads that count as old at once, so that the day is sealed;
the day is over when the segments have not changed for a while, which compaction is part of.
VictoriaMetrics is asked to merge its parts in the end.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bodies import Corpus
from past import Past, build_day
from report import OURS, VICTORIA
from runs import say, send
from servers import (
    Program,
    Server,
    ServerError,
    fetch_text,
    free_port,
    start,
    stop,
    uninterrupted,
    wait_ready,
)

CONNECTIONS = 4
SETTLED_S = 15.0  # segments that have not changed for so long are what there will be
SETTLE_TIMEOUT_S = 900.0
FLAGS = {
    OURS: (
        "--storage.retention=0",
        "--storage.head.max-samples=64000000",
        "--storage.downsampling.enabled=false",
    ),
    VICTORIA: ("-retentionPeriod=100y",),
}
# Heads are sealed soon after the start.
SEAL_FLAG = "--storage.head.max-age=1ms"
# What a server does in the background does not begin while it is asked.
QUIET_FLAGS = {
    OURS: ("--storage.compaction.enabled=false", "--storage.scrub-interval=0"),
    VICTORIA: (),
}


@contextlib.contextmanager
def started(program: Program, directory: Path, *more: str) -> Iterator[Server]:
    """A server, ready, on the data of a directory; the data stay when it is stopped."""
    directory.mkdir(parents=True, exist_ok=True)
    processes = []
    try:
        port = free_port()
        with uninterrupted():
            processes.append(start(program, directory, port, (*FLAGS[program.name], *more)))
        server = Server(program, processes[0], port, directory)
        wait_ready(server)
        yield server
    finally:
        for process in processes:
            stop(process)


def load(program: Program, directory: Path, work: Path, past: Past) -> None:
    """Put the past into a server, unless an earlier run did. Raises ServerError."""
    done = directory / "loaded"
    if done.exists():
        say(f"{program.title}: {directory} is used again")
        return
    for day in range(past.days):
        corpus = build_day(work, past, day)
        with started(program, directory) as server:
            give(server, corpus)
        if program.name == OURS:
            with started(program, directory, SEAL_FLAG) as server:
                wait_settled(server, corpus.samples * (day + 1))
        say(f"{program.title}: day {day + 1} of {past.days}")
    if program.name == VICTORIA:
        with started(program, directory) as server:
            fetch_text(server, "/internal/force_flush")
            fetch_text(server, "/internal/force_merge")
            wait_unchanged(directory)
    done.touch()


def give(server: Server, corpus: Corpus) -> None:
    sent = send(server, corpus, CONNECTIONS)
    refused = sum(count for status, count in sent.statuses.items() if not status.startswith("2"))
    if refused:
        raise ServerError(f"{refused} requests refused, the first with {sent.first_error}")


def wait_settled(server: Server, samples: int) -> None:
    """Wait until all samples are in segments and none of these is going to be merged.

    What is counted are the segments that are asked; files of replaced ones stay for a while.
    """
    deadline, since = time.monotonic() + SETTLE_TIMEOUT_S, time.monotonic()
    while time.monotonic() < deadline:
        report = json.loads(fetch_text(server, "/api/v1/status/segments"))["data"]
        segments = [segment for shard in report["shards"] for segment in shard["segments"]]
        sealed = sum(segment["samples"] for segment in segments)
        if sealed != samples or is_merging(report["compacting"], segments):
            since = time.monotonic()
        if time.monotonic() - since > SETTLED_S:
            return
        time.sleep(0.5)
    raise ServerError(f"not all samples are sealed after {SETTLE_TIMEOUT_S:.0f} s: {sealed}")


def is_merging(compacting: object, segments: list[dict[str, Any]]) -> bool:
    """Whether compaction is at work, or has something to do already."""
    coming = [segment["next"] for segment in segments if segment["next"] is not None]
    due = [step["due"] for step in coming if step["action"] == "merge"]
    return compacting is not None or any(moment <= time.time() for moment in due)


def wait_unchanged(directory: Path) -> None:
    """Wait until a directory's size has been the same for a while."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < SETTLED_S:
        size = size_of(directory)
        if size != seen:
            seen, since = size, time.monotonic()
        time.sleep(0.5)


def data_files(directory: Path) -> Iterator[Path]:
    return (path for path in (directory / "data").rglob("*") if path.is_file())


def size_of(directory: Path) -> int:
    """Bytes of all files of a server's data, whatever they are for."""
    size = 0
    for path in data_files(directory):
        with contextlib.suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def forget_pages(directory: Path) -> None:
    """Drop a directory's files from the page cache, so that they are read from the disk."""
    os.sync()
    for path in data_files(directory):
        with contextlib.suppress(OSError), path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
