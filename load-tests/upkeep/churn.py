"""Churn: memory while series come and go all the time, in days that pass in minutes.

A fixed number of series is alive; so many new ones a day take the places of others. The clock of
retention runs with the samples. Prints a Markdown table with what there is every few hours of that
time: it is flat once the first day is past its retention.

    python load-tests/upkeep/churn.py [--alive 100000] [--new 1000000] [--days 3] [--step 300]
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the program of this checkout
sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

import numpy as np
from batches import DECODER, batches_of, labels_of, resident_bytes
from prometheus_client import CollectorRegistry
from report import table
from runs import say

from storage.database import Database
from storage.options import DAY_MS, HOUR_MS, StorageOptions
from storage.policy import Policy

SHOWN_MS = 6 * HOUR_MS
SEALED_EVERY_S = 7_200  # as by storage.head.max-age, whose clock is not that of the samples
COLUMNS = ("hours", "MiB in memory", "series known", "segments", "MiB on disk", "samples/s")


class Clock:
    """The time of the samples."""

    def __init__(self) -> None:
        self.now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alive", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=1_000_000, help="series a day")
    parser.add_argument("--days", type=float, default=3)
    parser.add_argument("--step", type=int, default=300, help="seconds between samples")
    parser.add_argument("--retention", type=float, default=1, help="days")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cupola-churn-") as directory:
        rows = run(Path(directory), options)
    sys.stdout.write("\n".join(table(COLUMNS, rows)) + "\n")


def run(directory: Path, given: argparse.Namespace) -> list[tuple[str, ...]]:
    clock = Clock()
    start_ms = int(time.time() * 1000) - int(given.days * DAY_MS)
    clock.now_ms = start_ms
    options = StorageOptions(
        path=str(directory), retention_ms=int(given.retention * DAY_MS), shards=1,
        head_samples_max=max(16 * given.alive, SEALED_EVERY_S // given.step * given.alive),
        downsampling_enabled=False,
        series_max=2_000_000 + 4 * given.new,
    )  # fmt: skip
    policy = Policy(clock=clock)
    rows = []
    database = Database.open(options, DECODER.decode, CollectorRegistry(), policy)
    try:
        shown_ms, written, began = start_ms, 0, time.monotonic()
        for number in range(int(given.days * DAY_MS / (given.step * 1000))):
            clock.now_ms = start_ms + number * given.step * 1000
            written += write(database, given, clock.now_ms, number)
            keep_up(database, clock.now_ms)
            if clock.now_ms - shown_ms >= SHOWN_MS:
                rows.append(row(database, directory, clock.now_ms - start_ms, written, began))
                shown_ms, written, began = clock.now_ms, 0, time.monotonic()
                say(" | ".join(rows[-1]))
    finally:
        database.close()
    return rows


def keep_up(database: Database, now_ms: int) -> None:
    """What a server does every few seconds, of which more pass here."""
    for shard, writer in zip(database._shards, database._writers, strict=True):
        database._retention.run(shard, now_ms)
        writer.forgetting.survey(now_ms)


def write(database: Database, given: argparse.Namespace, now_ms: int, number: int) -> int:
    """A sample of each series that is alive; those of the lowest numbers are gone already."""
    first = int(number * given.step * 1000 * given.new / DAY_MS)
    labels = [labels_of(n) for n in range(first, first + given.alive)]
    values = np.random.default_rng(number).integers(0, 1000, (given.alive, 1)).astype(np.float64)
    for batch in batches_of(labels, np.array([now_ms]), values):
        asyncio.run(appended(database, batch, now_ms))
    return given.alive


async def appended(database: Database, batch: object, now_ms: int) -> None:
    while True:
        try:
            await database.append("load", batch, now_ms)  # type: ignore[arg-type]
            return
        except Exception as error:
            if not getattr(error, "retryable", False):
                raise
        await asyncio.sleep(0.2)


def disk_bytes(directory: Path) -> int:
    """Of the files that stay while they are looked at."""
    size = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.stat(os.path.join(folder, name)).st_size
    return size


def row(
    database: Database, directory: Path, passed_ms: int, written: int, began: float
) -> tuple[str, ...]:
    shards = database._shards
    size = disk_bytes(directory)
    return (
        f"{passed_ms / HOUR_MS:.0f}",
        f"{resident_bytes() >> 20}",
        f"{sum(len(shard.table) for shard in shards):,}",
        f"{sum(len(shard.view().every_segment) for shard in shards)}",
        f"{size >> 20}",
        f"{written / (time.monotonic() - began):,.0f}",
    )


if __name__ == "__main__":
    main()
