"""What rules recorded in the replay, over what is stored: a queryable of the engine.

What is stored under the names that the replayed rules write does not count from the time on at
which they are replayed: there may be what these or other rules wrote when that time was now. Where
both have a sample of one series at one time, that of the replay counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from api.promql.queryable import Queryable, Selection, expected_samples
from rules.replay.outcome import Recorded
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import METRIC_NAME, Matcher, text_test
from storage.read.federation import stack_frames
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.merge import between, clip, merge, pick, sort_rows, stack, take_rows
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class Claim:
    """Series that a rule writes, in [from_ms, to_ms]: those with one of the names and all of the
    labels, of which an empty one is absent."""

    names: tuple[str, ...]
    labels: Mapping[str, str]
    from_ms: int
    to_ms: int

    def rows(self, labels: LabelFrame) -> Bools:
        """Which rows are claimed."""
        codes = [labels.symbols.code(name) for name in self.names]
        found: Bools = np.isin(labels.column(METRIC_NAME), codes)
        for name, value in self.labels.items():
            if not found.any():
                break
            found &= labels.column(name) == labels.symbols.code(value)
        return found


class Source(Protocol):
    """Where recorded series are."""

    def find(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> tuple[LabelFrame, Samples]:
        """The series that pass all matchers, and their samples of [start_ms, end_ms]."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """The series of a rule that is done."""

    recorded: Recorded

    def find(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> tuple[LabelFrame, Samples]:
        labels = self.recorded.labels
        passed = np.ones(labels.rows, np.bool_)
        for matcher in matchers:
            if not passed.any():
                break
            passed &= passing(labels, matcher)
        rows = np.flatnonzero(passed)
        samples = take_rows(self.recorded.samples, rows)
        return labels.take(rows), between(samples, start_ms, end_ms)


def passing(labels: LabelFrame, matcher: Matcher) -> Bools:
    """The rows that pass a matcher; each distinct text is looked at once."""
    codes, places = np.unique(labels.column(matcher.name), return_inverse=True)
    test = text_test(matcher)
    verdicts = np.array([test(text) for text in labels.symbols.texts(codes)], np.bool_)
    passed: Bools = verdicts[places] if len(codes) else np.zeros(labels.rows, np.bool_)
    return passed


@dataclass(slots=True)
class Overlay:
    """What was recorded so far. sources: of each rule that is done or under way; claims: of all
    rules of the replay."""

    claims: Sequence[Claim] = ()
    sources: list[Source] = field(default_factory=list)

    def over(self, base: Queryable) -> Overlaid:
        """What one query may see."""
        return Overlaid(base, self)


class Overlaid:
    """What is recorded over what is stored. Used by one query."""

    # A replay is exact, so it reads samples as they came.
    has_aggregates = False

    def __init__(self, base: Queryable, overlay: Overlay) -> None:
        self._base = base
        self._overlay = overlay

    @property
    def symbols(self) -> Symbols:
        return self._base.symbols

    @property
    def counters_differ(self) -> bool:
        return self._base.counters_differ

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> Selection:
        base = self._base.select(matchers, start_ms, end_ms, hint)
        found = [
            (labels, samples)
            for source in self._overlay.sources
            for labels, samples in [source.find(matchers, start_ms, end_ms)]
            if labels.rows
        ]
        hidden = self._hidden(base.labels)
        if hidden is None and not found:
            return base
        return joined(base, hidden, found, self.symbols)

    def _hidden(self, labels: LabelFrame) -> Int64s | None:
        """int64[rows, 2]: the times of each row that do not count; None if all do."""
        spans = None
        for claim in self._overlay.claims:
            rows = claim.rows(labels) if labels.rows else None
            if rows is None or not rows.any():
                continue
            if spans is None:
                spans = np.tile(np.array([1, 0], np.int64), (labels.rows, 1))
            spans[rows] = (claim.from_ms, claim.to_ms)
        return spans


def joined(
    base: Selection,
    hidden: Int64s | None,
    found: Sequence[tuple[LabelFrame, Samples]],
    symbols: Symbols,
) -> JoinedSelection:
    """A selection and what was recorded, of which equal series become one."""
    labels = stack_frames(symbols, [base.labels, *(frame for frame, _ in found)])
    numbers, firsts = labels.group(labels.names)
    recorded = stack([samples for _, samples in found])
    own = numbers[base.labels.rows :]
    rows = np.repeat(own, np.diff(recorded.offsets))
    offsets, order = sort_rows(rows, recorded.timestamps, len(firsts))
    if len(firsts) < labels.rows:
        labels = labels.take(firsts)
    return JoinedSelection(labels, base, hidden, pick(recorded, offsets, order))


@dataclass(frozen=True, slots=True)
class JoinedSelection:
    """labels: first the rows of the base, in their order. recorded: of all rows."""

    labels: LabelFrame
    base: Selection
    hidden: Int64s | None
    recorded: Samples

    @property
    def expected_samples(self) -> int:
        return expected_samples(self.base) + len(self.recorded)

    def read(self, first_row: int, end_row: int) -> Samples:
        recorded = clip(self.recorded, first_row, end_row)
        last = min(end_row, self.base.labels.rows)
        if first_row >= last:
            return recorded
        stored = self._stored(first_row, last)
        missing = end_row - last
        if missing:
            offsets = np.concatenate([stored.offsets, np.full(missing, stored.offsets[-1])])
            stored = Samples(
                offsets, stored.timestamps, stored.values, stored.starts, stored.natives
            )
        return merge(recorded, stored) if len(recorded) else stored

    def _stored(self, first_row: int, end_row: int) -> Samples:
        samples = self.base.read(first_row, end_row)
        if self.hidden is None:
            return samples
        spans = np.repeat(self.hidden[first_row:end_row], np.diff(samples.offsets), axis=0)
        times = samples.timestamps
        kept = (times < spans[:, 0]) | (times > spans[:, 1])
        if kept.all():
            return samples
        counts = np.concatenate([[0], np.cumsum(kept)])
        return pick(samples, counts[samples.offsets], np.flatnonzero(kept))
