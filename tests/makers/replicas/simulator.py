"""Simulated HA replicas: one truth, and what each of several agents that scrape it sends.

The truth is a counter with real resets, or a gauge. An agent scrapes it on its own clock; it may be
slow, which reads the value later than the timestamp says, miss scrapes one by one and in runs,
restart with a new phase, start late or end early, and change its interval when it is reloaded.

Besides timestamps and values a scene knows of every sample when it was really read, so that tests
can tell a reset from an effect of changing replicas.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Faults:
    """How much goes wrong. Rates are probabilities of a scrape; times in ms."""

    missed: float = 0.01
    runs: float = 0.003
    run_scrapes_max: int = 12
    restarts: float = 0.001
    slow: float = 0.05
    skew_max_ms: int = 2_000
    resets_an_hour: float = 2.0
    interval_changes: tuple[int, ...] = ()
    joins_and_leaves: bool = False


@dataclass(frozen=True, repr=False)
class Truth:
    """The scraped value over time: linear between knots, zero again after each reset."""

    knots_ms: Int64s
    levels: Float64s
    resets_ms: Int64s

    def at(self, read_ms: Int64s) -> Float64s:
        level = np.interp(read_ms, self.knots_ms, self.levels)
        if not len(self.resets_ms):
            return level
        floors = np.concatenate([[0.0], np.interp(self.resets_ms, self.knots_ms, self.levels)])
        return np.asarray(level - floors[self.epoch(read_ms)], np.float64)

    def epoch(self, read_ms: Int64s) -> Int64s:
        """How many resets there were up to each moment."""
        return np.searchsorted(self.resets_ms, read_ms, side="right").astype(np.int64)

    def increase(self, start_ms: int, end_ms: int) -> float:
        """Of the counter, resets taken out."""
        low, high = np.interp([start_ms, end_ms], self.knots_ms, self.levels)
        return float(high - low)


@dataclass(frozen=True, repr=False)
class Replica:
    """The samples of one agent. read_ms: the true time at which each value was read; due_ms: the
    true times at which it should have scraped, whether it did or not."""

    times: Int64s
    values: Float64s
    read_ms: Int64s
    due_ms: Int64s


@dataclass(frozen=True)
class Scene:
    """What the replicas of one series sent. intervals: (from true time on, scrape interval)."""

    truth: Truth
    replicas: tuple[Replica, ...]
    intervals: tuple[tuple[int, int], ...]
    gauge: bool
    faults: Faults = field(repr=False, default_factory=Faults)

    def interval_at(self, t: int) -> int:
        """The longest scrape interval that an agent may have had around a moment."""
        near = [
            i for k, (start, i) in enumerate(self.intervals)
            if start <= t + 120_000 and (
                k + 1 == len(self.intervals) or self.intervals[k + 1][0] >= t - 120_000
            )
        ]  # fmt: skip
        return max(near)


def simulate(
    rng: np.random.Generator,
    faults: Faults,
    *,
    replicas: int = 2,
    gauge: bool = False,
    interval_ms: int = 15_000,
    length_ms: int = HOUR_MS,
    knot_ms: int = 5_000,
) -> Scene:
    """knot_ms: how long a counter grows at one speed."""
    truth = make_gauge(rng, length_ms) if gauge else make_counter(rng, faults, length_ms, knot_ms)
    intervals = [(0, interval_ms)]
    for change in faults.interval_changes:
        intervals.append((int(rng.integers(0, length_ms)), change))
    intervals.sort()
    agents = tuple(scrape(rng, truth, faults, intervals, length_ms) for _ in range(replicas))
    return Scene(truth, agents, tuple(intervals), gauge, faults)


def make_counter(rng: np.random.Generator, faults: Faults, length_ms: int, knot_ms: int) -> Truth:
    """Grows by bursts; sometimes it does not grow for a while."""
    knots = np.arange(-60_000, length_ms + 120_000, knot_ms)
    speed = rng.choice([0.0, 0.3, 1.0, 7.0], len(knots)) * rng.exponential(10.0)
    levels = 1_000 * rng.random() + np.cumsum(speed)
    count = rng.poisson(faults.resets_an_hour * length_ms / HOUR_MS)
    resets = np.sort(rng.integers(0, length_ms, count))
    return Truth(knots, levels, resets.astype(np.int64))


def make_gauge(rng: np.random.Generator, length_ms: int) -> Truth:
    knots = np.arange(-60_000, length_ms + 120_000, 3_000)
    levels = np.cumsum(rng.normal(0, 1, len(knots))) + 100 * rng.random()
    return Truth(knots, levels, np.zeros(0, np.int64))


def scrape(
    rng: np.random.Generator,
    truth: Truth,
    faults: Faults,
    intervals: list[tuple[int, int]],
    length_ms: int,
) -> Replica:
    reload_ms = int(rng.integers(0, 30_000))
    due, spacing = schedule(rng, faults, intervals, length_ms, reload_ms)
    sent = ~missed(rng, faults, len(due))
    if faults.joins_and_leaves and rng.random() < 0.5:
        sent &= due > rng.integers(0, length_ms)
    if faults.joins_and_leaves and rng.random() < 0.5:
        sent &= due < rng.integers(0, length_ms)
    late = rng.integers(0, 50, len(due))
    slow = rng.random(len(due)) < faults.slow
    late = np.where(slow, (rng.random(len(due)) * np.minimum(spacing, 10_000)).astype(int), late)
    read = (due + late)[sent]
    skew = int(rng.integers(-faults.skew_max_ms, faults.skew_max_ms + 1))
    jitter = rng.integers(-2, 3, len(due))[sent]
    return Replica(due[sent] + skew + jitter, truth.at(read), read, due)


def schedule(
    rng: np.random.Generator,
    faults: Faults,
    intervals: list[tuple[int, int]],
    length_ms: int,
    reload_ms: int,
) -> tuple[Int64s, Int64s]:
    """True times at which an agent should scrape, and the interval it has at each. It takes over
    a changed interval when it is reloaded, up to half a minute late."""
    starts = [0] + [start + reload_ms for start, _ in intervals[1:]]
    due: list[int] = []
    spacing: list[int] = []
    t = int(rng.random() * intervals[0][1])
    while t < length_ms:
        at = max(k for k, start in enumerate(starts) if start <= t)
        interval = intervals[at][1]
        due.append(t)
        spacing.append(interval)
        if rng.random() < faults.restarts:
            t += int(interval * (1 + 10 * rng.random()))
        else:
            t += interval
    return np.array(due, np.int64), np.array(spacing, np.int64)


def missed(rng: np.random.Generator, faults: Faults, count: int) -> Bools:
    gone = rng.random(count) < faults.missed
    for first in np.flatnonzero(rng.random(count) < faults.runs):
        gone[first : first + rng.integers(2, faults.run_scrapes_max + 1)] = True
    return gone
