"""Queries over days of sealed history: Cupola beside VictoriaMetrics.

Days of the past (past.py) go into each server (past_store.py): Cupola ends up with one segment a
day, VictoriaMetrics with merged parts. Then each query is asked first after a restart, with nothing
of the data in the page cache, and again while it is warm. Prints Markdown tables; processor time
is that of all threads, which other processes disturb less. What was loaded
stays below --work-dir and is used again.

    python load-tests/history [--days 7] [--series 2000] [--servers cupola,victoria-metrics]
"""

import argparse
import contextlib
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

from bench import chosen_programs, interrupted
from bodies import METRIC
from machine import machine_facts
from past import DAY_MS, GAUGE, Past, past_before, selector
from past_store import QUIET_FLAGS, forget_pages, load, size_of, started
from queries import AFTER_SCRAPE_MS, Client, QueryError, Rows, parse_rows
from report import MIB, OURS, TITLES, VICTORIA, number, ratio, table
from runs import say
from servers import Program, Server, ServerError

REPEATS = 7


@dataclass(frozen=True, slots=True)
class LongQuery:
    """A query over all days, or over some hours in the middle of them."""

    title: str
    expression: str
    step_s: int = 600
    hours: int = 0

    def parameters(self, past: Past) -> dict[str, str]:
        end_s = (past.end_ms + AFTER_SCRAPE_MS) // 1000
        start_s = end_s - past.days * DAY_MS // 1000
        if self.hours:
            start_s = (start_s + end_s) // 2
            end_s = start_s + self.hours * 3600
        times = {"start": str(start_s), "end": str(end_s), "step": str(self.step_s)}
        return {"query": self.expression} | times


def long_queries() -> list[LongQuery]:
    one = selector(3, 'cpu="5"', 'mode="user"')
    return [
        LongQuery("one series", one),
        LongQuery("rate of 64 series", f"rate({selector(3)}[5m])"),
        LongQuery("rate of 64 series, one hour", f"rate({selector(3)}[5m])", 15, hours=1),
        LongQuery("sum by (mode) of rate, all", f"sum by (mode) (rate({METRIC}[5m]))"),
        LongQuery("topk of increase over 1d", f"topk(5, increase({METRIC}[1d]))", 3600),
        LongQuery("max of gauges", f"max({GAUGE})"),
    ]


@dataclass(slots=True)
class Timing:
    """One query: seconds at first and when repeated, processor seconds of both, and the most memory
    resident meanwhile."""

    first_s: float = 0.0
    first_cpu_s: float = 0.0
    cpu_s: float = 0.0
    warm_s: list[float] = field(default_factory=list)
    rss_peak_bytes: int = 0
    rows: Rows = field(default_factory=dict)

    @property
    def median_s(self) -> float:
        return statistics.median(self.warm_s)


@dataclass(slots=True)
class Held:
    """What one server did. restart_s: of each start on all of the data."""

    program: Program
    timings: list[Timing] = field(default_factory=list)
    restart_s: list[float] = field(default_factory=list)
    disk_bytes: int = 0


def measure(program: Program, work: Path, past: Past, repeats: int) -> Held:
    """Load the server if need be and ask it every query. Raises ServerError or QueryError."""
    directory = work / f"past-{past.days}x{past.series}-{past.end_ms}" / program.name
    load(program, directory, work, past)
    held = Held(program, disk_bytes=size_of(directory))
    for query in long_queries():
        forget_pages(directory)
        begin = time.perf_counter()
        with started(program, directory, *QUIET_FLAGS[program.name]) as server:
            held.restart_s.append(time.perf_counter() - begin)
            client = Client(server)
            # The connection, the HTTP front and the parser are not what is measured.
            client.ask("/api/v1/query", {"query": "vector(1)"})
            held.timings.append(ask(server, client, query, past, repeats))
            held.timings[-1].rss_peak_bytes = server.rss_peak_bytes()
            client.close()
        timing = held.timings[-1]
        say(
            f"{program.title}: {query.title}: first {timing.first_s * 1000:.0f} ms, processor "
            f"{timing.first_cpu_s * 1000:.1f}, warm {timing.median_s * 1000:.1f} ms and "
            f"{timing.cpu_s * 1000:.1f}, {len(timing.rows)} rows"
        )
    return held


def ask(server: Server, client: Client, query: LongQuery, past: Past, repeats: int) -> Timing:
    timing = Timing()
    parameters = query.parameters(past)
    before_s = server.cpu_s()
    body, timing.first_s = client.ask("/api/v1/query_range", parameters)
    timing.first_cpu_s = server.cpu_s() - before_s
    timing.rows = parse_rows(body)
    before_s = server.cpu_s()
    for _ in range(repeats):
        timing.warm_s.append(client.ask("/api/v1/query_range", parameters)[1])
    timing.cpu_s = (server.cpu_s() - before_s) / repeats
    return timing


def tables(found: Mapping[str, Held]) -> list[str]:
    """The times of each query and their ratios, then what the data take."""
    names = list(found)
    header = ["query, ms"]
    for kind in ("first", "warm"):
        header += [f"{TITLES[name]} {kind}" for name in names]
        header += [f"ratio {kind}"]
    header += [f"{TITLES[name]} CPU" for name in names]
    header += [f"{TITLES[name]} MiB" for name in names]
    rows = []
    for i, query in enumerate(long_queries()):
        firsts = {name: held.timings[i].first_s for name, held in found.items()}
        medians = {name: held.timings[i].median_s for name, held in found.items()}
        cells = [query.title]
        for times in (firsts, medians):
            cells += [number(value * 1000) for value in times.values()]
            cells += [ratio(times.get(OURS), times.get(VICTORIA))]
        cells += [number(held.timings[i].cpu_s * 1000) for held in found.values()]
        cells += [number(held.timings[i].rss_peak_bytes / MIB) for held in found.values()]
        rows.append(cells)
    return [*table(header, rows), *store_table(found)]


def store_table(found: Mapping[str, Held]) -> list[str]:
    rows = [
        [
            TITLES[name],
            number(held.disk_bytes / MIB),
            number(max(held.restart_s)),
            number(statistics.median(held.restart_s)),
        ]
        for name, held in found.items()
    ]
    return table(["server", "disk MiB", "longest restart s", "median"], rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--series", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each query while warm")
    parser.add_argument("--servers", default=f"{OURS},{VICTORIA}", help="comma-separated")
    parser.add_argument(
        "--work-dir",
        type=Path,
        default=Path(tempfile.gettempdir()) / "cupola-bench",
        help="where bodies and data directories are; on the disk to be measured",
    )
    return parser.parse_args()


def report_lines(programs: Sequence[Program], arguments: argparse.Namespace) -> list[str]:
    past = past_before(int(time.time() * 1000), arguments.days, arguments.series)
    found = {
        program.name: measure(program, arguments.work_dir, past, arguments.repeats)
        for program in programs
    }
    intro = f"{past.days} days of {past.series:,} series, {past.samples:,} samples."
    return [*machine_facts(arguments.work_dir, programs), intro, "", *tables(found)]


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, interrupted)
    arguments.work_dir.mkdir(parents=True, exist_ok=True)
    programs = chosen_programs(arguments.servers)
    try:
        sys.stdout.write("\n".join(report_lines(programs, arguments)) + "\n")
    except (ServerError, QueryError, OSError) as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.stderr.write("interrupted; everything started was stopped\n")
    sys.exit(130)
