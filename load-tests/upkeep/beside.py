"""Compaction beside ingest and queries: what it costs them.

Samples are sealed as many small segments; then, for the same time each, samples are written and a
query is asked without a pause, first with compaction off, then while all these segments are
compacted. Prints a Markdown table: samples a second, and the times of the query.

    python load-tests/upkeep/beside.py [--samples 50000000] [--seconds 60]
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the program of this checkout
sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

import numpy as np
from batches import DECODER, batches_of, labels_of
from prometheus_client import CollectorRegistry
from report import table
from runs import say

from storage.batch import Batch
from storage.database import Database
from storage.errors import StorageError
from storage.labels.matchers import Matcher
from storage.options import DAY_MS, HOUR_MS, StorageOptions

SERIES, STEP_MS = 2_000, 15_000
ASKED = Matcher("n", "=", "7")
COLUMNS = ("compaction", "samples/s", "queries", "median ms", "p99 ms", "compacted samples")


@dataclass
class Phase:
    """What happened in a while."""

    written: int = 0
    times_ms: list[float] = field(default_factory=list)
    compacted: int = 0
    seconds: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=50_000_000)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cupola-beside-") as name:
        options = StorageOptions(
            path=name, retention_ms=0, shards=1, head_samples_max=2_000_000,
            compaction_enabled=False, downsampling_enabled=False, scrub_interval_ms=0,
        )  # fmt: skip
        past_ms = (int(time.time() * 1000) - 9 * DAY_MS) // DAY_MS * DAY_MS
        fill(options, given.samples, past_ms)
        rows = []
        for is_on in (False, True):
            phase = measure(replace(options, compaction_enabled=is_on), given.seconds, past_ms)
            rows.append(row("on" if is_on else "off", phase))
            say(" | ".join(rows[-1]))
    sys.stdout.write("\n".join(table(COLUMNS, rows)) + "\n")


def opened(options: StorageOptions, registry: CollectorRegistry) -> Database:
    return Database.open(options, DECODER.decode, registry)


def fill(options: StorageOptions, samples: int, first_ms: int) -> None:
    """Days of the past, in small segments."""
    database = opened(options, CollectorRegistry())
    try:
        at_ms = first_ms
        for _ in range(samples // (SERIES * 50)):
            for batch in round_of(at_ms):
                append(database, batch, at_ms)
            at_ms += 50 * STEP_MS
    finally:
        database.close()


def round_of(at_ms: int) -> list[Batch]:
    times = at_ms + STEP_MS * np.arange(50, dtype=np.int64)
    values = np.random.default_rng(at_ms % 997).random((SERIES, 50))
    return batches_of([labels_of(n) for n in range(SERIES)], times, values)


def append(database: Database, batch: Batch, at_ms: int) -> None:
    while True:
        try:
            asyncio.run(database.append("load", batch, at_ms))
            return
        except StorageError as error:
            if not error.retryable:
                raise
            time.sleep(0.05)


def measure(options: StorageOptions, seconds: float, first_ms: int) -> Phase:
    """Write and ask for so long."""
    registry, phase = CollectorRegistry(), Phase()
    database = opened(options, registry)
    ended = threading.Event()

    def write() -> None:
        at_ms = int(time.time() * 1000) - 6 * HOUR_MS
        while not ended.is_set():
            for batch in round_of(at_ms):
                append(database, batch, at_ms)
            phase.written += 50 * SERIES
            at_ms += 50 * STEP_MS

    def ask() -> None:
        while not ended.is_set():
            began = time.monotonic()
            querier = database.querier("load", replica_labels=(), dedup=True)
            selection = querier.select([ASKED], first_ms, first_ms + 2 * HOUR_MS)
            selection.read(0, selection.labels.rows)
            phase.times_ms.append((time.monotonic() - began) * 1000)

    threads = [threading.Thread(target=work) for work in (write, ask)]
    began = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        time.sleep(seconds)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        phase.seconds = time.monotonic() - began
        found = registry.get_sample_value("cupola_compaction_samples_total")
        phase.compacted = int(found or 0)
        database.close()
    return phase


def row(name: str, phase: Phase) -> tuple[str, ...]:
    times = np.array(phase.times_ms)
    return (
        name,
        f"{phase.written / phase.seconds:,.0f}",
        f"{len(times):,}",
        f"{np.median(times):.1f}",
        f"{np.percentile(times, 99):.1f}",
        f"{phase.compacted:,}",
    )


if __name__ == "__main__":
    main()
