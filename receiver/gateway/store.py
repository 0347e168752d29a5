"""What stands in the place of a database where there is none: the sources of each query."""

from collections.abc import Callable, Sequence

import numpy as np

from receiver.stores.terms import Terms
from storage.compaction.status import SegmentReport
from storage.dedup.algorithm import Algorithm
from storage.read.joined.home import EVER_MS
from storage.read.joined.querier import JoinedQuerier, ReplicaRule
from storage.read.joined.source import MatcherSets, Source
from storage.read.replicas.report import ReplicaGroup
from storage.read.usage import Usage
from storage.revisions.watch import Watch


class SourcesQuerier(JoinedQuerier):
    """The series of sources alone. What only a database knows is nothing here."""

    def __init__(
        self, sources: Sequence[Source], rule: ReplicaRule, *, terms: Terms, series_max: int
    ) -> None:
        super().__init__(sources, rule, series_max=series_max)
        self._terms = terms

    @property
    def has_aggregates(self) -> bool:
        return any(source.has_aggregates for source in self._sources)

    @property
    def aggregated_until_ms(self) -> int:
        return EVER_MS if self.has_aggregates else -EVER_MS

    def want_all_or_nothing(self) -> None:
        self._terms.is_whole = True

    def watches(self) -> tuple[Watch, ...]:
        """None: what sources have may change, and nothing says so."""
        return ()

    def head_chunks(self) -> int:
        return 0

    def usage(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> Usage:
        """The series, of which it is not known what they take."""
        labels = self.series(matcher_sets, start_ms, end_ms)
        nothing, never = np.zeros(labels.rows, np.int64), np.zeros(labels.rows, np.bool_)
        return Usage(labels, nothing, nothing, never, never)

    def replica_report(
        self,
        matcher_sets: MatcherSets,
        start_ms: int,
        end_ms: int,
        *,
        cluster_labels: Sequence[str],
        stopped: Callable[[], bool],
    ) -> list[ReplicaGroup]:
        return []


class SourcesStore:
    """Makes the queriers of requests. sources: at least one, of a query; tenant: whose they are;
    series_max: of one selector; make: a querier over them."""

    def __init__(
        self,
        sources: Callable[[Terms], Sequence[Source]],
        tenant: str,
        *,
        series_max: int,
        make: type[SourcesQuerier] = SourcesQuerier,
    ) -> None:
        self._make = make
        self._sources = sources
        self._tenant = tenant
        self._series_max = series_max

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> SourcesQuerier:
        """A view of the sources, which are the same to all tenants."""
        terms = Terms(self._tenant)
        rule = ReplicaRule(replica_labels if dedup else (), algorithm)
        sources = self._sources(terms)
        return self._make(sources, rule, terms=terms, series_max=self._series_max)

    def tenant_names(self) -> list[str]:
        return [self._tenant]

    def segment_report(self) -> SegmentReport:
        return SegmentReport([], None)
