"""The port through which the API reads: one store, and one querier per request.

The storage implements it, and so does the fake of the tests. Everything is synchronous and called
in worker threads. Time bounds are milliseconds, both inclusive; they may be as far out as
`api.times.MIN_TIME_MS` and `MAX_TIME_MS`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from api.promql.queryable import Queryable, Selection
from storage.catalog.metadata import Description
from storage.compaction.status import SegmentReport
from storage.dedup.algorithm import Algorithm
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection
from storage.read.replicas.report import ReplicaGroup
from storage.read.usage import Usage
from storage.revisions.watch import Watch
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples

MatcherSets = Sequence[Sequence[Matcher]]


class SourcedSelection(Selection, Protocol):
    """A selection that can tell which replica its samples came from."""

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        """What read() gives, with row numbers of replicas() in place of values; stale markers
        stay."""
        ...

    def replicas(self) -> LabelFrame:
        """The labels that tell replicas apart, one row for each replica; at least one row."""
        ...


class Querier(Queryable, Protocol):
    """What one request may see: some tenants, with their replicas made one or not.

    Several matcher sets select what any of them selects; none at all selects everything.
    """

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> SourcedSelection: ...

    def series(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame:
        """The selected series, each once, in any order."""
        ...

    def usage(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> Usage:
        """What the selected series take, as they are stored."""
        ...

    def exemplars(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> ExemplarSelection:
        """The exemplars of the selected series. Raises storage.errors.LimitExceeded."""
        ...

    def metadata(self, family: str = "") -> Mapping[str, tuple[Description, ...]]:
        """The descriptions, at least one, of one metric family, or of all."""
        ...

    def head_chunks(self) -> int:
        """How many chunks of the series are in memory. Raises storage.errors.LimitExceeded."""
        ...

    def watches(self) -> tuple[Watch, ...]:
        """One of each tenant, to be asked later what has changed; none if that is not known."""
        ...


class TenantQuerier(Querier, Protocol):
    """What one request may see of one tenant."""

    @property
    def losses(self) -> tuple[str, ...]:
        """What may be missing of what was selected, in words."""

    @property
    def aggregated_until_ms(self) -> int:
        """The last time that downsampled data has something of."""
        ...

    def replica_report(
        self,
        matcher_sets: MatcherSets,
        start_ms: int,
        end_ms: int,
        *,
        cluster_labels: Sequence[str],
        stopped: Callable[[], bool],
    ) -> list[ReplicaGroup]:
        """What the replicas of the selected series do.

        cluster_labels: tell replicas of equal name apart. Raises storage.errors.LimitExceeded, or
        QueryStopped once `stopped` says so.
        """
        ...


def want_all_or_nothing(querier: TenantQuerier) -> None:
    """Have a querier fail rather than leave out what other stores have, if it asks any."""
    want: Callable[[], None] | None = getattr(querier, "want_all_or_nothing", None)
    if want is not None:
        want()


class Store(Protocol):
    """Where queriers come from, and what it has on disk."""

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> TenantQuerier:
        """A view of one tenant. With dedup, series that are equal without the replica labels are
        one, made by the algorithm. A tenant that never wrote has no series."""
        ...

    def tenant_names(self) -> list[str]:
        """All tenants that have ever written, in any order."""
        ...

    def segment_report(self) -> SegmentReport:
        """The segments of all tenants, and the job of compaction under way."""
        ...
