"""How often each way of dedup is wrong: simulated HA pairs, counted against the truth.

    python load-tests/dedup_simulation.py [--pairs=10000] [--seed=1] [--intervals=15]

Each pair is one counter that two agents scrape every 15 s for an hour and ten minutes
(tests/makers/replicas/simulator.py); increase is that of the hour in the middle. At other intervals
(s) they scrape as often, and bursts and resets are as many. Of several intervals only `auto` is
shown. The rows that are no algorithm of Cupola: `window` keeps, as VictoriaMetrics does, the last
timestamp of each window of an interval, the largest value if there are two; `first replica` is no
dedup.

A hole is left open if a replica has a sample in it, half an interval away from both ends, that
would be no false reset and not from before a reset that the output has passed.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from api.promql.ranges.floats import rate
from api.promql.ranges.windows import Windows
from storage.dedup.algorithm import Algorithm
from storage.dedup.dedup import dedup
from storage.kernels.arrays import Int64s
from storage.samples.merge import between
from storage.samples.samples import Samples
from tests.makers.replicas.judge import (
    Output,
    covered,
    false_resets,
    fillable_misses,
    open_holes,
    steps_back,
    unseen_falls,
)
from tests.makers.replicas.simulator import HOUR_MS, Faults, Scene, simulate

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Times:
    """How long agents scrape at an interval, and over what the increase is asked for."""

    interval_ms: int

    @property
    def start_ms(self) -> int:
        return 20 * self.interval_ms

    @property
    def range_ms(self) -> int:
        return 240 * self.interval_ms

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.range_ms

    def scene(self, rng: np.random.Generator) -> Scene:
        return simulate(
            rng,
            Faults(resets_an_hour=2 * HOUR_MS / self.range_ms),
            interval_ms=self.interval_ms,
            length_ms=self.end_ms + self.start_ms,
            knot_ms=max(1, self.interval_ms // 3),
        )


@dataclass(slots=True)
class Tally:
    """What one way of dedup did. errors: of increase over the hour, as a share of the truth."""

    falls_unseen: int = 0
    resets_false: int = 0
    open: int = 0
    misses: int = 0
    filled: int = 0
    samples: int = 0
    errors: list[float] = field(default_factory=list)

    def add(self, times: Times, scene: Scene, output: Output, increase: float) -> None:
        self.falls_unseen += len(unseen_falls(scene, output))
        self.resets_false += len(false_resets(scene, output)) + len(steps_back(scene, output))
        self.open += len({gap.left for gap in open_holes(scene, output)})
        missed = fillable_misses(scene, times.interval_ms)
        self.misses += len(missed)
        self.filled += int(covered(output.times, missed, times.interval_ms).sum())
        self.samples += len(output.times)
        true = scene.truth.increase(times.start_ms, times.end_ms)
        if true > 0:
            self.errors.append(abs(increase - true) / true)


def increases(counters: Samples, times: Times) -> list[float]:
    """PromQL's increase of each series over the range."""
    ends = np.array([times.end_ms])
    increase = rate(is_counter=True, is_rate=False)
    cells, present = increase(counters, Windows(ends, ends, times.range_ms), [])
    assert present.all(), "BUG: a pair without samples in the range"
    return cells[:, 0].tolist()


Chosen = tuple[Samples, Int64s]
Choose = Callable[[Samples, Int64s, Times], Chosen]


def algorithm(named: Algorithm) -> Choose:
    def choose(samples: Samples, members: Int64s, _: Times) -> Chosen:
        found = dedup(samples, members, named, provenance=True)
        assert found.sources is not None
        return found.samples, found.sources.astype(np.int64)

    return choose


def window(samples: Samples, members: Int64s, times: Times) -> Chosen:
    """The last timestamp of each window that ends at a multiple of the interval; of two values at
    it, the larger."""
    series = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    group = np.searchsorted(members, series, side="right") - 1
    end = -(-samples.timestamps // times.interval_ms)
    order = np.lexsort((samples.values, samples.timestamps, end, group))
    last = np.flatnonzero(np.diff(end[order], append=-1) | np.diff(group[order], append=-1))
    kept = order[last]
    offsets = np.searchsorted(group[kept], np.arange(len(members)))
    sources = series[kept] - members[group[kept]]
    return Samples(offsets, samples.timestamps[kept], samples.values[kept]), sources


def first_replica(samples: Samples, members: Int64s, _: Times) -> Chosen:
    counts = np.diff(samples.offsets)[members[:-1]]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    kept = np.arange(offsets[-1]) + np.repeat(samples.offsets[members[:-1]] - offsets[:-1], counts)
    taken = Samples(offsets, samples.timestamps[kept], samples.values[kept])
    return taken, np.zeros(len(kept), np.int64)


WAYS: dict[str, Choose] = {
    "`auto`": algorithm(Algorithm.AUTO),
    "`penalty`": algorithm(Algorithm.PENALTY),
    "`chain`": algorithm(Algorithm.CHAIN),
    "window": window,
    "first replica": first_replica,
}


def pairs(count: int, seed: int, times: Times) -> Iterator[list[Scene]]:
    rng = np.random.default_rng(seed)
    for start in range(0, count, CHUNK):
        yield [times.scene(rng) for _ in range(min(CHUNK, count - start))]


def columns(scenes: list[Scene]) -> tuple[Samples, Int64s]:
    replicas = [replica for scene in scenes for replica in scene.replicas]
    offsets = np.cumsum([0] + [len(replica.times) for replica in replicas]).astype(np.int64)
    times = np.concatenate([replica.times for replica in replicas])
    values = np.concatenate([replica.values for replica in replicas])
    return Samples(offsets, times, values), np.arange(0, len(replicas) + 1, 2)


def tally(scenes: list[Scene], times: Times, tallies: dict[str, Tally]) -> None:
    samples, members = columns(scenes)
    # As in Thanos, `penalty` starts with the range, and changes values only where increase asks.
    asked = between(samples, times.start_ms + 1, times.end_ms)
    raised = dedup(asked, members, Algorithm.PENALTY, counter=True).samples
    for name, one in tallies.items():
        found, sources = WAYS[name](samples, members, times)
        risen = increases(raised if name == "`penalty`" else found, times)
        for g, scene in enumerate(scenes):
            own = slice(found.offsets[g], found.offsets[g + 1])
            output = Output(found.timestamps[own], found.values[own], sources[own])
            one.add(times, scene, output, risen[g])


def report(tallies: dict[str, Tally]) -> str:
    lines = [
        "| way | falls no replica saw | false resets | holes left open "
        "| missed scrapes made up for | samples | error of increase: mean | median | 99 % |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, one in tallies.items():
        median, mean = np.median(one.errors), np.mean(one.errors)
        worst = np.quantile(one.errors, 0.99)
        lines.append(
            f"| {name} | {one.falls_unseen:,} | {one.resets_false:,} | {one.open:,} "
            f"| {one.filled:,} of {one.misses:,} ({one.filled / one.misses:.2%}) "
            f"| {one.samples:,} | {mean:.3%} | {median:.3%} | {worst:.2%} |"
        )
    return "\n".join(lines)


def measured(options: argparse.Namespace, interval_s: int, names: Iterable[str]) -> list[Tally]:
    """What the ways of these names do with the pairs at one interval."""
    tallies = {name: Tally() for name in names}
    times = Times(1_000 * interval_s)
    for scenes in pairs(options.pairs, options.seed, times):
        tally(scenes, times, tallies)
    return list(tallies.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--intervals", default="15", help="in seconds, separated by commas")
    options = parser.parse_args()
    start = time.perf_counter()
    intervals = [int(text) for text in options.intervals.split(",")]
    if len(intervals) == 1:
        rows = dict(zip(WAYS, measured(options, intervals[0], WAYS), strict=True))
    else:
        rows = {f"`auto`, {i:,} s": measured(options, i, ["`auto`"])[0] for i in intervals}
    sys.stdout.write(f"{report(rows)}\n\n")
    took_s = time.perf_counter() - start
    sys.stdout.write(f"{options.pairs} pairs of 280 scrapes, {took_s:.0f} s\n")


if __name__ == "__main__":
    main()
