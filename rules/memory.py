"""Samples in memory: what a test puts in and what rules write, up to the time that is reached.

A queryable of the engine. What is written one evaluation after the other has few series, so they
are objects here, and become columns when they are read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from api.promql.go_format import format_g
from rules.evaluation.rows import Key, Labels, Value, key_of
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.hints import hints_after
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.arrays import Int64s
from storage.kernels.stale import STALE_NAN
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher, text_test
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples


@dataclass(slots=True)
class Series:
    """One series, its times ascending."""

    labels: Labels
    times: list[int] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MemorySelection:
    """What one selector matched; start_ms and end_ms are inclusive."""

    labels: LabelFrame
    series: list[Series]
    start_ms: int
    end_ms: int

    def read(self, first_row: int, end_row: int) -> Samples:
        times: list[int] = []
        values: list[Value] = []
        lengths = []
        for series in self.series[first_row:end_row]:
            start = bisect_left(series.times, self.start_ms)
            end = bisect_right(series.times, self.end_ms)
            times += series.times[start:end]
            values += series.values[start:end]
            lengths.append(end - start)
        offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int64)
        return _columns(offsets, times, values)


def _columns(offsets: Int64s, times: list[int], values: list[Value]) -> Samples:
    numbers = [value.sum if isinstance(value, Parts) else value for value in values]
    parts = [value for value in values if isinstance(value, Parts)]
    natives = None
    if parts:
        rows = np.full(len(values), NO_HISTOGRAM, np.int32)
        rows[[isinstance(value, Parts) for value in values]] = np.arange(len(parts))
        natives = Natives(from_parts(parts), rows)
    return Samples(
        offsets, np.array(times, np.int64), np.array(numbers, np.float64), natives=natives
    )


class MemoryStore:
    """All series there are; what is later than `until_ms` is not there yet."""

    counters_differ = False
    has_aggregates = False

    def __init__(self) -> None:
        self.symbols = Symbols()
        self.until_ms = 0
        self._series: dict[Key, Series] = {}

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> MemorySelection:
        tests = [(matcher.name, text_test(matcher)) for matcher in matchers]
        found = [
            series
            for series in self._series.values()
            if all(passes(series.labels.get(name, "")) for name, passes in tests)
        ]
        frame = LabelFrame.from_dicts(self.symbols, [dict(series.labels) for series in found])
        return MemorySelection(frame, found, start_ms, min(end_ms, self.until_ms))

    def put(self, labels: Labels, samples: Sequence[tuple[int, Value]]) -> None:
        """A series, before anything is evaluated; times ascending."""
        series = self._of(labels)
        known = dict(zip(series.times, series.values, strict=True)) | dict(samples)
        series.times = sorted(known)
        series.values = [known[time_ms] for time_ms in series.times]
        self._state_hints(series)

    def append(self, labels: Labels, time_ms: int, value: Value) -> str:
        """One sample that a rule wrote; what is wrong with it, "" if nothing is."""
        series = self._of(labels)
        at = bisect_left(series.times, time_ms)
        if at < len(series.times) and series.times[at] == time_ms:
            return _conflict(time_ms, series.values[at], value)
        series.times.insert(at, time_ms)
        series.values.insert(at, value)
        if isinstance(value, Parts):
            self._state_hints(series)
        return ""

    def end(self, key: Key, time_ms: int) -> None:
        """A stale marker, unless there is a sample: another rule may have taken over the series."""
        self.append(dict(key), time_ms, STALE_NAN)

    def _of(self, labels: Labels) -> Series:
        return self._series.setdefault(key_of(labels), Series(labels))

    def _state_hints(self, series: Series) -> None:
        """Histograms say whether the one before was a reset, as they do when they are stored."""
        places = [i for i, value in enumerate(series.values) if isinstance(value, Parts)]
        if not places:
            return
        samples = _columns(
            np.array([0, len(places)], np.int64),
            [series.times[i] for i in places],
            [series.values[i] for i in places],
        )
        assert samples.natives is not None, "BUG: histograms were left out"
        rows = np.arange(len(places), dtype=np.int64)
        # A float between two histograms begins a new run of them.
        follows = np.diff(places, prepend=-2) == 1
        before = np.where(follows, rows - 1, NO_HISTOGRAM).astype(np.int64)
        times = samples.timestamps
        hints = hints_after(samples.natives.histograms, before, rows, times[rows - 1], times)
        for place, hint in zip(places, hints.tolist(), strict=True):
            value = series.values[place]
            assert isinstance(value, Parts), "BUG: not a histogram"
            series.values[place] = replace(value, hint=hint)


def _conflict(time_ms: int, known: Value, new: Value) -> str:
    """What Prometheus says of two values at one time; nothing if they are the same bits."""
    if isinstance(known, Parts) or isinstance(new, Parts):
        return "" if known == new else "duplicate sample for timestamp"
    if np.float64(known).tobytes() == np.float64(new).tobytes():
        return ""
    if time_ms == 0:
        return "duplicate sample for timestamp"
    return (
        f"duplicate sample for timestamp {time_ms}; overrides not allowed: "
        f"existing {format_g(known)}, new value {format_g(new)}"
    )
