"""The edges of windows: of each window its first and its last sample, and what a counter rose by.

That is all that rates are made of. Samples are taken piece by piece, as they lie where they are
read from, each series in the order of time, and are looked at once: none is copied.

Invariant: what is found is to the bit what looking at the samples of a series as a whole gives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from storage.kernels.arrays import Float64s, Int64s, UInt64s, frozen
from storage.kernels.jit import float_kernel, kernel
from storage.kernels.stale import STALE_NAN_BITS
from storage.samples.samples import Samples
from storage.samples.search import end_at_most, first_at_least, first_near

STALE = np.uint64(STALE_NAN_BITS)
NEVER_MS = int(np.iinfo(np.int64).min)
ANYWHERE = -1  # where a number may be less than the one before


@dataclass(frozen=True, slots=True)
class WindowGrid:
    """Windows (ends[k] - range_ms, ends[k]], whose ends never decrease. is_counter: whether a fall
    is the reset of a counter. span: other samples are not there, both ends inclusive."""

    ends: Int64s
    range_ms: int
    is_counter: bool
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Edges:
    """Of each series and window, [series, windows]: counts: how many samples; of two or more first
    and last time and the first value, and change: the last value less the first one, and of a
    counter the values before its falls, in the order of time. samples: of all series."""

    counts: Int64s
    first_ms: Int64s
    last_ms: Int64s
    first: Float64s
    change: Float64s
    samples: int


class EdgeRoom:
    """Where the edges of some series are put together. Used by one thread."""

    def __init__(self, series: int, samples_max: int, grid: WindowGrid) -> None:
        """samples_max: that are taken; memory of falls is touched only as far as there are any."""
        self.grid = grid
        shape = (series, len(grid.ends))
        self.low, self.high, self.first_ms, self.last_ms = (
            np.empty(shape, np.int64) for _ in range(4)
        )
        self.first, self.last = np.empty(shape), np.empty(shape)
        # Of each series: the next window to begin and to end, samples so far, time of the latest.
        self.state = np.zeros((4, series), np.int64)
        self.state[3] = NEVER_MS
        self.latest = np.zeros(series)
        # Series, number and time order of falls; and the value before each.
        self.falls = np.empty((2, samples_max + 1), np.int64)
        self.before = np.empty(samples_max + 1)
        self.count = np.zeros(1, np.int64)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What take_edges() needs after a piece."""
        grid = self.grid
        return (
            grid.is_counter, frozen(grid.ends), grid.range_ms, *grid.span, self.state, self.latest,
            self.low, self.high, self.first_ms, self.last_ms, self.first, self.last,
            self.falls, self.before, self.count,
        )  # fmt: skip

    def take(self, samples: Samples) -> bool:
        """Take plain samples, of all series. False, after which the room is of no use, if some of
        them are stale markers or not after those before."""
        columns = frozen(samples.offsets), frozen(samples.timestamps), frozen(samples.values)
        return bool(take_series(*columns, *self.arguments))

    def closed(self) -> Edges:
        """The edges, after all samples were taken."""
        taken = int(self.count[0])
        order = np.argsort(self.falls[0, :taken], kind="stable")
        series = self.falls[0, :taken][order]
        offsets = np.searchsorted(series, np.arange(len(self.latest) + 1)).astype(np.int64)
        at, before = self.falls[1, :taken][order], self.before[:taken][order]
        close_edges(
            offsets, at, before, self.state, self.latest,
            self.low, self.high, self.last_ms, self.first, self.last,
        )  # fmt: skip
        samples = int(self.state[2].sum())
        return Edges(self.high, self.first_ms, self.last_ms, self.first, self.last, samples)


@float_kernel
def note_falls(
    series: int,
    values: Any,
    power: float,
    seen: int,
    latest: float,
    row: int,
    fallen: Int64s,
    falls: Int64s,
    before: Float64s,
    count: Int64s,
) -> None:
    """Note the falls of a piece behind so many samples, the newest of which is `latest`. fallen:
    where there may be some, the piece being what is at `row`, as take_edges() has it."""
    if seen > 0 and values[0] / power < latest:
        falls[0, count[0]], falls[1, count[0]], before[count[0]] = series, seen, latest
        count[0] += 1
    if fallen[0] == ANYWHERE:
        note_within(series, values, power, seen, 1, len(values), falls, before, count)
    for k in range(fallen[0]):
        begin, end = fallen[2 * k + 1] - row, min(fallen[2 * k + 2] - row, len(values))
        note_within(series, values, power, seen, max(begin, 1), end, falls, before, count)


@float_kernel
def note_within(
    series: int,
    values: Any,
    power: float,
    seen: int,
    begin: int,
    end: int,
    falls: Int64s,
    before: Float64s,
    count: Int64s,
) -> None:
    """Note which of the values at [begin, end) are less than those before them."""
    found = 0
    for j in range(begin, end):
        found += 1 if values[j] < values[j - 1] else 0
    if found == 0:
        return
    for j in range(begin, end):
        if values[j] < values[j - 1]:
            falls[0, count[0]], falls[1, count[0]] = series, seen + j
            before[count[0]] = values[j - 1] / power
            count[0] += 1


@float_kernel
def take_edges(
    series: int,
    times: Int64s,
    values: Any,
    power: float,
    row: int,
    fallen: Int64s,
    is_counter: bool,
    ends: Int64s,
    range_ms: int,
    span_first: int,
    span_last: int,
    state: Int64s,
    latest: Float64s,
    low: Int64s,
    high: Int64s,
    first_ms: Int64s,
    last_ms: Int64s,
    first: Float64s,
    last: Float64s,
    falls: Int64s,
    before: Float64s,
    count: Int64s,
) -> bool:
    """Take a piece of a series: values are those numbers divided by power. False if it is not after
    what came before. fallen: how many stretches there are in which a number may be less than the
    one before, or ANYWHERE, and where each begins and ends if the piece begins at `row`."""
    begin: Any = 0
    end: Any = len(times)
    if end > 0 and times[0] < span_first:
        begin = first_at_least(times, 0, end, span_first)
    if end > begin and times[end - 1] > span_last:
        end = end_at_most(times, begin, end, span_last)
    if begin >= end:
        return True
    if times[begin] <= state[3, series]:
        return False
    seen = state[2, series] - begin  # the number of a sample is this and its place
    newest = times[end - 1]
    if is_counter:
        note_falls(
            series, values[begin:end], power, state[2, series], latest[series], row + begin,
            fallen, falls, before, count,
        )  # fmt: skip
    k: Any = state[0, series]
    at, step = begin, 0
    while k < len(ends) and ends[k] - range_ms < newest:
        found = first_near(times, at, end, ends[k] - range_ms + 1, step)
        at, step = found, found - at
        low[series, k], first_ms[series, k] = seen + at, times[at]
        first[series, k] = values[at] / power
        k += 1
    state[0, series] = k
    k = state[1, series]
    at, step = begin, 0
    while k < len(ends) and ends[k] < newest:
        found = first_near(times, at, end, ends[k] + 1, step)
        at, step = found, found - at
        high[series, k] = seen + at
        if at > begin:
            last_ms[series, k], last[series, k] = times[at - 1], values[at - 1] / power
        else:
            last_ms[series, k], last[series, k] = state[3, series], latest[series]
        k += 1
    state[1, series] = k
    state[2, series], state[3, series] = seen + end, newest
    latest[series] = values[end - 1] / power
    return True


@kernel
def has_stale(bits: UInt64s) -> bool:
    found = 0
    for k in range(len(bits)):
        found += 1 if bits[k] == STALE else 0
    return found > 0


@float_kernel
def take_series(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    is_counter: bool,
    ends: Int64s,
    range_ms: int,
    span_first: int,
    span_last: int,
    state: Int64s,
    latest: Float64s,
    low: Int64s,
    high: Int64s,
    first_ms: Int64s,
    last_ms: Int64s,
    first: Float64s,
    last: Float64s,
    falls: Int64s,
    before: Float64s,
    count: Int64s,
) -> bool:
    """Take a piece of each series."""
    if has_stale(values.view(np.uint64)):
        return False
    anywhere = np.full(1, ANYWHERE)
    for i in range(len(offsets) - 1):
        piece = slice(offsets[i], offsets[i + 1])
        if not take_edges(
            i, timestamps[piece], values[piece], 1.0, 0, anywhere, is_counter, ends, range_ms,
            span_first, span_last, state, latest, low, high, first_ms, last_ms, first, last, falls,
            before, count,
        ):  # fmt: skip
            return False
    return True


@float_kernel
def close_edges(
    offsets: Int64s,
    at: Int64s,
    before: Float64s,
    state: Int64s,
    latest: Float64s,
    low: Int64s,
    high: Int64s,
    last_ms: Int64s,
    first: Float64s,
    last: Float64s,
) -> None:
    """Close windows that no later sample has; then high becomes how many samples each window has,
    and last what it rose by. Series i has the falls offsets[i]:offsets[i + 1]."""
    for i in range(len(latest)):
        seen = state[2, i]
        for k in range(state[0, i], low.shape[1]):
            low[i, k] = seen
        for k in range(state[1, i], low.shape[1]):
            high[i, k], last_ms[i, k], last[i, k] = seen, state[3, i], latest[i]
        fall, behind = offsets[i], offsets[i + 1]
        for k in range(low.shape[1]):
            number = high[i, k] - low[i, k]
            if number < 2:
                high[i, k] = 0
                continue
            change = last[i, k] - first[i, k]
            while fall < behind and at[fall] <= low[i, k]:
                fall += 1
            for r in range(fall, behind):
                if at[r] >= high[i, k]:
                    break
                change += before[r]
            high[i, k], last[i, k] = number, change
