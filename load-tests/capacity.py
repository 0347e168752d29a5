"""What one Cupola holds: both protocols, many tenants, many new series, and the replay of its log.

Each measurement has a server of its own with a fresh directory. Ratios are between runs of the same
samples: remote write 2.0 against 1.0, and the same bodies sent for many tenants against one.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bodies import CPU_COUNTERS, Corpus, Kind, Labels, Shape, build_corpus, series_labels
from report import MIB, Ingest, Target, number, table, target
from runs import CONTENT_TYPE, ingest, say
from servers import Program, Server, ServerError, restarted, running
from symbol_bodies import CONTENT_TYPE as CONTENT_TYPE_2
from symbol_bodies import SYMBOL_CPU_COUNTERS

CONNECTIONS = 8
# The log of samples must not be sealed before it is replayed, nor a head for its age.
NO_SEAL = ("--storage.head.max-samples=64000000", "--storage.head.max-age=1d")
REPLAYED = re.compile(r'"log replayed" shard=\d+ records=\d+ samples=(\d+) .*seconds=([\d.]+)')


def ten_labels(number: int) -> Labels:
    return series_labels(number)[:10]


NEW_SERIES = Kind("new", ten_labels, CPU_COUNTERS.values)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything. by_tenant has a slice for each tenant, so that each is a sender with
    its own series."""

    tenants: int
    by_tenant: Shape
    new: Shape
    replayed: Shape


FULL = Sizes(
    tenants=1_000,
    by_tenant=Shape(series=500_000, scrapes=12, body_samples=500),
    new=Shape(series=1_000_000, scrapes=1),
    replayed=Shape(series=100_000, scrapes=120),
)
QUICK = Sizes(
    tenants=50,
    by_tenant=Shape(series=5_000, scrapes=12, body_samples=100),
    new=Shape(series=20_000, scrapes=1),
    replayed=Shape(series=5_000, scrapes=24),
)


@dataclass(frozen=True, slots=True)
class Replay:
    """A log read back. The peaks are those of the process that wrote it, and of the one after."""

    samples: int
    wall_s: float
    cpu_s: float
    written_peak_bytes: int
    rss_peak_bytes: int

    @property
    def per_second(self) -> float:
        return self.samples / self.wall_s if self.wall_s else 0.0


@dataclass(slots=True)
class Capacity:
    """What was measured; None where it failed, and why."""

    version_1: Ingest | None = None
    version_2: Ingest | None = None
    one_tenant: Ingest | None = None
    many_tenants: Ingest | None = None
    new: Ingest | None = None
    replay: Replay | None = None
    error: str = ""


def measure(program: Program, work: Path, shape: Shape, sizes: Sizes) -> Capacity:
    """All of it, with bodies of `shape` for both protocols; a failure ends up in the result."""
    found = Capacity()
    try:
        measure_all(found, program, work, (shape, sizes))
    except (ServerError, OSError, subprocess.TimeoutExpired) as error:
        found.error = f"{type(error).__name__}: {error}"
        say(f"capacity: {found.error}")
    return found


def measure_all(found: Capacity, program: Program, work: Path, what: tuple[Shape, Sizes]) -> None:
    """Fill in one figure after the other. Raises ServerError."""
    shape, sizes = what
    directory = work / "capacity"

    def run(corpus: Corpus, content_type: str = CONTENT_TYPE, tenants: int = 0) -> Ingest:
        with running(program, directory) as server:
            sent = ingest(server, corpus, CONNECTIONS, content_type=content_type, tenants=tenants)
        return taken_whole(sent)

    found.version_1 = run(build_corpus(work, shape))
    with built(work, shape, SYMBOL_CPU_COUNTERS) as corpus:
        found.version_2 = run(corpus, CONTENT_TYPE_2)
    with built(work, sizes.by_tenant) as corpus:
        found.one_tenant = run(corpus, tenants=1)
        found.many_tenants = run(corpus, tenants=sizes.tenants)
    with built(work, sizes.new, NEW_SERIES) as corpus:
        found.new = run(corpus)
    with built(work, sizes.replayed) as corpus:
        found.replay = measure_replay(program, directory, corpus)


@contextmanager
def built(work: Path, shape: Shape, kind: Kind = CPU_COUNTERS) -> Iterator[Corpus]:
    """A corpus that is needed once; its file is removed afterwards."""
    corpus = build_corpus(work, shape, kind)
    try:
        yield corpus
    finally:
        Path(corpus.path).unlink(missing_ok=True)


def taken_whole(run: Ingest) -> Ingest:
    """The run, if none of it was refused; otherwise raises ServerError."""
    if run.refused:
        raise ServerError(f"{run.refused} requests refused, first {run.sent.first_error}")
    return run


def measure_replay(program: Program, directory: Path, corpus: Corpus) -> Replay:
    """Fill a log, start again, and read how long its replay took. Raises ServerError."""
    with running(program, directory, flags=NO_SEAL) as server:
        taken_whole(ingest(server, corpus, CONNECTIONS))
        written_peak = server.rss_peak_bytes()
        with restarted(server, flags=NO_SEAL) as again:
            replay = replay_of(again, written_peak)
    if replay.samples != corpus.samples:
        raise ServerError(f"{replay.samples} samples replayed, {corpus.samples} were sent")
    say(f"replay: {replay.per_second:,.0f} samples/s")
    return replay


def replay_of(server: Server, written_peak_bytes: int) -> Replay:
    samples, seconds = replayed((server.directory / "log").read_text())
    # The server has done nothing else since it was started, but for loading its kernels.
    return Replay(samples, seconds, server.cpu_s(), written_peak_bytes, server.rss_peak_bytes())


def replayed(log: str) -> tuple[int, float]:
    """Samples and seconds that a server's log reports of the replay of all shards."""
    found = REPLAYED.findall(log)
    return sum(int(samples) for samples, _ in found), sum(float(s) for _, s in found)


def capacity_table(found: Capacity) -> list[str]:
    """One line for each measurement that was made."""
    header = ["capacity", "samples/s", "new series/s", "wall s", "CPU s", "peak RSS MiB"]
    runs = [
        ("remote write 1.0", found.version_1),
        ("remote write 2.0, the same samples", found.version_2),
        ("bodies of many senders, one tenant", found.one_tenant),
        ("the same bodies, a tenant for each", found.many_tenants),
        ("series that are all new", found.new),
    ]
    rows = [[title, *ingest_cells(run)] for title, run in runs if run is not None]
    if found.replay is not None:
        rows.append(["replay of the log", *replay_cells(found.replay)])
    lines = table([*header, "others' CPU"], rows)
    if found.replay is not None:
        peak = number(found.replay.written_peak_bytes / MIB)
        lines += [f"The process whose log was replayed had a peak of {peak} MiB.", ""]
    return lines + ([f"PROBLEM: capacity: {found.error}", ""] if found.error else [])


def ingest_cells(run: Ingest) -> list[str]:
    fresh = number(run.series / run.sent.first_round_s) if run.sent.first_round_s else "-"
    figures = (run.sent.wall_s, run.cpu_s, run.rss_peak_bytes / MIB)
    return [number(run.per_second), fresh, *map(number, figures), f"{run.others_share:.0%}"]


def replay_cells(replay: Replay) -> list[str]:
    figures = (replay.wall_s, replay.cpu_s, replay.rss_peak_bytes / MIB)
    return [number(replay.per_second), "-", *map(number, figures), "-"]


def targets(found: Capacity) -> list[Target]:
    """The figures of capacity that are to be reached."""
    new, replay = found.new, found.replay
    new_rate = new.series / new.sent.wall_s if new else None
    new_peak = new.rss_peak_bytes / MIB if new else None
    replay_rate = replay.per_second if replay else None
    growth = replay.rss_peak_bytes / replay.written_peak_bytes if replay else None
    tenancy = rate_of(found.many_tenants, found.one_tenant)
    versions = rate_of(found.version_2, found.version_1)
    at_least = [
        target("samples/s of remote write 2.0 against 1.0", versions, 1.0, unit="x", at_least=True),
        target("samples/s of many tenants against one", tenancy, 0.7, unit="x", at_least=True),
        target("new series/s", new_rate, 150_000, unit="", at_least=True),
        target("samples/s of replay", replay_rate, 3_000_000, unit="", at_least=True),
    ]
    return [
        *at_least,
        target("peak RSS with 1 M new series", new_peak, 2_048, unit=" MiB"),
        target("peak RSS of replay against writing", growth, 1.1, unit="x"),
    ]


def rate_of(run: Ingest | None, other: Ingest | None) -> float | None:
    return run.per_second / other.per_second if run and other else None
