"""The port through which the API reads: one store, and one querier per request.

The storage implements it, and so does the fake of the tests. Everything is synchronous and called
in worker threads. Time bounds are milliseconds, both inclusive; they may be as far out as
`api.times.MIN_TIME_MS` and `MAX_TIME_MS`.
"""

from collections.abc import Sequence
from typing import Protocol

from api.promql.queryable import Queryable
from storage.labels import LabelFrame, Matcher

MatcherSets = Sequence[Sequence[Matcher]]


class Querier(Queryable, Protocol):
    """What one request may see: one tenant, with its replicas made one or not.

    Several matcher sets select what any of them selects; none at all selects everything.
    """

    def label_names(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> list[str]:
        """The label names of the selected series, sorted by bytes, without duplicates."""
        ...

    def label_values(
        self, name: str, matcher_sets: MatcherSets, start_ms: int, end_ms: int
    ) -> list[str]:
        """The values that the selected series have for one label, sorted by bytes, without
        duplicates and without the empty one."""
        ...

    def series(self, matcher_sets: MatcherSets, start_ms: int, end_ms: int) -> LabelFrame:
        """The selected series, each once, in any order."""
        ...


class Store(Protocol):
    """Where queriers come from."""

    def querier(self, tenant: str, *, replica_labels: tuple[str, ...], dedup: bool) -> Querier:
        """A view of one tenant. With dedup, series that are equal without the replica labels are
        one. A tenant that never wrote has no series."""
        ...
