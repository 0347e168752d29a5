"""Points: the samples that functions over time get in place of those that were downsampled.

They are real samples at their own times, as far as the purpose of a select can be served by such.
Two are not: a sum stands at the time of the last sample it is of; and between the first and the
last sample of a counter that was reset in its window stand a rise to `fallen` and a fall to zero,
by which it comes out as risen by what it rose by. What points stand for is in their weights.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from storage.downsampling.aggregates import Aggregates, KeptHistograms, Rows, WindowRuns
from storage.downsampling.windows import window_ends
from storage.kernels.arrays import Float64s, Int64s, frozen
from storage.kernels.jit import float_kernel_part, kernel, kernel_part
from storage.kernels.stale import STALE_NAN_BITS, is_stale
from storage.samples.hint import Purpose
from storage.samples.merge import pick, sort_rows, stack
from storage.samples.samples import Samples, Weights

STALE = np.uint64(STALE_NAN_BITS)
VALUES, RISES, RESETS, LOWEST, HIGHEST, TOTALS = range(6)
KINDS = {
    Purpose.VALUES: VALUES,
    Purpose.RISES: RISES,
    Purpose.RESETS: RESETS,
    Purpose.LOWEST: LOWEST,
    Purpose.HIGHEST: HIGHEST,
    Purpose.TOTALS: TOTALS,
    Purpose.ALL: VALUES,  # The best there is.
}
# Next to nothing, so that any number of falls from it makes a counter rise by nothing.
TINY = 5e-324


@dataclass(frozen=True, slots=True)
class PointRoom:
    """Room for so many points of series, that come series by series in the order of time.

    following: where the next point of each series goes."""

    offsets: Int64s
    following: Int64s
    times: Int64s
    values: Float64s
    counts: Int64s
    since: Int64s

    @classmethod
    def of(cls, sizes: Int64s) -> "PointRoom":
        """sizes: how many points each series has."""
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        size = int(offsets[-1])
        times, counts, since = (np.empty(size, np.int64) for _ in range(3))
        return cls(offsets, offsets[:-1].copy(), times, np.empty(size), counts, since)

    def put_windows(self, runs: WindowRuns, purpose: Purpose) -> None:
        """The points of windows."""
        kind: int = KINDS[purpose]
        columns: tuple[Any, ...] = (
            runs.items, runs.starts, runs.lengths, runs.rows, self.following,
            self.times, self.values, self.counts, self.since,
        )  # fmt: skip
        if kind == VALUES:
            place_values(*columns)
        else:
            place_points(kind, *columns)

    def put_samples(self, samples: Samples) -> None:
        """Samples as they came, which stand for themselves."""
        place_samples(
            frozen(samples.offsets), frozen(samples.timestamps), frozen(samples.values),
            self.following, self.times, self.values, self.counts, self.since,
        )  # fmt: skip

    def filled(self) -> Samples:
        assert (self.following == self.offsets[1:]).all(), "BUG: points that were not counted"
        weights = Weights(self.counts, self.since)
        return Samples(self.offsets, self.times, self.values, weights=weights)


def count_points(runs: WindowRuns, purpose: Purpose, sizes: Int64s) -> None:
    """Add how many points windows become to those of their series."""
    add_points(KINDS[purpose], runs.items, runs.starts, runs.lengths, runs.rows, sizes)


def points_of(aggregates: Aggregates, purpose: Purpose, resolution_ms: int) -> Samples:
    """Samples with weights of the same series, stale markers included. resolution_ms: of the
    windows."""
    runs, sizes = WindowRuns.of(aggregates), np.zeros(aggregates.series_count, np.int64)
    count_points(runs, purpose, sizes)
    room = PointRoom.of(sizes)
    room.put_windows(runs, purpose)
    floats = room.filled()
    if aggregates.histograms is None:
        return floats
    return merged(floats, histogram_points(aggregates.histograms, resolution_ms))


def histogram_points(kept: KeptHistograms, resolution_ms: int) -> Samples:
    """The kept histograms with what they stand for: the last of a window for all that are not kept
    of it, as well."""
    samples = kept.samples
    live = ~is_stale(np.ascontiguousarray(samples.values))
    series = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    ends = window_ends(samples.timestamps, resolution_ms)
    begins = np.ones(len(samples), np.bool_)
    begins[1:] = (np.diff(series) != 0) | (np.diff(ends) != 0)
    counts, since = live.astype(np.int64), samples.timestamps.copy()
    if len(samples):
        firsts = np.flatnonzero(begins)
        totals = np.add.reduceat(kept.counts, firsts)
        hidden = totals - np.add.reduceat(counts, firsts)
        window = np.cumsum(begins) - 1
        counts[kept.counts > 0] += hidden[window[kept.counts > 0]]
        stretched = live & (hidden[window] > 0)
        since[stretched] = samples.timestamps[firsts][window[stretched]]
    return replace(samples, weights=Weights(counts, since))


def merged(floats: Samples, histograms: Samples) -> Samples:
    """Both in order of time."""
    both = stack([floats, histograms])
    count = floats.series_count
    rows = np.repeat(np.arange(2 * count) % count, np.diff(both.offsets))
    offsets, order = sort_rows(rows, both.timestamps, count)
    return pick(both, offsets, order)


@kernel
def add_points(
    kind: int, items: Int64s, starts: Int64s, lengths: Int64s, rows: Rows, sizes: Int64s
) -> None:
    """Count what place_points() writes."""
    for r in range(len(items)):
        total = 0
        for k in range(starts[r], starts[r] + lengths[r]):
            total += rows.stale_ms[k] != 0
            if rows.count[k] < 1:
                continue
            if kind == VALUES:
                total += count_values(rows, k)
            elif kind in (RISES, RESETS):
                total += 1 if rows.count[k] == 1 else 2
                if rows.falls[k] > 0:
                    total += 2 * falls_placed(rows, k, 1 if kind == RISES else rows.falls[k])
            else:
                total += 1
        sizes[items[r]] += total


@kernel
def place_points(
    kind: int,
    items: Int64s,
    starts: Int64s,
    lengths: Int64s,
    rows: Rows,
    following: Int64s,
    times: Int64s,
    values: Float64s,
    counts: Int64s,
    since: Int64s,
) -> None:
    """Write the points of runs of windows; following: where those of each series go on. Not of
    VALUES: see place_values()."""
    bits = values.view(np.uint64)
    for r in range(len(items)):
        out = following[items[r]]
        for k in range(starts[r], starts[r] + lengths[r]):
            first = out
            if rows.count[k] > 0:
                if kind in (RISES, RESETS):
                    out = place_ends(rows, k, times, values, first)
                else:
                    out = place_one(kind, rows, k, times, values, first)
                weigh(rows, k, first, out, counts, since, times)
                if kind == RISES and rows.falls[k] > 0:
                    out = place_falls(rows, k, 1, out, times, values, counts, since)
                elif kind == RESETS:
                    out = place_falls(rows, k, rows.falls[k], out, times, values, counts, since)
            if rows.stale_ms[k] != 0:
                times[out], bits[out] = rows.stale_ms[k], STALE
                counts[out], since[out] = 0, rows.stale_ms[k]
                out += 1
        following[items[r]] = out


@kernel
def place_values(
    items: Int64s,
    starts: Int64s,
    lengths: Int64s,
    rows: Rows,
    following: Int64s,
    times: Int64s,
    values: Float64s,
    counts: Int64s,
    since: Int64s,
) -> None:
    """As place_points(), of each window the first, the smallest, the largest and the last float,
    each once, in order of time.

    All in one function: handing the columns on to another one took five times as long as this.
    """
    bits = values.view(np.uint64)
    for r in range(len(items)):
        out = following[items[r]]
        for k in range(starts[r], starts[r] + lengths[r]):
            if rows.count[k] > 0:
                first, first_ms = out, rows.first_ms[k]
                lowest_ms, highest_ms, last_ms = rows.min_ms[k], rows.max_ms[k], rows.last_ms[k]
                latest, values[out] = first_ms, rows.first[k]
                times[out] = first_ms
                if latest < lowest_ms < highest_ms:
                    out, latest = out + 1, lowest_ms
                    times[out], values[out] = lowest_ms, rows.min[k]
                if highest_ms > latest:
                    out, latest = out + 1, highest_ms
                    times[out], values[out] = highest_ms, rows.max[k]
                if lowest_ms > latest:
                    out, latest = out + 1, lowest_ms
                    times[out], values[out] = lowest_ms, rows.min[k]
                if last_ms > latest:
                    out += 1
                    times[out], values[out] = last_ms, rows.last[k]
                out += 1
                hidden = rows.count[k] - (out - first)
                for j in range(first, out):
                    counts[j], since[j] = 1, first_ms if hidden > 0 else times[j]
                counts[out - 1] += hidden
            if rows.stale_ms[k] != 0:
                times[out], bits[out] = rows.stale_ms[k], STALE
                counts[out], since[out] = 0, rows.stale_ms[k]
                out += 1
        following[items[r]] = out


@kernel
def place_samples(
    offsets: Int64s,
    timestamps: Int64s,
    own_values: Float64s,
    following: Int64s,
    times: Int64s,
    values: Float64s,
    counts: Int64s,
    since: Int64s,
) -> None:
    """Write samples as they came, series by series."""
    own_bits, bits = own_values.view(np.uint64), values.view(np.uint64)
    for i in range(len(offsets) - 1):
        out = following[i]
        for k in range(offsets[i], offsets[i + 1]):
            times[out] = since[out] = timestamps[k]
            bits[out], counts[out] = own_bits[k], 1
            out += 1
        following[i] = out


@kernel_part
def count_values(rows: Rows, k: int) -> int:
    """How many points place_values() writes of a window with floats."""
    found, latest = 1, rows.first_ms[k]
    early, late = min(rows.min_ms[k], rows.max_ms[k]), max(rows.min_ms[k], rows.max_ms[k])
    for each in (early, late, rows.last_ms[k]):
        if each > latest:
            found, latest = found + 1, each
    return found


@kernel_part
def falls_placed(rows: Rows, k: int, falls: int) -> int:
    """How many of the falls there is room for between first and last of a window. Of two samples
    that are all there are, the second one shows the fall itself."""
    if rows.count[k] < 3:
        return 0
    placed: int = max(0, min(falls, (rows.last_ms[k] - rows.first_ms[k] - 1) // 2))
    return placed


@kernel_part
def place_one(kind: int, rows: Rows, k: int, times: Int64s, values: Float64s, out: int) -> int:
    if kind == LOWEST:
        times[out], values[out] = rows.min_ms[k], rows.min[k]
    elif kind == HIGHEST:
        times[out], values[out] = rows.max_ms[k], rows.max[k]
    else:
        times[out], values[out] = rows.last_ms[k], rows.sum[k]
    return out + 1


@kernel_part
def place_ends(rows: Rows, k: int, times: Int64s, values: Float64s, out: int) -> int:
    times[out], values[out] = rows.first_ms[k], rows.first[k]
    if rows.count[k] == 1:
        return out + 1
    times[out + 1], values[out + 1] = rows.last_ms[k], rows.last[k]
    return out + 2


@kernel_part
def weigh(
    rows: Rows, k: int, first: int, out: int, counts: Int64s, since: Int64s, times: Int64s
) -> None:
    """Each point of a window stands for itself, and the last one for all that are not there."""
    hidden = rows.count[k] - (out - first)
    for j in range(first, out):
        counts[j] = 1
        since[j] = rows.first_ms[k] if hidden > 0 else times[j]
    counts[out - 1] += hidden


@float_kernel_part
def place_falls(
    rows: Rows,
    k: int,
    falls: int,
    out: int,
    times: Int64s,
    values: Float64s,
    counts: Int64s,
    since: Int64s,
) -> int:
    """Put falls between the two points of a counter, that end at `out`. All of them together take
    as much as fell in the window; they stand where a steady rise would bring the first of them."""
    first_ms, last_ms = rows.first_ms[k], rows.last_ms[k]
    falls = falls_placed(rows, k, falls)
    if falls < 1:
        return out
    last = out - 1
    before, after = rows.fallen[k] - rows.first[k], rows.last[k]
    share = 1.0 if before > 0 else 0.0
    if before > 0 and after > 0:
        share = before / (before + after)
    if not share <= 1.0:  # of infinite ones
        share = 1.0
    at_ms = first_ms + 1 + int(share * (last_ms - first_ms - 1 - 2 * falls))
    counts[out + 2 * falls - 1] = counts[last]
    times[out + 2 * falls - 1], values[out + 2 * falls - 1] = last_ms, rows.last[k]
    since[out + 2 * falls - 1] = first_ms
    for j in range(falls):
        place = last + 2 * j
        times[place], values[place] = at_ms + 2 * j, rows.fallen[k] if j == 0 else TINY
        times[place + 1], values[place + 1] = at_ms + 2 * j + 1, 0.0
        counts[place] = counts[place + 1] = 0
        since[place] = since[place + 1] = first_ms
    return out + 2 * falls
