"""Large answers: 12.5 k series over 60 steps beside VictoriaMetrics, in turns, and what a server's
memory grows by while it sends 100 MB.

Both servers hold the same data and are asked one after the other, so that what else the machine
does meets both. The client reads and drops. What counts is the median of the time to the last byte;
processor seconds are those of the server.

    python load-tests/answers/large_answers.py
"""

import contextlib
import http.client
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

from bodies import METRIC, Corpus, Shape, build_corpus
from machine import machine_facts
from queries import AFTER_SCRAPE_MS, QUERY_TIMEOUT_S, STEP_S, STEPS, wait_visible
from report import OURS, VICTORIA, Target, number, ratio, table, target, target_table
from runs import ingest
from servers import PROGRAMS, Program, Server, is_installed, running

SHAPE = Shape(series=12_500, scrapes=80)
ARROW, CSV = "application/vnd.apache.arrow.stream", "text/csv"
REPEATS = 7
PART_BYTES = 1 << 18
# Some 100 MB: a step of 3 s within the same 20 minutes.
LARGE_STEPS, LARGE_STEP_S = 320, 3
GROWTH_BYTES_MAX = 100_000_000
TIME_SHARE_MAX = 1.0


@dataclass(slots=True)
class Asked:
    """What one kind of question took: seconds, processor seconds of the server, bytes of an
    answer."""

    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Growth:
    """What the resident memory of a server grew by, at most, while it sent an answer."""

    size: int
    bytes: int


def target_of(corpus: Corpus, steps: int, step_s: int, extra: Mapping[str, str]) -> str:
    last_s = (corpus.last_ms + AFTER_SCRAPE_MS) / 1000
    start_s = last_s - (steps - 1) * step_s
    times = {"start": f"{start_s:.3f}", "end": f"{last_s:.3f}", "step": str(step_s)}
    return f"/api/v1/query_range?{urllib.parse.urlencode({'query': METRIC, **times, **extra})}"


def ask(server: Server, line: str, accept: str = "*/*") -> int:
    """The size of the answer, which is read in parts and dropped. Raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=QUERY_TIMEOUT_S)
    with contextlib.closing(connection):
        connection.request("GET", line, headers={"Accept": accept})
        response = connection.getresponse()
        if response.status != 200:
            raise OSError(f"{response.status}: {response.read(300)!r}")
        size = 0
        while part := response.read(PART_BYTES):
            size += len(part)
        return size


def in_turns(servers: Sequence[Server], corpus: Corpus, repeats: int) -> dict[str, Asked]:
    """The same question to each, again and again, by server; of ours also as Arrow and CSV."""
    kinds = [(server.program.name, server, "*/*") for server in servers]
    kinds += [
        (f"{OURS}, {name}", server, accept)
        for server in servers
        if server.program.name == OURS
        for name, accept in (("Arrow", ARROW), ("CSV", CSV))
    ]
    found = {name: Asked() for name, *_ in kinds}
    for _ in range(repeats + 1):
        for name, server, accept in kinds:
            line = target_of(corpus, STEPS, STEP_S, server.program.query_parameters)
            cpu_s, started = server.cpu_s(), time.perf_counter()
            found[name].size = ask(server, line, accept)
            found[name].seconds.append(time.perf_counter() - started)
            found[name].cpu_s.append(server.cpu_s() - cpu_s)
    for asked in found.values():  # the first ones warmed up
        del asked.seconds[0], asked.cpu_s[0]
    return found


def growth(server: Server, corpus: Corpus) -> Growth:
    """Of an answer of some 100 MB, the like of which was not asked for before."""
    line = target_of(corpus, LARGE_STEPS, LARGE_STEP_S, server.program.query_parameters)
    server.forget_rss_peak()
    before = server.rss_peak_bytes()
    size = ask(server, line)
    return Growth(size, server.rss_peak_bytes() - before)


def answers_table(found: Mapping[str, Asked]) -> list[str]:
    theirs = statistics.median(found[VICTORIA].seconds) if VICTORIA in found else None
    rows = []
    for name, asked in found.items():
        seconds, cpu_s = statistics.median(asked.seconds), statistics.median(asked.cpu_s)
        sizes = [number(asked.size / 1e6), number(seconds * 1000), number(cpu_s * 1000)]
        rows.append([name, *sizes, ratio(seconds, theirs)])
    header = ["12.5 k series x 60 steps, in turns", "MB", "median ms", "processor ms", "time/VM"]
    return table(header, rows)


def growth_table(grown: Mapping[str, Growth]) -> list[str]:
    header = ["12.5 k series x 320 steps", "MB", "memory grew by MB"]
    rows = [[name, number(g.size / 1e6), number(g.bytes / 1e6)] for name, g in grown.items()]
    return table(header, rows)


def targets(found: Mapping[str, Asked], grown: Mapping[str, Growth]) -> list[Target]:
    share = None
    if OURS in found and VICTORIA in found:
        ours, theirs = found[OURS].seconds, found[VICTORIA].seconds
        share = statistics.median(ours) / statistics.median(theirs)
    growths = grown[OURS].bytes if OURS in grown else None
    return [
        target("time of a large answer against VictoriaMetrics", share, TIME_SHARE_MAX, unit="x"),
        target("memory during an answer of 100 MB", growths, GROWTH_BYTES_MAX, unit=" B"),
    ]


def report_lines(found: Mapping[str, Asked], grown: Mapping[str, Growth]) -> list[str]:
    wanted = targets(found, grown)
    return [*answers_table(found), *growth_table(grown), *target_table(wanted)]


def measure(
    programs: Sequence[Program], work: Path, repeats: int = REPEATS
) -> tuple[dict[str, Asked], dict[str, Growth]]:
    """Both parts, with servers of their own. Raises ServerError, OSError."""
    corpus = build_corpus(work, SHAPE)
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(running(program, work / f"large-{program.name}"))
            for program in programs
        ]
        for server in servers:
            ingest(server, corpus, 4)
            wait_visible(server, corpus)
        grown = {server.program.name: growth(server, corpus) for server in servers}
        return in_turns(servers, corpus, repeats), grown


def main() -> None:
    programs = [p for p in PROGRAMS if p.name in (OURS, VICTORIA) and is_installed(p)]
    with tempfile.TemporaryDirectory(prefix="cupola-large-") as directory:
        work = Path(directory)
        facts = machine_facts(work, programs)
        found, grown = measure(programs, work)
    sys.stdout.write("\n".join([*facts, *report_lines(found, grown)]) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
