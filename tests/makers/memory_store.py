"""A store in memory for tests of the query engine: label sets and their samples, nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import re2

from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.hints import hints_after
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples
from tests.makers.native_points import NativePoint, histograms_of

LabelSet = tuple[tuple[str, str], ...]
Point = float | NativePoint
Timed = tuple[int, Point, int]  # time and start in ms; a start of 0 is unknown


def matches(matcher: Matcher, value: str) -> bool:
    if matcher.op in ("=", "!="):
        return (value == matcher.value) == (matcher.op == "=")
    if any("\ud800" <= char <= "\udfff" for char in matcher.value):
        # RE2 refuses bytes that are no UTF-8; the parser lets them be in lists of plain texts.
        return (value in matcher.value.split("|")) == (matcher.op == "=~")
    found = re2.match(f"^(?s:{matcher.value})$", value) is not None
    return found == (matcher.op == "=~")


def samples_of(series: Sequence[Sequence[Timed]]) -> Samples:
    """The samples of all series as columns; what none of them has is left out."""
    offsets = np.concatenate(([0], np.cumsum([len(samples) for samples in series])))
    flat = [sample for samples in series for sample in samples]
    values = [point.sum if isinstance(point, NativePoint) else point for _, point, _ in flat]
    natives = [point for _, point, _ in flat if isinstance(point, NativePoint)]
    is_native = np.array([isinstance(point, NativePoint) for _, point, _ in flat], np.bool_)
    starts = np.array([start for _, _, start in flat], np.int64)
    rows = np.where(is_native, np.cumsum(is_native) - 1, NO_HISTOGRAM).astype(np.int32)
    return Samples(
        offsets.astype(np.int64),
        np.array([t for t, _, _ in flat], np.int64),
        np.array(values, np.float64),
        starts if starts.any() else None,
        Natives(histograms_of(natives), rows) if natives else None,
    )


def float_samples_of(series: Sequence[Sequence[tuple[int, float]]]) -> Samples:
    """Columns of (time, value) by series."""
    flat = [sample for one in series for sample in one]
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in series])))
    return Samples(
        offsets.astype(np.int64),
        np.array([t for t, _ in flat], np.int64),
        np.array([v for _, v in flat], np.float64),
    )


def with_stored_hints(samples: list[Timed]) -> list[Timed]:
    """The samples of a series, the hints of histograms as storage gives them back."""
    at = [i for i, (_, point, _) in enumerate(samples) if isinstance(point, NativePoint)]
    if not at:
        return samples
    columns = samples_of([samples])
    assert columns.natives is not None
    rows = columns.natives.rows
    positions = np.array(at)
    follows = np.array([i > 0 for i in at])
    before = np.where(follows, rows[positions - 1], NO_HISTOGRAM)
    times = columns.timestamps
    hints = hints_after(
        columns.natives.histograms,
        before.astype(np.int64),
        rows[positions].astype(np.int64),
        times[positions - 1],
        times[positions],
    )
    stored = list(samples)
    for i, hint in zip(at, hints.tolist(), strict=True):
        time_ms, point, start = samples[i]
        assert isinstance(point, NativePoint)
        stored[i] = (time_ms, replace(point, hint=hint), start)
    return stored


@dataclass
class MemorySelection:
    labels: LabelFrame
    series: list[list[Timed]]
    reads: list[tuple[int, int]] = field(default_factory=list)

    def read(self, first_row: int, end_row: int) -> Samples:
        self.reads.append((first_row, end_row))
        return samples_of(self.series[first_row:end_row])


class MemoryStore:
    """Series in the order in which they were first written; a queryable for any number of queries.

    selects: the (matchers, start, end) of all selects so far; hints: what they were for.
    """

    def __init__(self) -> None:
        self._series: dict[LabelSet, dict[int, Timed]] = {}
        self.selects: list[tuple[tuple[Matcher, ...], int, int]] = []
        self.hints: list[SelectHint] = []
        self.counters_differ = False
        self.has_aggregates = False
        self.aggregated_until_ms = 0
        self.symbols = Symbols()

    def write(self, labels: dict[str, str], samples: Iterable[tuple[int, Point] | Timed]) -> None:
        """Samples are (time, point) or (time, point, start)."""
        series = self._series.setdefault(tuple(sorted(labels.items())), {})
        for time_ms, point, *start in samples:
            series[time_ms] = (time_ms, point, start[0] if start else 0)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> MemorySelection:
        self.hints.append(hint)
        self.selects.append((tuple(matchers), start_ms, end_ms))
        found = [
            (dict(key), samples)
            for key, samples in self._series.items()
            if all(matches(matcher, dict(key).get(matcher.name, "")) for matcher in matchers)
        ]
        labels = LabelFrame.from_dicts(self.symbols, [labelset for labelset, _ in found])
        series = [
            [sample for sample in stored if start_ms <= sample[0] <= end_ms]
            for stored in (
                with_stored_hints([samples[t] for t in sorted(samples)]) for _, samples in found
            )
        ]
        return MemorySelection(labels, series)
