"""Rules at work: 10,000 of them over 100 tenants, and the processor time that each takes.

    python load-tests/ruling

fills a database with the series of a few hundred scraped targets, then evaluates all groups of all
tenants minute by minute, as the server does: by the threads of its turns, with its engine, its
writes and its catalog, over a clock that runs as fast as the machine can. What counts is the
processor time by rule; that of a minute divided by two cores says whether 10,000 rules keep up.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.sources.queriers import QuerierSource, ReplicaDefaults
from receiver.ruling.asking import EngineAsking
from receiver.ruling.results import WrittenResults
from receiver.ruling.setup import QUERIES_KEPT
from receiver.wire.decoder import WriteDecoder
from rules.groups import Group, Rule
from rules.ruler.group import RunningGroup
from rules.ruler.keeping import Keeper
from rules.ruler.terms import Services, Terms
from rules.ruler.turns import Turns
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY
from storage.database import Database
from storage.options import StorageOptions
from tests.makers.bodies.v1 import encode

MINUTE_MS = 60_000
START_MS = int(time.time() * 1000) // MINUTE_MS * MINUTE_MS - 40 * MINUTE_MS
HISTORY = 10  # minutes before the first evaluation
INSTANCES, CODES = 10, 3
REQUESTS = 'rate(requests_total{{job="j{n}"}}[5m])'
ERRORS = 'rate(requests_total{{job="j{n}",code="500"}}[5m])'
KINDS = (
    ("record", "job:requests:rate5m_{n}", f"sum by (job) ({REQUESTS})"),
    ("record", "code:requests:rate5m_{n}", f"sum by (code) ({REQUESTS})"),
    ("record", "job:errors:ratio_{n}", f"sum by (job) ({ERRORS}) / sum by (job) ({REQUESTS})"),
    ("record", "job:up:avg_{n}", 'avg by (job) (up{{job="j{n}"}})'),
    ("alert", "Errors{n}", "job:errors:ratio_{n} > 0.9"),
)


class Silent:
    """A notifier that sends nothing."""

    def send(self, tenant: str, notices: object) -> None: ...


def group_of(number: int, rules: int) -> Group:
    """A group about one job."""
    made = []
    for place in range(rules):
        kind, name, expression = KINDS[place % len(KINDS)]
        suffix = f"{number}_{place // len(KINDS)}" if place >= len(KINDS) else str(number)
        texts = {kind: name.format(n=suffix), "expr": expression.format(n=number)}
        made.append(Rule(**texts, labels={"severity": "page"} if kind == "alert" else {}))
    return Group(f"g{number}", "rules.yml", MINUTE_MS, rules=tuple(made))


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def fill(database: Database, decoder: WriteDecoder, tenant: str, jobs: int, minute: int) -> None:
    """One minute of scrapes, twice."""
    times = [START_MS + minute * MINUTE_MS + at for at in (1_000, 31_000)]
    series = []
    for job in range(jobs):
        for instance in range(INSTANCES):
            own = {"instance": f"i{instance}", "job": f"j{job}"}
            series.append(({"__name__": "up", **own}, [(at, 1.0) for at in times]))
            for code in range(CODES):
                labels = {"__name__": "requests_total", "code": str(100 * (code + 3)), **own}
                series.append((labels, [(at, float(at)) for at in times]))
    batch = decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, encode(series))
    asyncio.run(database.append(tenant, batch, times[-1]))


def processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(arguments: argparse.Namespace, path: Path, loop: asyncio.AbstractEventLoop) -> None:
    decoder = WriteDecoder()
    options = StorageOptions(path=str(path), compaction_enabled=False)
    database = Database.open(options, decoder.decode, CollectorRegistry())
    tenants = [f"tenant-{number}" for number in range(arguments.tenants)]
    jobs = arguments.groups
    clock = [START_MS]
    engine = Engine(EngineOptions(), queries_kept=QUERIES_KEPT)
    source = QuerierSource(database, ReplicaDefaults(("replica",)))
    turns = Turns(arguments.threads, lambda _: max(1, arguments.threads // 2))
    keeper = Keeper(database.rule_states)
    services = Services(
        asking=EngineAsking(source, engine, stopped=lambda: False),
        results=WrittenResults(database, decoder, loop, now_ms=lambda: clock[0]),
        notifier=Silent(),
        keeper=keeper,
        terms_of=lambda _: Terms(),
        together=turns.together,
        now_ms=lambda: clock[0],
    )
    keeper.start()
    turns.start()
    for minute in range(HISTORY):
        for tenant in tenants:
            fill(database, decoder, tenant, jobs, minute)
    clock[0] = START_MS + HISTORY * MINUTE_MS
    groups = [
        RunningGroup(tenant, group_of(number, arguments.rules), services)
        for tenant in tenants
        for number in range(jobs)
    ]
    rules = len(groups) * arguments.rules
    sys.stdout.write(f"{rules} rules, {len(groups)} groups, {len(tenants)} tenants\n")
    for minute in range(HISTORY, HISTORY + arguments.minutes):
        for tenant in tenants:
            fill(database, decoder, tenant, jobs, minute)
        clock[0] += MINUTE_MS
        before, started, left = processor_s(), time.monotonic(), threading.Semaphore(0)

        def run(group: RunningGroup, left: threading.Semaphore = left) -> None:
            group.run()
            left.release()

        for group in groups:
            turns.put(group.tenant, lambda group=group: run(group))
        for _ in groups:
            left.acquire()
        used = processor_s() - before
        failures = sum(group.counts.failures for group in groups)
        samples = sum(group.counts.samples for group in groups)
        sys.stdout.write(
            f"minute {minute - HISTORY + 1}: {1000 * used / rules:.2f} ms of processor time "
            f"a rule, {used:.1f} s in all, {time.monotonic() - started:.1f} s by the clock, "
            f"{samples} samples, {failures} failures\n"
        )
    turns.stop()
    keeper.stop()
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenants", type=int, default=100)
    parser.add_argument("--groups", type=int, default=5, help="of each tenant")
    parser.add_argument("--rules", type=int, default=20, help="of each group")
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, event_loop() as loop:
        measure(arguments, Path(directory), loop)


if __name__ == "__main__":
    main()
