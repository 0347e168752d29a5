"""A querier that shows nothing older than a time: what `max_query_lookback` leaves of a tenant.

Every way to data goes through here, whatever a query's times, offsets and ranges are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from api.promql.queryable import may_have_aggregates
from api.sources.store import MatcherSets, SourcedSelection, TenantQuerier
from storage.catalog.metadata import Description
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import METRIC_NAME, Matcher
from storage.read.exemplars import ExemplarSelection
from storage.read.replicas.report import ReplicaGroup
from storage.read.usage import Usage
from storage.revisions.watch import Watch
from storage.samples.hint import NO_HINT, SelectHint

# No series has a name and has none.
NOTHING = (Matcher(METRIC_NAME, "=", ""), Matcher(METRIC_NAME, "!=", ""))


class RecentQuerier:
    """What `querier` shows from since_ms on."""

    def __init__(self, querier: TenantQuerier, since_ms: int) -> None:
        self._querier = querier
        self._since_ms = since_ms

    @property
    def symbols(self) -> Symbols:
        return self._querier.symbols

    @property
    def counters_differ(self) -> bool:
        return self._querier.counters_differ

    @property
    def has_aggregates(self) -> bool:
        return self._querier.has_aggregates

    @property
    def aggregated_until_ms(self) -> int:
        return self._querier.aggregated_until_ms

    @property
    def may_have_aggregates(self) -> bool:
        return may_have_aggregates(self._querier)

    @property
    def losses(self) -> tuple[str, ...]:
        return self._querier.losses

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> SourcedSelection:
        (chosen,), start_ms, end_ms = self._recent([matchers], start_ms, end_ms)
        return self._querier.select(chosen, start_ms, end_ms, hint)

    def series(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame:
        return self._querier.series(*self._recent(matcher_sets, start_ms, end_ms))

    def usage(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> Usage:
        return self._querier.usage(*self._recent(matcher_sets, start_ms, end_ms))

    def exemplars(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> ExemplarSelection:
        return self._querier.exemplars(*self._recent(matcher_sets, start_ms, end_ms))

    def metadata(self, family: str = "") -> Mapping[str, tuple[Description, ...]]:
        """Descriptions have no time."""
        return self._querier.metadata(family)

    def head_chunks(self) -> int:
        """All of them: chunks are not cut by time."""
        return self._querier.head_chunks()

    def watches(self) -> tuple[Watch, ...]:
        return tuple(
            replace(watch, oldest_ms=max(watch.oldest_ms, self._since_ms))
            for watch in self._querier.watches()
        )

    def replica_report(
        self,
        matcher_sets: MatcherSets,
        start_ms: int,
        end_ms: int,
        *,
        cluster_labels: Sequence[str],
        stopped: Callable[[], bool],
    ) -> list[ReplicaGroup]:
        return self._querier.replica_report(
            *self._recent(matcher_sets, start_ms, end_ms),
            cluster_labels=cluster_labels,
            stopped=stopped,
        )

    def _recent(
        self, matcher_sets: MatcherSets, start_ms: int, end_ms: int
    ) -> tuple[MatcherSets, int, int]:
        """The part of a selection that may be seen."""
        if end_ms < self._since_ms:
            return [NOTHING], start_ms, end_ms
        return matcher_sets, max(start_ms, self._since_ms), end_ms
