"""The querier of a tenant that has series in other sources, too, beside those of the database.

Where no other source has anything of a selector, it is the database's own querier that answers, so
that nothing is slower than without other sources. What it has downsampled is not made one with what
others have, but stands beside it (storage/read/joined/beside.py).
"""

from collections.abc import Callable, Sequence

from storage.dedup.algorithm import Algorithm
from storage.labels.matchers import Matcher
from storage.read.joined.beside import BesideSelection, beside
from storage.read.joined.local import LocalSource
from storage.read.joined.querier import JoinedQuerier, ReplicaRule
from storage.read.joined.series import JoinedRows
from storage.read.joined.source import MatcherSets, Source
from storage.read.querier import Selected, StorageQuerier
from storage.read.replicas.report import ReplicaGroup
from storage.read.resolutions.mixing import MixedSelection
from storage.read.usage import Usage
from storage.revisions.watch import Watch
from storage.samples.hint import NO_HINT, SelectHint

# Nothing says until when other sources have something that is downsampled.
EVER_MS = (1 << 63) - 1
# Makes the database's querier of the tenant, with these replica labels made one by the algorithm.
HomeQueriers = Callable[[tuple[str, ...], Algorithm], StorageQuerier]


class HomeQuerier(JoinedQuerier):
    """The series of a database, and of other sources behind them.

    What only a database knows (how much room series take, what their replicas do, chunks in memory)
    is answered by it alone.
    """

    def __init__(
        self,
        queriers: HomeQueriers,
        others: Sequence[Source],
        rule: ReplicaRule,
        *,
        series_max: int,
    ) -> None:
        self._home = queriers(rule.labels, rule.algorithm)
        self._others = tuple(others)
        local = LocalSource(queriers((), rule.algorithm))
        super().__init__([local, *self._others], rule, series_max=series_max)
        self._home.symbols = self.symbols
        self._local = local

    @property
    def has_aggregates(self) -> bool:
        return self._home.has_aggregates or self._others_have

    @property
    def may_have_aggregates(self) -> bool:
        """Whether other sources may have something that is downsampled, for who allows it."""
        return any(source.may_have_aggregates for source in self._others)

    @property
    def _others_have(self) -> bool:
        return any(source.has_aggregates for source in self._others)

    @property
    def aggregated_until_ms(self) -> int:
        return EVER_MS if self._others_have else self._home.aggregated_until_ms

    @property
    def losses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._home.losses, *super().losses)))

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> Selected | JoinedRows | BesideSelection:
        span = start_ms, end_ms
        found = self.found_by(self._others, matchers, span, hint)
        if not any(series.labels.rows for series in found):
            return self._home.select(matchers, start_ms, end_ms, hint)
        if self._home.has_aggregates and (hint.coarser or hint.resolution_ms):
            own = self._home.select(matchers, start_ms, end_ms, hint)
            if isinstance(own, MixedSelection):
                return beside(own, self.joined(found, span, hint))
        (series,) = self.found_by([self._local], matchers, span, hint)
        return self.joined([series, *found], span, hint)

    def watches(self) -> tuple[Watch, ...]:
        """None: what other sources have may change, and nothing says so."""
        return ()

    def head_chunks(self) -> int:
        """Those of the database."""
        return self._home.head_chunks()

    def usage(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> Usage:
        """What series take in the database."""
        return self._home.usage(matcher_sets, start_ms, end_ms)

    def replica_report(
        self,
        matcher_sets: MatcherSets,
        start_ms: int,
        end_ms: int,
        *,
        cluster_labels: Sequence[str],
        stopped: Callable[[], bool],
    ) -> list[ReplicaGroup]:
        """What the replicas of the database do."""
        return self._home.replica_report(
            matcher_sets, start_ms, end_ms, cluster_labels=cluster_labels, stopped=stopped
        )
