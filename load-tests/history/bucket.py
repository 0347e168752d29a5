"""Queries over days of history that are in a bucket only, with a delay added to each request.

Days of the past (past.py) go into Cupola, which uploads them to an S3 server on loopback (versitygw
where that is installed, else moto) and evicts them; a proxy in between lets each request wait. Then
each query is asked first after a start, with nothing of the samples on the disk, and again while it
is warm: of the server that has the labels, and of one that only reads the bucket. Prints a Markdown
table with the requests and bytes that the first time cost.

    python load-tests/history/bucket.py [--days 7] [--series 2000] [--delay-ms 20] [--work-dir DIR]
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# The modules of all load tests, and of tests.
sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[2]))

from past import DAY_MS, Past, past_before, selector
from past_store import QUIET_FLAGS, load, size_of, started
from queries import AFTER_SCRAPE_MS, Client
from report import MIB, OURS, table
from runs import say
from servers import PROGRAMS, Program, fetch_text

from tests.makers.buckets.faults import FaultProxy
from tests.makers.buckets.servers import s3_server, s3_text

REPEATS = 5
EVICTED_TIMEOUT_S = 900.0
STEP_S = "600"
QUERIES = {
    "one series": selector(3, 'cpu="5"', 'mode="user"'),
    "rate of 64 series": f"rate({selector(3)}[5m])",
    "sum by (mode) of rate, all": "sum by (mode) (rate(node_cpu_seconds_total[5m]))",
}


@dataclass(frozen=True, slots=True)
class Cold:
    """One query: seconds at first and warm, and what the first time cost. start_s: until ready;
    start_requests: those of the start."""

    first_s: float
    warm_s: float
    requests: int
    fetched_bytes: int
    start_s: float
    start_requests: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--series", type=int, default=2_000)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--work-dir", type=Path)
    options = parser.parse_args()
    (program,) = (each for each in PROGRAMS if each.name == OURS)
    past = past_before(time.time_ns() // 1_000_000, options.days, options.series)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work_dir or Path(temporary)
        lines = compare(program, work, past, options.delay_ms / 1000)
    sys.stdout.write("\n".join(lines))
    return 0


def compare(program: Program, work: Path, past: Past, delay_s: float) -> list[str]:
    """The table. The data that were loaded are used again, a copy of them is evicted."""
    loaded = work / f"past-{past.days}x{past.series}-{past.end_ms}" / program.name
    load(program, loaded, work, past)
    place = work / "bucket"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(loaded, place / "owner")
    (place / "server").mkdir()
    rows = []
    with s3_server(place / "server") as address, FaultProxy(address).running() as proxy:
        flags = (*QUIET_FLAGS[OURS], f"--objstore.config={s3_text(proxy.address)}")
        evict(program, place / "owner", flags, past)
        say(f"evicted, {size_of(place / 'owner') / MIB:.1f} MiB are left on the disk")
        proxy.latency_s = delay_s
        for title, role in (("owner", ()), ("query", ("--role=query",))):
            for name, expression in QUERIES.items():
                running = (program, place / title, (*flags, *role))
                found = ask(running, proxy, past, expression)
                rows.append(row_of(f"{title}: {name}", found))
                say(" ".join(rows[-1]))
    header = (
        "server: query",
        "first, ms",
        "warm, ms",
        "requests",
        "MiB",
        "start, s",
        "its requests",
    )
    return table(header, rows)


def evict(program: Program, directory: Path, flags: tuple[str, ...], past: Past) -> None:
    """Let a server upload all that it has, and let go of the samples."""
    more = ("--objstore.local-size=1", "--objstore.interval=1s")
    with started(program, directory, *flags, *more):
        deadline = time.monotonic() + EVICTED_TIMEOUT_S
        while list((directory / "data").rglob("samples.parquet")):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not evicted within {EVICTED_TIMEOUT_S:.0f} s")
            time.sleep(0.5)


def ask(
    running: tuple[Program, Path, tuple[str, ...]], proxy: FaultProxy, past: Past, expression: str
) -> Cold:
    """Start a server (its program, directory and flags) and ask it one query, at first and when it
    is warm."""
    program, directory, flags = running
    end_s = (past.end_ms + AFTER_SCRAPE_MS) // 1000
    times = {"start": str(end_s - past.days * DAY_MS // 1000), "end": str(end_s), "step": STEP_S}
    parameters = {"query": expression} | times
    begin, before = time.perf_counter(), proxy.counts.total()
    # What lies where is read by the first query, and not ahead of it.
    with started(program, directory, *flags, "--storage.segment-index.preload=false") as server:
        start_s, start_requests = time.perf_counter() - begin, proxy.counts.total() - before
        client = Client(server)
        client.ask("/api/v1/query", {"query": "vector(1)"})
        with counted(proxy) as cost:
            _, first_s = client.ask("/api/v1/query_range", parameters)
        warm = [client.ask("/api/v1/query_range", parameters)[1] for _ in range(REPEATS)]
        fetch_text(server, "/metrics")
        client.close()
    return Cold(first_s, statistics.median(warm), *cost, start_s, start_requests)


@contextmanager
def counted(proxy: FaultProxy) -> Iterator[list[int]]:
    """The ranges that are asked for meanwhile, and the bytes of their answers."""
    cost: list[int] = []
    requests, size = proxy.counts["GET"], proxy.answered_bytes
    yield cost
    cost += [proxy.counts["GET"] - requests, proxy.answered_bytes - size]


def row_of(title: str, cold: Cold) -> tuple[str, ...]:
    return (
        title,
        f"{cold.first_s * 1000:.0f}",
        f"{cold.warm_s * 1000:.0f}",
        str(cold.requests),
        f"{cold.fetched_bytes / MIB:.1f}",
        f"{cold.start_s:.1f}",
        str(cold.start_requests),
    )


if __name__ == "__main__":
    sys.exit(main())
