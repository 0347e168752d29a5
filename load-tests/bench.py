"""The benchmark: the same data into Cupola, VictoriaMetrics and Prometheus, then the same queries.

One server at a time, each with a fresh data directory on the same disk: all bodies through 4 and
then 8 connections, after the last of these a few more series and the queries, and for Cupola the
size of sealed real scrapes and what else it holds (capacity.py), then two of them at a time for
large answers, dashboards and lists of label values, and what a refreshed panel costs. Prints
Markdown tables. The exit code is 0 if every server took everything and the answers agree, whether
or not the targets were reached.

    python load-tests/bench.py [--quick] [--servers LIST] [--output FILE]
"""

import argparse
import contextlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

sys.path += [str(Path(__file__).with_name(room)) for room in ("answers", "history")]

import asking
import capacity
import dashboards
import disk
import disk_peers
import large_answers
import pairs
import queries
import refreshed_panel
import report
import small_queries
from bodies import Corpus, Shape, build_corpus
from details import details_of
from machine import machine_facts
from past import past_before
from processors import machine_busy_s, others_share
from report import Measured
from runs import ingest, say
from servers import PROGRAMS, Program, Server, ServerError, is_installed, log_tail, running

QUICK_SHAPE = Shape(series=10_000, scrapes=24)
DETAILS_CONNECTIONS = 4
HISTORY_DAYS, HISTORY_SERIES, QUICK_HISTORY_SERIES = 7, 2_000, 200


@dataclass(frozen=True, slots=True)
class Data:
    """What is sent: the counters that ingestion is measured with, and what queries need beside."""

    counters: Corpus
    details: Corpus


def measure(program: Program, work: Path, data: Data, connections: Sequence[int]) -> Measured:
    """All runs of one server; a failure ends up in the result, so that the others still run."""
    measured = Measured(program)
    try:
        for count in connections:
            with running(program, work / program.name) as server:
                measured.ingests.append(ingest(server, data.counters, count))
                if count == connections[-1]:
                    ask_queries(server, data, measured)
    except (ServerError, OSError, subprocess.TimeoutExpired) as error:
        measured.error = f"{type(error).__name__}: {error}"
        say(f"{program.title}: {measured.error}")
    return measured


def ask_queries(server: Server, data: Data, measured: Measured) -> None:
    """Send the details, wait for all samples, ask the queries, and note how busy the machine was.

    Raises ServerError, with the end of the server's log, if samples do not become visible.
    """
    measured.rss_peak_bytes = server.rss_peak_bytes()
    refused = ingest(server, data.details, DETAILS_CONNECTIONS).refused
    if refused:
        raise ServerError(f"{refused} requests with details refused: {log_tail(server)}")
    try:
        queries.wait_visible(server, data.counters)
        queries.wait_visible(server, data.details, '{__name__=~"bench_.*"}')
    except queries.QueryError as error:
        raise ServerError(f"{error}; its log ends with: {log_tail(server)}") from error
    busy_s, start_s = machine_busy_s(), time.perf_counter()
    ours_s = server.cpu_s() + time.process_time()
    measured.answers = queries.measure(server, data.counters, queries.query_set())
    try:
        measured.small = small_queries.measure(server, data.counters)
    except small_queries.SmallError as error:
        raise ServerError(str(error)) from error
    ours_s = server.cpu_s() + time.process_time() - ours_s
    wall_s = time.perf_counter() - start_s
    measured.others_share = others_share(machine_busy_s() - busy_s, ours_s, wall_s)
    peaks = [answer.rss_peak_bytes for answer in measured.answers]
    measured.rss_peak_bytes = max([measured.rss_peak_bytes, *peaks])


def measure_disk(program: Program, work: Path) -> disk.DiskUse | None:
    """Bytes a sample of sealed real scrapes; None if they are not there or were not sealed."""
    data = disk.scrapes_directory()
    if data is None:
        say("no recorded scrapes (set CUPOLA_SHARED): bytes a sample not measured")
        return None
    corpus = disk.build_scrapes(work, data)
    try:
        with running(program, work / "disk", flags=disk.seal_flags(corpus)) as server:
            ingest(server, corpus, 1)
            use = disk.wait_sealed(server, corpus)
    except (ServerError, OSError, subprocess.TimeoutExpired) as error:
        say(f"bytes a sample: {type(error).__name__}: {error}")
        return None
    if use is None:
        say(f"nothing sealed within {disk.SEAL_TIMEOUT_S:.0f} s: bytes a sample not measured")
    return use


def measure_peers(
    programs: list[Program], work: Path, use: disk.DiskUse | None
) -> Mapping[str, float]:
    """Bytes a sample of the same scrapes elsewhere, where there are any."""
    data = disk.scrapes_directory()
    if use is None or data is None:
        return report.NO_PEERS
    return disk_peers.measure_peers(programs, work, disk.build_scrapes(work, data))


def measure_pairs(program: Program, work: Path, shape: Shape) -> list[pairs.PairTimes]:
    """What dedup adds to queries over pairs of replicas; empty if that could not be measured."""
    corpus = build_corpus(work, replace(shape, replicas=2))
    try:
        with running(program, work / "pairs") as server:
            ingest(server, corpus, 4)
            queries.wait_visible(replace(server, program=pairs.raw(program)), corpus)
            return pairs.measure(server, corpus)
    except (ServerError, queries.QueryError, OSError, subprocess.TimeoutExpired) as error:
        say(f"pairs of replicas: {type(error).__name__}: {error}")
        return []


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [program.name for program in PROGRAMS]
    parser.add_argument("--quick", action="store_true", help="10 k series x 24 scrapes")
    parser.add_argument("--servers", default=",".join(names), help="comma-separated, of these")
    parser.add_argument("--connections", default="4,8", help="comma-separated counts")
    parser.add_argument(
        "--capacity",
        choices=("also", "only", "no"),
        default="also",
        help="protocols, tenants, new series and replay, beside the comparison or instead of it",
    )
    parser.add_argument(
        "--history",
        choices=("also", "only", "no"),
        default="also",
        help="queries over days of the past; loading these takes minutes, once a day",
    )
    parser.add_argument("--history-days", type=int, default=HISTORY_DAYS, metavar="DAYS")
    parser.add_argument("--output", type=Path, help="Markdown file the report is written into")
    parser.add_argument(
        "--work-dir",
        type=Path,
        default=Path(tempfile.gettempdir()) / "cupola-bench",
        help="where bodies and data directories are; on the disk to be measured",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.servers.split(",")) - set(names)
    if unknown:
        parser.error(f"unknown server {', '.join(sorted(unknown))}; known are {', '.join(names)}")
    arguments.connections = [int(count) for count in arguments.connections.split(",")]
    if not all(1 <= count <= 256 for count in arguments.connections):
        parser.error("--connections: counts from 1 to 256")
    return arguments


def build_data(work: Path, shape: Shape) -> Data:
    counters = build_corpus(work, shape)
    kind, details_shape = details_of(shape)
    return Data(counters, build_corpus(work, details_shape, kind, last_ms=counters.last_ms))


def chosen_programs(names: str) -> list[Program]:
    chosen = [program for program in PROGRAMS if program.name in names.split(",")]
    for program in chosen:
        if not is_installed(program):
            say(f"{program.title} is left out: {program.command[0]} is not installed")
    return [program for program in chosen if is_installed(program)]


def report_lines(
    results: report.Results,
    use: disk.DiskUse | None,
    found: Sequence[pairs.PairTimes],
    corpus: Corpus,
    held: capacity.Capacity,
    *,
    peers: Mapping[str, float] = report.NO_PEERS,
) -> list[str]:
    query_set = queries.query_set()
    intro = (
        f"{corpus.series:,} series, {corpus.samples:,} samples, "
        f"{len(corpus.offsets) - 1:,} bodies, "
        f"{corpus.raw_bytes / corpus.samples:.0f} bytes a sample, "
        f"{corpus.compressed_bytes / corpus.samples:.0f} compressed. "
        f"Medians of {queries.REPEATS} after one warm-up; range queries have {queries.STEPS} steps."
    )
    lines = [intro, "", *report.ingest_table(results)]
    if report.OURS in results:
        lines += report.ratio_table(results)
    lines += report.query_table(results, query_set)
    small = {name: measured.small for name, measured in results.items()}
    lines += small_queries.small_table(small)
    lines += report.memory_table(results, query_set)
    if report.OURS in results:
        lines += report.disk_table(use, peers)
        lines += report.pair_table(found)
        lines += capacity.capacity_table(held)
        wanted = report.targets(results, use, query_set, found, peers)
        wanted += [*small_queries.small_targets(small), *capacity.targets(held)]
        lines += report.target_table(wanted)
    problems = report.disagreements(results, query_set)
    lines += [f"PROBLEM: {problem}" for problem in problems]
    return lines + [f"NOT TO BE TRUSTED: {text}" for text in report.noise(results)]


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def compare(arguments: argparse.Namespace, programs: list[Program]) -> tuple[list[str], bool]:
    """The report of all servers, and whether something makes it worthless."""
    work, quick = arguments.work_dir, arguments.quick
    shape = QUICK_SHAPE if quick else Shape()
    data = build_data(work, shape)
    results = {
        program.name: measure(program, work, data, arguments.connections) for program in programs
    }
    use, found, held, peers = None, [], capacity.Capacity(), report.NO_PEERS
    if report.OURS in results and not results[report.OURS].error:
        use = measure_disk(results[report.OURS].program, work)
        peers = measure_peers(programs, work, use)
        found = measure_pairs(results[report.OURS].program, work, shape)
        if arguments.capacity == "also":
            held = measure_capacity(work, quick=quick)
    lines = report_lines(results, use, found, data.counters, held, peers=peers)
    if report.OURS in results:
        lines += measure_large(programs, work)
        lines += measure_dashboards(programs, work, quick=quick)
        lines += refreshed_panel.report_lines(quick=quick)
    return lines, bool(report.disagreements(results, queries.query_set()) or held.error)


def measure_large(programs: Sequence[Program], work: Path) -> list[str]:
    """What is reported of large answers; nothing if that could not be measured."""
    chosen = [p for p in programs if p.name in (report.OURS, report.VICTORIA)]
    try:
        return large_answers.report_lines(*large_answers.measure(chosen, work))
    except (ServerError, queries.QueryError, OSError, subprocess.TimeoutExpired) as error:
        say(f"large answers: {type(error).__name__}: {error}")
        return []


def measure_dashboards(programs: Sequence[Program], work: Path, *, quick: bool) -> list[str]:
    """What is reported of dashboards and lists of label values; nothing if that failed."""
    chosen = [p for p in programs if p.name in (report.OURS, report.VICTORIA)]
    try:
        return dashboards.report_lines(dashboards.measure(chosen, work, quick=quick))
    except (ServerError, queries.QueryError, OSError, subprocess.TimeoutExpired) as error:
        say(f"dashboards: {type(error).__name__}: {error}")
        return []


def measure_capacity(work: Path, *, quick: bool) -> capacity.Capacity:
    ours = next(program for program in PROGRAMS if program.name == report.OURS)
    if quick:
        return capacity.measure(ours, work, QUICK_SHAPE, capacity.QUICK)
    return capacity.measure(ours, work, Shape(), capacity.FULL)


def capacity_lines(held: capacity.Capacity) -> list[str]:
    return [*capacity.capacity_table(held), *report.target_table(capacity.targets(held))]


def history_lines(
    arguments: argparse.Namespace, programs: Sequence[Program]
) -> tuple[list[str], bool]:
    """Queries over days of the past, of Cupola and VictoriaMetrics; whether that failed."""
    series = QUICK_HISTORY_SERIES if arguments.quick else HISTORY_SERIES
    days = 1 if arguments.quick else arguments.history_days
    past = past_before(int(time.time() * 1000), days, series)
    chosen = [program for program in programs if program.name in (report.OURS, report.VICTORIA)]
    try:
        held = {
            program.name: asking.measure(program, arguments.work_dir, past, asking.REPEATS)
            for program in chosen
        }
    except (ServerError, queries.QueryError, OSError) as error:
        return [f"PROBLEM: history: {type(error).__name__}: {error}"], True
    return [*asking.lines_of(past, held), *report.target_table(asking.targets(held))], False


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, interrupted)
    arguments.work_dir.mkdir(parents=True, exist_ok=True)
    programs = chosen_programs(arguments.servers)
    if not programs:
        return 1
    command = f"`python load-tests/bench.py {shlex.join(sys.argv[1:])}`".replace(" `", "`")
    lines = [f"Command: {command}", "", *machine_facts(arguments.work_dir, programs)]
    if arguments.history == "only":
        found, failed = history_lines(arguments, programs)
    elif arguments.capacity == "only":
        held = measure_capacity(arguments.work_dir, quick=arguments.quick)
        found, failed = capacity_lines(held), bool(held.error)
    else:
        found, failed = compare(arguments, programs)
    lines += found
    if arguments.history == "also" and arguments.capacity != "only":
        more, broken = history_lines(arguments, programs)
        lines, failed = lines + more, failed or broken
    sys.stdout.write("\n".join(lines) + "\n")
    if arguments.output:
        report.write_into(arguments.output, lines)
    return 1 if failed else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.stderr.write("interrupted; everything started was stopped\n")
    sys.exit(130)
