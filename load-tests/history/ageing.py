"""Days of history as they age: what they take at each level of compaction and downsampling.

Days of the past (past.py) are written straight into segments, one after the other, and after each
all is done that is due by then, as a server would have done it day by day. Prints a Markdown table:
how much each kind of segment takes, and what making them cost. Nothing is measured of queries.

    python load-tests/history/ageing.py [--days 90] [--series 1000] [--directory PATH]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the program of this checkout
sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

import numpy as np
from bodies import SERIES_PER_INSTANCE
from past import DAY_MS, SCRAPES_A_DAY, Past, day_values, labels_of, past_before, scrape_times
from prometheus_client import CollectorRegistry
from report import table
from runs import say

from storage.catalog.catalog import Catalog
from storage.compaction.compactor import Tools
from storage.compaction.planner import Job
from storage.compaction.worker import CompactionWorker
from storage.database import Database
from storage.kernels.arrays import Int64s
from storage.labels.pairs import LabelPairs
from storage.options import HOUR_MS, StorageOptions
from storage.samples.samples import Samples
from storage.segments.segment import Origin, SegmentMeta
from storage.segments.writer import Block, SegmentWriter
from storage.shard.sealing import series_columns
from storage.shard.shard import Shard

TENANT = "history"
BLOCK_SERIES = 100
# When what is due by the end of a day is done: the next noon.
LATER_MS = 12 * HOUR_MS


@dataclass(slots=True)
class Cost:
    """Of all jobs of one kind: samples or windows that were read, and processor time. made: the
    segments of the last of them."""

    jobs: int = 0
    read: int = 0
    cpu_seconds: float = 0.0
    made: list[SegmentMeta] = field(default_factory=list)


def nothing_to_decode(kind: int, payload: bytes) -> None:
    raise ValueError("there is no log to be read")


def opened(directory: Path) -> Database:
    options = StorageOptions(
        path=str(directory), retention_ms=0, retention_5m_ms=0, retention_1h_ms=0, shards=1,
        compaction_enabled=False, scrub_interval_ms=0,
    )  # fmt: skip
    return Database.open(options, nothing_to_decode, CollectorRegistry())  # type: ignore[arg-type]


def register(database: Database, past: Past) -> tuple[Shard, Int64s]:
    """The series of the past in the database's only shard: their refs."""
    database._known.add(TENANT)
    (shard,) = database._shards
    symbols, names, values, offsets = shard.table.symbols, [], [], [0]
    for number in range(past.series):
        for pair in sorted(labels_of(past, number)):
            for text, codes in zip(pair, (names, values), strict=True):
                raw = np.frombuffer(text.encode(), np.uint8)
                codes += symbols.intern(raw, np.zeros(1, np.int64), np.array([len(raw)])).tolist()
        offsets.append(len(names))
    pairs = LabelPairs(np.array(offsets), np.array(names, np.int32), np.array(values, np.int32))
    database._in_writer(0, lambda: refs.append(shard.table.ensure(1, pairs)))
    return shard, refs[0].astype(np.int64)


refs: list[Int64s] = []


def blocks_of(past: Past, day: int, numbers: Int64s, ids: Int64s) -> Iterator[Block]:
    """The samples of a day. numbers: of the series of the past, by ascending ids."""
    for first in range(0, len(ids), BLOCK_SERIES):
        own = numbers[first : first + BLOCK_SERIES].tolist()
        times = [scrape_times(past, day, number // SERIES_PER_INSTANCE) for number in own]
        values = [day_values(past, number, day) for number in own]
        offsets = np.arange(len(own) + 1, dtype=np.int64) * SCRAPES_A_DAY
        samples = Samples(offsets, np.concatenate(times), np.concatenate(values))
        yield ids[first : first + BLOCK_SERIES], samples


class Ageing:
    """A directory that gets older day by day."""

    def __init__(self, database: Database, past: Past) -> None:
        self._database = database
        self._past = past
        self._shard, found = register(database, past)
        self._numbers = np.argsort(self._shard.table.ids[found], kind="stable")
        self._refs = found[self._numbers]
        tools: Tools = database._tools()
        options = StorageOptions(
            path="", retention_ms=0, retention_5m_ms=0, retention_1h_ms=0, compaction_share=100
        )
        self._worker = CompactionWorker(options, tools, lambda: database._shards)
        self.costs: dict[tuple[str, int, int], Cost] = {}

    def add_day(self, day: int) -> None:
        """Write a day as a compacted segment."""
        shard, database = self._shard, self._database
        series = series_columns(shard.table, self._refs, {1: TENANT})
        writer: SegmentWriter = database._segment_writer(0)
        started = time.thread_time()
        segment = writer.write(
            series,
            blocks_of(self._past, day, self._numbers, series.ids),
            created_ms=self._past.start_ms + (day + 1) * DAY_MS,
            origin=Origin(rank=shard.next_rank, level=2),
        )
        self._note(("written", 0, 2), segment.samples, time.thread_time() - started, [segment])
        catalog: Catalog = database._catalog
        catalog.replace(0, (), (segment,))
        shard.replace_segments((), (segment,))

    def age(self, now_ms: int) -> None:
        """Do all that is due."""
        while jobs := self._worker.plan(self._shard, now_ms):
            self._do(jobs[0])
        self._database._doomed.delete_due(1 << 62)

    def _do(self, job: Job) -> None:
        started = time.process_time()
        doing = self._worker.downsampler if job.resolution_ms else self._worker.compactor
        made = doing.run(self._shard, job)
        spent = time.process_time() - started
        self._note((job.kind, job.resolution_ms, job.level), job.samples, spent, made)

    def _note(
        self, kind: tuple[str, int, int], read: int, seconds: float, made: list[SegmentMeta]
    ) -> None:
        cost = self.costs.setdefault(kind, Cost())
        cost.jobs += 1
        cost.read += read
        cost.cpu_seconds += seconds
        cost.made = made


def rows_of(ageing: Ageing, segments: tuple[SegmentMeta, ...]) -> Iterator[list[str]]:
    """Resolution, level, how it is made, and what that takes."""
    for (kind, resolution_ms, level), cost in sorted(ageing.costs.items(), key=lambda c: c[0][1:]):
        rows = sum(segment.samples for segment in cost.made)
        size = sum(segment.bytes for segment in cost.made)
        left = [s for s in segments if (s.resolution_ms, s.level) == (resolution_ms, level)]
        yield [
            f"{resolution_ms // 1000} s" if resolution_ms else "samples",
            str(level),
            kind,
            str(cost.jobs),
            f"{rows:,}",
            f"{size:,}",
            f"{size / max(1, rows):.2f}",
            f"{1e6 * cost.cpu_seconds / max(1, cost.read):.2f}",
            f"{len(left)}",
            f"{sum(s.bytes for s in left):,}",
        ]


HEADS = [
    "of", "level", "made by", "jobs", "rows of the last", "its bytes", "bytes a row",
    "CPU s for a million read", "left at the end", "bytes at the end",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--directory", type=Path)
    given = parser.parse_args()
    past = past_before(time.time_ns() // 1_000_000, given.days, given.series)
    with tempfile.TemporaryDirectory(prefix="cupola-ageing-") as temporary:
        database = opened(given.directory or Path(temporary))
        try:
            ageing = Ageing(database, past)
            for day in range(past.days):
                ageing.add_day(day)
                ageing.age(past.start_ms + (day + 1) * DAY_MS + LATER_MS)
                say(f"day {day + 1} of {past.days}")
            segments = database._shards[0].view().every_segment
            sys.stdout.write("\n".join(table(HEADS, list(rows_of(ageing, segments)))) + "\n")
        finally:
            database.close()


if __name__ == "__main__":
    main()
