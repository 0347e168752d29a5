"""The global view: a database, and what other stores have of the same tenants."""

from collections.abc import Callable, Sequence
from typing import Protocol

from receiver.stores.terms import Terms
from storage.compaction.status import SegmentReport
from storage.dedup.algorithm import Algorithm
from storage.read.joined.home import HomeQuerier
from storage.read.joined.querier import ReplicaRule
from storage.read.joined.source import Source
from storage.read.querier import StorageQuerier


class Database(Protocol):
    """What a view is made around."""

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> StorageQuerier: ...

    def tenant_names(self) -> list[str]: ...

    def segment_report(self) -> SegmentReport: ...


class Stores(Protocol):
    """The other stores that there are."""

    def sources(self, terms: Terms) -> Sequence[Source]:
        """Those that have something of a tenant, for one query."""
        ...


class ViewQuerier(HomeQuerier):
    """A querier of the view, which may be had to fail where something is missing."""

    def __init__(
        self,
        queriers: Callable[[tuple[str, ...], Algorithm], StorageQuerier],
        others: Sequence[Source],
        rule: ReplicaRule,
        *,
        terms: Terms,
        series_max: int,
    ) -> None:
        super().__init__(queriers, others, rule, series_max=series_max)
        self._terms = terms

    def want_all_or_nothing(self) -> None:
        self._terms.is_whole = True


class GlobalView:
    """What the API reads. series_max: of one selector, in all stores together."""

    def __init__(self, database: Database, stores: Sequence[Stores], *, series_max: int) -> None:
        self._database = database
        self._stores = stores
        self._series_max = series_max

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> StorageQuerier | ViewQuerier:
        """That of the database alone where no other store has anything of the tenant."""
        terms = Terms(tenant)
        others = [source for stores in self._stores for source in stores.sources(terms)]
        labels = replica_labels if dedup else ()

        def of_database(labels: tuple[str, ...], algorithm: Algorithm) -> StorageQuerier:
            return self._database.querier(
                tenant, replica_labels=labels, dedup=True, algorithm=algorithm
            )

        if not others:
            return of_database(labels, algorithm)
        rule = ReplicaRule(labels, algorithm)
        return ViewQuerier(of_database, others, rule, terms=terms, series_max=self._series_max)

    def tenant_names(self) -> list[str]:
        return self._database.tenant_names()

    def segment_report(self) -> SegmentReport:
        return self._database.segment_report()
