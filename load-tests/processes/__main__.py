"""Ingest of several processes: the same bodies into one, into more, and into VictoriaMetrics.

    python load-tests/processes                     one tenant and a thousand, one and two processes
    python load-tests/processes --processes=1,2,4 --rounds=3
    python load-tests/processes --quick             fewer samples, for trying things out

Each round sends to each server once, in turns, so that what else the machine does meets all of
them. Prints a Markdown table: samples a second, and the processor time that a thousand samples took
in all processes and in the busiest one, which says more than the clock where other programs use the
same cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

from bodies import Corpus, Shape, build_corpus
from processors import family_of, process_cpu_s
from report import table
from runs import say, send
from servers import PROGRAMS, Program, ServerError, is_installed, running

CONNECTIONS = 16
# By tenants. Of a thousand each is a sender with series of its own.
SHAPES = {
    1: Shape(series=100_000, scrapes=40, body_samples=2_000),
    1_000: Shape(series=500_000, scrapes=12, body_samples=500),
}
QUICK_SCRAPES = 6
SHARDS = 8
COLUMNS = (
    "server", "tenants", "samples/s", "µs of a sample", "of the busiest process", "others had, %",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One corpus sent. cpu_s: of each process; others: the share of the machine that others had."""

    server: str
    tenants: int
    samples: int
    wall_s: float
    cpu_s: tuple[float, ...]
    others: float

    @property
    def row(self) -> list[str]:
        each_us = [1e6 * seconds / self.samples for seconds in self.cpu_s]
        return [
            self.server,
            f"{self.tenants:,}",
            f"{self.samples / self.wall_s:,.0f}",
            f"{sum(each_us):.2f}",
            f"{max(each_us):.2f}",
            f"{100 * self.others:.0f}",
        ]


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="cupola-processes-") as name:
        rows = [
            run.row
            for tenants, shape in SHAPES.items()
            for run in runs(Path(name), quick(shape) if given.quick else shape, tenants, given)
        ]
    sys.stdout.write("\n".join(table(COLUMNS, rows)) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--processes", default="1,2")
    return parser.parse_args()


def quick(shape: Shape) -> Shape:
    return replace(shape, scrapes=min(shape.scrapes, QUICK_SCRAPES))


def runs(work: Path, shape: Shape, tenants: int, given: argparse.Namespace) -> Iterator[Run]:
    """All of so many tenants, round by round. One that fails is said and left out."""
    cupola, victoria = PROGRAMS[:2]
    corpus = build_corpus(work, shape)
    for _ in range(given.rounds):
        for count in given.processes.split(","):
            flags = (f"--processes={count}", f"--storage.shards={SHARDS}")
            yield from tried(work, corpus, (cupola, flags), (f"processes={count}", tenants))
        if is_installed(victoria):
            yield from tried(work, corpus, (victoria, ()), (victoria.title, tenants))
    Path(corpus.path).unlink(missing_ok=True)


def tried(
    work: Path, corpus: Corpus, what: tuple[Program, tuple[str, ...]], named: tuple[str, int]
) -> Iterator[Run]:
    try:
        run = measured(work, corpus, what, named)
    except ServerError as error:
        say(f"{named[0]}: {error}")
        return
    say(" | ".join(run.row))
    yield run


def measured(
    work: Path, corpus: Corpus, what: tuple[Program, tuple[str, ...]], named: tuple[str, int]
) -> Run:
    """Send the corpus to a fresh server. Raises ServerError."""
    program, flags = what
    server_name, tenants = named
    with running(program, work / "server", flags=flags) as server:
        pids = family_of(server.process.pid)
        before = {pid: process_cpu_s(pid) for pid in pids}
        sent = send(server, corpus, CONNECTIONS, tenants=tenants)
        spent = tuple(process_cpu_s(pid) - before[pid] for pid in pids)
    refused = sum(n for status, n in sent.statuses.items() if not status.startswith("2"))
    if refused:
        raise ServerError(f"{refused} requests refused, first {sent.first_error}")
    others_s = max(0.0, sent.busy_s - sum(spent) - sent.cpu_s)
    others = others_s / sent.busy_s if sent.busy_s else 0.0
    return Run(server_name, tenants, corpus.samples, sent.wall_s, spent, others)


if __name__ == "__main__":
    main()
