"""What one series made of simulated replicas can be accused of.

Two judges of a fall: by what replicas saw (that is what dedup can know), and by when the samples
were really read (that is the truth).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.makers.replicas.simulator import Bools, Float64s, Int64s, Scene

SLACK_MS = 100  # timestamps are not exact


@dataclass(frozen=True)
class Output:
    """One series: times, values, and which replica each sample is from."""

    times: Int64s
    values: Float64s
    sources: Int64s


@dataclass(frozen=True)
class Gap:
    """A sample of a replica in a hole of the output, and how far it is from both ends."""

    left: int
    replica: int
    k: int
    after_ms: int
    before_ms: int


def was_sent(scene: Scene, output: Output) -> bool:
    """Whether each sample is one of the replica that it is said to be from, unaltered."""
    for number, replica in enumerate(scene.replicas):
        own = output.sources == number
        at = np.searchsorted(replica.times, output.times[own])
        if not np.array_equal(replica.times[at], output.times[own]):
            return False
        if not np.array_equal(replica.values[at], output.values[own]):
            return False
    return True


def epochs(scene: Scene, output: Output) -> Int64s:
    """The number of real resets before each sample was read."""
    read = np.empty(len(output.times), np.int64)
    for number, replica in enumerate(scene.replicas):
        own = output.sources == number
        read[own] = replica.read_ms[np.searchsorted(replica.times, output.times[own])]
    return scene.truth.epoch(read)


def seen(scene: Scene, low: int, high: int) -> bool:
    """Whether one replica fell from a sample to the next in a stretch that overlaps (low, high)."""
    for replica in scene.replicas:
        first = max(int(np.searchsorted(replica.times, low, side="right")) - 1, 0)
        end = int(np.searchsorted(replica.times, high, side="left")) + 1
        if (np.diff(replica.values[first:end]) < 0).any():
            return True
    return False


def falls(output: Output) -> Int64s:
    return np.flatnonzero(np.diff(output.values) < 0)


def unseen_falls(scene: Scene, output: Output) -> list[int]:
    """Falls after positions of the output that no single replica saw."""
    times = output.times
    return [int(i) for i in falls(output) if not seen(scene, times[i], times[i + 1])]


def false_resets(scene: Scene, output: Output) -> list[int]:
    """Falls after positions of the output though the counter was not reset between the reads."""
    at = falls(output)
    epoch = epochs(scene, output)
    return [int(i) for i in at[epoch[at + 1] <= epoch[at]]]


def steps_back(scene: Scene, output: Output) -> list[int]:
    """Positions of the output after which a sample from before a reset comes too late."""
    return [int(i) for i in np.flatnonzero(np.diff(epochs(scene, output)) < 0)]


def usable_gaps(scene: Scene, output: Output) -> list[Gap]:
    """Samples in holes of more than 1.5 intervals, half an interval away from both ends."""
    found = []
    for i in np.flatnonzero(np.diff(output.times) > 1.5 * min(i for _, i in scene.intervals)):
        low, high = int(output.times[i]), int(output.times[i + 1])
        interval = max(scene.interval_at(low), scene.interval_at(high))
        if high - low <= 1.5 * interval + SLACK_MS:
            continue
        for number, replica in enumerate(scene.replicas):
            inside = (replica.times >= low + interval / 2) & (replica.times <= high - interval / 2)
            for k in np.flatnonzero(inside):
                t = int(replica.times[k])
                found.append(Gap(int(i), number, int(k), t - low, high - t))
    return found


def could_be_filled(scene: Scene, output: Output, gap: Gap, *, by_truth: bool) -> bool:
    """Whether the sample would make no false fall at either end of the gap, and is not, by the
    truth, from before a reset that the output has passed."""
    replica = scene.replicas[gap.replica]
    value, t = replica.values[gap.k], int(replica.times[gap.k])
    left, right = gap.left, gap.left + 1
    down_to_it = bool(value < output.values[left])
    down_from_it = bool(output.values[right] < value)
    if by_truth and not scene.gauge:
        epoch = epochs(scene, output)
        own = scene.truth.epoch(replica.read_ms[gap.k : gap.k + 1])[0]
        return not ((down_to_it and own <= epoch[left]) or (down_from_it and epoch[right] <= own))
    return not (
        (down_to_it and not seen(scene, int(output.times[left]), t))
        or (down_from_it and not seen(scene, t, int(output.times[right])))
    )


def open_holes(scene: Scene, output: Output, *, by_truth: bool = True) -> list[Gap]:
    """Usable samples that are missing though they would do no harm."""
    gaps = usable_gaps(scene, output)
    return [gap for gap in gaps if could_be_filled(scene, output, gap, by_truth=by_truth)]


def covered(times: Int64s, at: Int64s, interval_ms: int) -> Bools:
    """Of moments within the series, which lie between samples at most 1.5 intervals apart."""
    if len(times) < 2:
        return np.zeros(len(at), np.bool_)
    after = np.searchsorted(times, at, side="right")
    inside = (after > 0) & (after < len(times))
    after = np.clip(after, 1, len(times) - 1)
    close: Bools = inside & (times[after] - times[after - 1] <= 1.5 * interval_ms + SLACK_MS)
    return close


def fillable_misses(scene: Scene, interval_ms: int) -> Int64s:
    """The true times of scrapes that one replica missed while others left no hole there."""
    together = np.unique(np.concatenate([replica.times for replica in scene.replicas]))
    found = []
    for replica in scene.replicas:
        sent = np.searchsorted(replica.times, replica.due_ms - interval_ms // 2)
        has = sent < len(replica.times)
        nearest = replica.times[np.minimum(sent, len(replica.times) - 1)]
        has &= nearest <= replica.due_ms + interval_ms // 2
        found.append(replica.due_ms[~has])
    missed = np.concatenate(found)
    return missed[covered(together, missed, interval_ms)]
