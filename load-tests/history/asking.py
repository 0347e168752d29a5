"""Long queries: what they are, asking a server that holds the past, and the tables of it."""

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bodies import METRIC
from past import DAY_MS, GAUGE, Past, selector
from past_store import QUIET_FLAGS, forget_pages, load, size_of, started
from queries import AFTER_SCRAPE_MS, Client, Rows, parse_rows
from report import MIB, OURS, TITLES, VICTORIA, Target, number, ratio, table, target
from runs import say
from servers import Program, Server

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
    header += [*(f"{TITLES[name]} first CPU" for name in names), "ratio first CPU"]
    header += [*(f"{TITLES[name]} CPU" for name in names), "ratio CPU"]
    header += [f"{TITLES[name]} MiB" for name in names]
    rows = []
    for i, query in enumerate(long_queries()):
        firsts = {name: held.timings[i].first_s for name, held in found.items()}
        medians = {name: held.timings[i].median_s for name, held in found.items()}
        cells = [query.title]
        for times in (firsts, medians):
            cells += [number(value * 1000) for value in times.values()]
            cells += [ratio(times.get(OURS), times.get(VICTORIA))]
        first_cpu = {name: held.timings[i].first_cpu_s for name, held in found.items()}
        cpu = {name: held.timings[i].cpu_s for name, held in found.items()}
        for seconds in (first_cpu, cpu):
            cells += [number(value * 1000) for value in seconds.values()]
            cells += [ratio(seconds.get(OURS), seconds.get(VICTORIA))]
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


# Of the time of VictoriaMetrics, at first and warm; seconds.
SHARE_MAX, RESTART_S_MAX = 0.5, 5.0


def targets(found: Mapping[str, Held]) -> list[Target]:
    ours, theirs = found.get(OURS), found.get(VICTORIA)
    if ours is None:
        return []
    wanted = []
    for i, query in enumerate(long_queries()):
        for kind in ("first", "warm"):
            mine = seconds_of(ours.timings[i], kind)
            got = mine / seconds_of(theirs.timings[i], kind) if theirs else None
            title = f"history, {kind}: {query.title} against VictoriaMetrics"
            wanted.append(target(title, got, SHARE_MAX, unit="x"))
    title = "history: longest restart"
    return [*wanted, target(title, max(ours.restart_s), RESTART_S_MAX, unit=" s")]


def seconds_of(timing: Timing, kind: str) -> float:
    return timing.first_s if kind == "first" else timing.median_s


def lines_of(past: Past, found: Mapping[str, Held]) -> list[str]:
    intro = f"History: {past.days} days of {past.series:,} series, {past.samples:,} samples."
    return [intro, "", *tables(found)]
