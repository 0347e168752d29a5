"""The querier over several sources: replicas made one across them, label queries joined.

Invariants:
* What is answered does not depend on which source has which samples, as long as no two have
  different values of one series at one moment; then that of the first source counts.
* Rows come in the order of their labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from storage.catalog.metadata import Description
from storage.dedup.algorithm import Algorithm, reach_ms
from storage.errors import LimitExceeded
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection, select_rows
from storage.read.federation import stack_frames
from storage.read.joined.beside import BesideSelection
from storage.read.joined.series import JoinedRows, JoinedSeries, join
from storage.read.joined.source import MatcherSets, Source, SourceSeries, Span
from storage.read.querier import Selected
from storage.read.selection import DedupRule, DedupSelection, widened
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples
from storage.segments.exemplars import StoredExemplars
from storage.series.replica_groups import Grouping, arrange

# Of a pair: how far around its span a query asks before it is known how many replicas there are.
USUAL_REPLICAS = 2


@dataclass(frozen=True, slots=True)
class ReplicaRule:
    """How replicas become one. labels: those that tell them apart, none to see each by itself."""

    labels: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.AUTO

    def reach_ms(self, replicas: int) -> int:
        """How far around its span a query reads."""
        return reach_ms(self.algorithm, replicas) if self.labels else 0


class JoinedQuerier:
    """The series of several sources as one request sees them. Used by one query, from any thread.

    sources: at least one, in the order in which their samples count; series_max: of a selector.
    """

    def __init__(self, sources: Sequence[Source], rule: ReplicaRule, *, series_max: int) -> None:
        self._sources = tuple(sources)
        self._rule = rule
        self._series_max = series_max
        self.symbols = self._sources[0].symbols

    @property
    def counters_differ(self) -> bool:
        """Only `penalty` treats counters in its own way."""
        return bool(self._rule.labels) and self._rule.algorithm is Algorithm.PENALTY

    @property
    def losses(self) -> tuple[str, ...]:
        found = [loss for source in self._sources for loss in source.losses]
        return tuple(dict.fromkeys(found))

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> Selected | JoinedRows | BesideSelection:
        """Raises LimitExceeded if more series match than storage.select.max-series allows, or a
        source has more than it may give."""
        span = start_ms, end_ms
        return self.joined(self.found_by(self._sources, matchers, span, hint), span, hint)

    def found_by(
        self, sources: Sequence[Source], matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> list[SourceSeries]:
        """What sources have of a selector, in a span that is long enough for pairs."""
        wide = widened(span, self._rule.reach_ms(USUAL_REPLICAS))
        asked = [source.select(matchers, wide, hint) for source in sources]
        return [answer() for answer in asked]

    def joined(
        self, found: Sequence[SourceSeries], span: Span, hint: SelectHint
    ) -> JoinedRows | DedupSelection:
        """What sources have found, as one selection."""
        series = join(self.symbols, found)
        self._check(series.labels.rows)
        grouping = grouped(series.labels, self._rule.labels)
        if grouping is None:
            return series.open(np.arange(series.labels.rows), span)
        return self._deduplicated(series, grouping, span, hint)

    def _deduplicated(
        self, series: JoinedSeries, grouping: Grouping, span: Span, hint: SelectHint
    ) -> DedupSelection:
        order, members = grouping.order, grouping.members
        around_ms = self._rule.reach_ms(int(np.diff(members).max()))
        stored = series.open(order, widened(span, around_ms))
        labels = stored.labels.take(members[:-1]).drop(grouping.names)

        def wider(rows: Int64s, around_ms: int) -> Samples:
            return series.open(order[rows], widened(span, around_ms)).read(0, len(rows))

        rule = DedupRule(grouping.names, self._rule.algorithm, counter=hint.counter)
        gauges = self._gauges(labels)
        return DedupSelection(labels, stored, members, order, rule, span, gauges, wider)

    def series(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame:
        """The selected series of all sources, each once, without the labels of replicas."""
        span = start_ms, end_ms
        asked = [source.series(matcher_sets, span) for source in self._sources]
        frame = stack_frames(self.symbols, [answer() for answer in asked])
        return self._numbered(frame)[0]

    def exemplars(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> ExemplarSelection:
        """The exemplars of the selected series of all sources, each once. Raises LimitExceeded."""
        span = start_ms, end_ms
        asked = [source.exemplars(matcher_sets, span) for source in self._sources]
        parts = [answer() for answer in asked]
        labels, rows = self._numbered(stack_frames(self.symbols, [part.labels for part in parts]))
        starts = np.concatenate([[0], np.cumsum([part.labels.rows for part in parts])])
        stored = [stored_of(part, int(at)) for part, at in zip(parts, starts, strict=False)]
        return select_rows(labels, rows, stored)

    def metadata(self, family: str = "") -> dict[str, tuple[Description, ...]]:
        """The descriptions of families by all sources, equal ones once."""
        merged: dict[str, dict[Description, None]] = {}
        asked = [source.metadata(family) for source in self._sources]
        for answer in asked:
            for name, descriptions in answer().items():
                merged.setdefault(name, {}).update(dict.fromkeys(descriptions))
        return {name: tuple(found) for name, found in merged.items()}

    def _numbered(self, frame: LabelFrame) -> tuple[LabelFrame, Int64s]:
        """The label sets without the labels of replicas, each once, and which of them each row
        became."""
        frame = frame.drop(self._rule.labels)
        rows, firsts = frame.group(frame.names)
        return frame.take(firsts), rows

    def _gauges(self, labels: LabelFrame) -> Bools | None:
        known = [source.gauges(labels) for source in self._sources]
        masks = [mask for mask in known if mask is not None]
        return reduce(np.logical_or, masks) if masks else None

    def _check(self, rows: int) -> None:
        if rows > self._series_max:
            raise LimitExceeded(
                f"the selector matches {rows} series in all sources together, at most "
                f"{self._series_max} are allowed (storage.select.max-series)"
            )


def grouped(labels: LabelFrame, replica_labels: Sequence[str]) -> Grouping | None:
    """Distinct series by replica groups; None if none has a replica label."""
    names = tuple(name for name in replica_labels if labels.has(name))
    if not names:
        return None
    rest = labels.drop(names)
    groups, firsts = rest.group(rest.names)
    by_rank = labels.keep(names).order()
    order, members = arrange(groups.astype(np.int32), by_rank, len(firsts))
    return Grouping(order, members, names)


def stored_of(part: ExemplarSelection, first_row: int) -> StoredExemplars:
    """The exemplars of a selection, whose rows are numbered from first_row on."""
    series = first_row + np.repeat(np.arange(part.labels.rows), np.diff(part.offsets))
    return StoredExemplars(series, part.timestamps, part.values, part.exemplar_labels)
