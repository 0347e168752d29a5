"""A dashboard of 20 panels, 100 series x 240 steps each, and lists of label values over a million
series, beside VictoriaMetrics, in turns.

A dashboard is loaded as a browser does it, six panels at a time; what counts is the median time of
a panel to its last byte. `cold`: nothing is taken from what is kept, as with nocache=1; `cached`:
the same dashboard again. Label values are asked for the last hour.

    python load-tests/answers/dashboards.py [--quick]
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

from bodies import METRIC, SCRAPE_INTERVAL_MS, Corpus, Shape, build_corpus, instance_name
from large_answers import ask
from machine import machine_facts
from queries import AFTER_SCRAPE_MS, wait_visible
from report import OURS, VICTORIA, Target, number, ratio, table, target, target_table
from runs import ingest
from servers import PROGRAMS, Program, Server, is_installed, running

PANELS, AT_ONCE, STEPS = 20, 6, 240
# 25 instances, one processor of each in four modes.
INSTANCES, MODES = 25, "idle|iowait|system|user"
SHAPE = Shape(series=32_000, scrapes=STEPS)
WIDE = Shape(series=1_000_000, scrapes=1)
QUICK_SHAPE, QUICK_WIDE = Shape(series=3_200, scrapes=STEPS), Shape(series=50_000, scrapes=1)
REPEATS = 7
SHARE_MAX, VALUES_MS_MAX = 0.5, 50.0
KINDS = ("{}", "rate({}[1m])", "max_over_time({}[1m])", "sum by (instance, mode) ({})")
LABELS = ("mode", "instance")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds by what was asked; each a median over panels or requests and repetitions."""

    cold: float = 0.0
    cached: float = 0.0
    values: Mapping[str, float] = field(default_factory=dict)


def panels(series: int) -> list[str]:
    """The expressions of the panels, each of 100 series."""
    instances = series // 64
    found = []
    for panel in range(PANELS):
        first = panel * INSTANCES
        names = "|".join(instance_name((first + i) % instances) for i in range(INSTANCES))
        names = names.replace(".", "\\\\.")
        selector = f'{METRIC}{{cpu="{panel % 8}",mode=~"{MODES}",instance=~"{names}"}}'
        found.append(KINDS[panel % len(KINDS)].format(selector))
    return found


def line_of(corpus: Corpus, expression: str, extra: Mapping[str, str]) -> str:
    """What a panel asks for: 240 steps up to the last scrape."""
    step_s = SCRAPE_INTERVAL_MS // 1000
    last_s = (corpus.last_ms + AFTER_SCRAPE_MS) // 1000
    times = {"start": str(last_s - (STEPS - 1) * step_s), "end": str(last_s), "step": str(step_s)}
    return f"/api/v1/query_range?{urllib.parse.urlencode({'query': expression, **times, **extra})}"


def load(server: Server, lines: Sequence[str]) -> list[float]:
    """The seconds of each panel, of a dashboard loaded at once."""

    def panel(line: str) -> float:
        started = time.perf_counter()
        ask(server, line)
        return time.perf_counter() - started

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(panel, lines))


def dashboards(
    servers: Sequence[Server], corpus: Corpus, shape: Shape, repeats: int
) -> dict[str, Times]:
    """The panels of each server, cold and then cached, again and again."""
    expressions = panels(shape.series)
    cold: dict[str, list[float]] = {server.program.name: [] for server in servers}
    cached: dict[str, list[float]] = {server.program.name: [] for server in servers}
    for number_of in range(repeats + 1):
        for found, extra in ((cold, {"nocache": "1"}), (cached, {})):
            lines = [line_of(corpus, each, extra) for each in expressions]
            for server in servers:
                seconds = load(server, lines)
                if number_of:  # the first ones warmed up
                    found[server.program.name] += seconds
    return {
        name: Times(statistics.median(cold[name]), statistics.median(cached[name])) for name in cold
    }


def label_values(
    servers: Sequence[Server], corpus: Corpus, repeats: int
) -> dict[str, dict[str, float]]:
    """The median seconds of lists of values, made anew and asked again."""
    found: dict[str, dict[str, float]] = {server.program.name: {} for server in servers}
    times = {"start": str(corpus.last_ms // 1000 - 3600), "end": str(corpus.last_ms // 1000 + 60)}
    for label in LABELS:
        for kind, extra in (("anew", {"nocache": "1"}), ("again", {})):
            line = f"/api/v1/label/{label}/values?{urllib.parse.urlencode(times | extra)}"
            for server in servers:
                seconds = []
                for _ in range(repeats + 1):
                    started = time.perf_counter()
                    ask(server, line)
                    seconds.append(time.perf_counter() - started)
                median = statistics.median(seconds[1:])
                found[server.program.name][f"{label}, {kind}"] = median
    return found


def measure(
    programs: Sequence[Program], work: Path, *, quick: bool = False, repeats: int = REPEATS
) -> dict[str, Times]:
    """Both parts, by server, each with servers of their own. Raises ServerError, OSError."""
    shape, wide = (QUICK_SHAPE, QUICK_WIDE) if quick else (SHAPE, WIDE)
    found: dict[str, Times] = {}
    for part, each in (("dashboards", shape), ("values", wide)):
        corpus = build_corpus(work, each)
        with contextlib.ExitStack() as stack:
            servers = [
                stack.enter_context(running(program, work / f"{part}-{program.name}"))
                for program in programs
            ]
            for server in servers:
                ingest(server, corpus, 4)
                wait_visible(server, corpus)
            if part == "dashboards":
                found = dashboards(servers, corpus, each, repeats)
                continue
            for name, values in label_values(servers, corpus, repeats).items():
                found[name] = replace(found[name], values=values)
    return found


def rows_of(found: Mapping[str, Times]) -> dict[str, dict[str, float]]:
    """Title of each figure -> server -> seconds."""
    rows: dict[str, dict[str, float]] = {}
    for name, times in found.items():
        for title, seconds in (("cold", times.cold), ("cached", times.cached)):
            rows.setdefault(f"a panel of 20, {title}", {})[name] = seconds
        for title, seconds in times.values.items():
            rows.setdefault(f"label values: {title}", {})[name] = seconds
    return rows


def times_table(found: Mapping[str, Times]) -> list[str]:
    rows = [
        [
            title,
            *(number(by_server[name] * 1000) for name in found),
            ratio(by_server.get(OURS), by_server.get(VICTORIA)),
        ]
        for title, by_server in rows_of(found).items()
    ]
    return table(["median ms, in turns", *found, "Cupola/VM"], rows)


def targets(found: Mapping[str, Times]) -> list[Target]:
    ours, theirs = found.get(OURS), found.get(VICTORIA)
    shares: list[float | None] = [None, None]
    if ours and theirs:
        shares = [ours.cold / theirs.cold, ours.cached / theirs.cached]
    values = list(ours.values.values()) if ours else []
    slowest_ms = max(values) * 1000 if values else None
    return [
        target("panel of a cold dashboard against VictoriaMetrics", shares[0], SHARE_MAX, unit="x"),
        target("panel of a cached dashboard", shares[1], SHARE_MAX, unit="x"),
        target("label values over 1 M series", slowest_ms, VALUES_MS_MAX, unit=" ms"),
    ]


def report_lines(found: Mapping[str, Times]) -> list[str]:
    return [*times_table(found), *target_table(targets(found))]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer series")
    quick = parser.parse_args().quick
    programs = [p for p in PROGRAMS if p.name in (OURS, VICTORIA) and is_installed(p)]
    with tempfile.TemporaryDirectory(prefix="cupola-dashboards-") as directory:
        work = Path(directory)
        facts = machine_facts(work, programs)
        found = measure(programs, work, quick=quick)
    sys.stdout.write("\n".join([*facts, *report_lines(found)]) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
