"""The time that dedup adds to a query: the same range query over one replica, and over pairs.

    python load-tests/dedup_speed.py [--series=100000] [--samples=60]

Everything is in memory, so what is measured is evaluation. `clean` replicas miss no scrape, `lossy`
ones 2 % of theirs. The last columns are the algorithm alone: per sample that goes in.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from storage.dedup.algorithm import Algorithm
from storage.dedup.dedup import dedup
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.selection import DedupRule, DedupSelection, StoredSelection
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples

INTERVAL_MS = 15_000
QUERY = "sum by (mode) (rate(cpu[5m]))"
MODES = 8
RUNS = 5
TARGET = 1.6


@dataclass(frozen=True)
class Loaded:
    """A queryable that gives one selection, whatever it is asked for."""

    symbols: Symbols
    selection: StoredSelection | DedupSelection
    counters_differ: bool = False
    has_aggregates: bool = False

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> StoredSelection | DedupSelection:
        return self.selection


def replicas(series: int, samples: int, missed: float) -> Samples:
    """Two replicas of each series side by side, a third of an interval apart."""
    rng = np.random.default_rng(1)
    times = np.arange(samples) * INTERVAL_MS
    both = np.stack([times, times + INTERVAL_MS // 3])
    stamps = np.broadcast_to(both, (series, 2, samples)).reshape(-1)
    kept = rng.random(len(stamps)) >= missed
    counts = kept.reshape(-1, samples).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Samples(offsets, stamps[kept], stamps[kept] / 1_000)


def every_other(pairs: Samples) -> Samples:
    """The first replica of each pair."""
    counts = np.diff(pairs.offsets)[::2]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    taken = np.arange(offsets[-1]) + np.repeat(pairs.offsets[:-1:2] - offsets[:-1], counts)
    return Samples(offsets, pairs.timestamps[taken], pairs.values[taken])


def seconds(work: Callable[[], object]) -> float:
    """The best of some runs, after one that may compile."""
    work()
    best = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def measure(name: str, pairs: Samples, labels: LabelFrame, engine: Engine) -> None:
    members: Int64s = np.arange(0, pairs.series_count + 1, 2)
    last_ms = int(pairs.timestamps.max())

    def query(selection: StoredSelection | DedupSelection) -> float:
        loaded = Loaded(labels.symbols, selection)
        return seconds(lambda: engine.range_query(loaded, QUERY, 300_000, last_ms, INTERVAL_MS))

    alone_s = query(StoredSelection(labels, every_other(pairs), ()))
    line = f"{name:6} one replica {alone_s * 1e3:6.0f} ms"
    stored = StoredSelection(labels.take(np.repeat(np.arange(labels.rows), 2)), pairs, ())
    for algorithm in Algorithm:
        rule = DedupRule(("replica",), algorithm)
        order = np.arange(pairs.series_count)
        chosen = DedupSelection(labels, stored, members, order, rule, (0, last_ms))
        pair_s = query(chosen)
        kernel_s = seconds(lambda a=algorithm: dedup(pairs, members, a))
        line += (
            f" | {algorithm.value} {pair_s * 1e3:5.0f} ms, {pair_s / alone_s:4.2f} x, "
            f"{kernel_s / len(pairs) * 1e9:4.1f} ns a sample"
        )
    sys.stdout.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=60)
    options = parser.parse_args()
    symbols = Symbols()
    labels = LabelFrame.from_dicts(
        symbols,
        [
            {"__name__": "cpu", "instance": str(i // MODES), "mode": str(i % MODES)}
            for i in range(options.series)
        ],
    )
    engine = Engine(EngineOptions())
    sys.stdout.write(f"{options.series} series x {options.samples} samples: {QUERY}\n")
    for name, missed in (("clean", 0.0), ("lossy", 0.02)):
        measure(name, replicas(options.series, options.samples, missed), labels, engine)
    sys.stdout.write(f"target: a pair in at most {TARGET} x the time of one replica\n")
    engine.close()


if __name__ == "__main__":
    main()
