"""Sources of a joined querier, for tests: tenants of a database, and series in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from storage.catalog.metadata import Description
from storage.database import Database
from storage.kernels.arrays import Bools
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection, no_exemplars
from storage.read.joined.fetched import FetchedSeries
from storage.read.joined.local import LocalSource
from storage.read.joined.source import MatcherSets, Span
from storage.samples.hint import SelectHint
from storage.samples.merge import between
from storage.samples.samples import Samples
from tests.makers.batches import Written
from tests.makers.memory_store import float_samples_of, matches


def local_source(database: Database, tenant: str) -> LocalSource:
    """What a tenant has, as a source."""
    return LocalSource(database.querier(tenant, replica_labels=(), dedup=False))


@dataclass
class MemorySource:
    """Series in memory, of which a query gets what its span says and no more. spans: those that
    were asked for."""

    written: Written
    losses: tuple[str, ...] = ()
    symbols: Symbols = field(default_factory=Symbols)
    spans: list[Span] = field(default_factory=list)
    has_aggregates: bool = False
    may_have_aggregates: bool = False

    def select(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> Callable[[], FetchedSeries]:
        return lambda: self._fetched(matchers, span)

    def _fetched(self, matchers: Sequence[Matcher], span: Span) -> FetchedSeries:
        self.spans.append(span)
        labels, samples = self._found(matchers)
        return FetchedSeries(
            labels,
            between(samples, *span),
            span,
            lambda longer: self._fetched(matchers, longer),
        )

    def _found(self, matchers: Sequence[Matcher]) -> tuple[LabelFrame, Samples]:
        found = [
            (dict(labels), points)
            for labels, points in self.written
            if all(matches(matcher, labels.get(matcher.name, "")) for matcher in matchers)
        ]
        frame = LabelFrame.from_dicts(self.symbols, [labels for labels, _ in found])
        return frame, float_samples_of([sorted(points) for _, points in found])

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        def answer() -> LabelFrame:
            assert len(matcher_sets) <= 1, "one set is enough for tests"
            labels, samples = self._found(matcher_sets[0] if matcher_sets else ())
            return labels.take(np.flatnonzero(np.diff(between(samples, *span).offsets)))

        return answer

    def exemplars(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], ExemplarSelection]:
        return lambda: no_exemplars(self.symbols)

    def metadata(self, family: str) -> Callable[[], Mapping[str, Sequence[Description]]]:
        return dict

    def gauges(self, labels: LabelFrame) -> Bools | None:
        return None
