"""Panels while samples pour in: one process, more of them, and VictoriaMetrics, in turns.

    python load-tests/processes/panels.py [--processes=1,2] [--rate=200000] [--rounds=2]

Half an hour of samples is there. Then half an hour more comes in at the rate, while eight clients
ask the panels of a dashboard without a pause. Prints a Markdown table: times of panels, how long
after it was due the latest write was answered, and the processors that the server took.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests
sys.path.append(str(Path(__file__).resolve().parents[1] / "answers"))

from bodies import Corpus, Shape, build_corpus
from dashboards import line_of, panels
from large_answers import ask
from processors import family_of, process_cpu_s
from report import table
from runs import say, send
from servers import PROGRAMS, Program, Server, ServerError, is_installed, running

SHAPE = Shape(series=32_000, scrapes=240)
CLIENTS, CONNECTIONS, SHARDS = 8, 8, 8
COLUMNS = ("server", "panels", "median ms", "p99 ms", "latest write, ms", "processors")


@dataclass(frozen=True, slots=True)
class Run:
    """What happened while samples came in. panels_s: the time of each panel."""

    server: str
    panels_s: tuple[float, ...]
    late_s: float
    processors: float

    @property
    def row(self) -> list[str]:
        ordered = sorted(self.panels_s)
        p99_s = ordered[int(0.99 * (len(ordered) - 1))]
        return [
            self.server,
            f"{len(ordered):,}",
            f"{1_000 * statistics.median(ordered):.0f}",
            f"{1_000 * p99_s:.0f}",
            f"{1_000 * self.late_s:.0f}",
            f"{self.processors:.2f}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", default="1,2")
    parser.add_argument("--rate", type=float, default=200_000, help="samples a second")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    counts = [int(text) for text in given.processes.split(",")]
    with tempfile.TemporaryDirectory(prefix="cupola-panels-") as name:
        corpus = build_corpus(Path(name), SHAPE)
        rows = [
            run.row
            for _ in range(given.rounds)
            for run in runs(Path(name), corpus, counts, given.rate)
        ]
    sys.stdout.write("\n".join(table(COLUMNS, rows)) + "\n")


def runs(work: Path, corpus: Corpus, counts: Sequence[int], rate: float) -> Iterator[Run]:
    """Each server once. One that fails is said and left out."""
    cupola, victoria = PROGRAMS[:2]
    programs: list[tuple[str, Program, tuple[str, ...]]] = [
        (f"processes={count}", cupola, (f"--processes={count}", f"--storage.shards={SHARDS}"))
        for count in counts
    ]
    programs += [(victoria.title, victoria, ())] if is_installed(victoria) else []
    for title, program, flags in programs:
        try:
            with running(program, work / "server", flags=flags) as server:
                run = measured(title, server, corpus, rate)
        except (ServerError, OSError) as error:
            say(f"{title}: {error}")
            continue
        say(" | ".join(run.row))
        yield run


def measured(title: str, server: Server, corpus: Corpus, rate: float) -> Run:
    """Raises ServerError, OSError."""
    cut = len(corpus.offsets) // corpus.slices // 2 * corpus.slices
    send(server, replace(corpus, offsets=corpus.offsets[: cut + 1]), CONNECTIONS)
    rest = replace(corpus, offsets=corpus.offsets[cut:])
    bodies_per_second = rate / (corpus.samples / (len(corpus.offsets) - 1))
    is_over = threading.Event()
    pids = family_of(server.process.pid)
    before_s, started = sum(map(process_cpu_s, pids)), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ask_on, server, corpus, first, is_over) for first in range(CLIENTS)]
        try:
            sent = send(server, rest, CONNECTIONS, bodies_per_second=bodies_per_second)
        finally:
            is_over.set()
        seconds = [each for client in clients for each in client.result()]
    cpu_s = sum(map(process_cpu_s, pids)) - before_s
    if any(not status.startswith("2") for status in sent.statuses):
        raise ServerError(f"refused: {sent.first_error}")
    return Run(title, tuple(seconds), sent.late_s, cpu_s / (time.perf_counter() - started))


def ask_on(server: Server, corpus: Corpus, first: int, is_over: threading.Event) -> list[float]:
    """Ask panel after panel, beginning with this one; the seconds of each. Raises OSError."""
    lines = [
        line_of(corpus, each, server.program.query_parameters) for each in panels(SHAPE.series)
    ]
    seconds = []
    number = first
    while not is_over.is_set():
        started = time.perf_counter()
        ask(server, lines[number % len(lines)])
        seconds.append(time.perf_counter() - started)
        number += 1
    return seconds


if __name__ == "__main__":
    main()
