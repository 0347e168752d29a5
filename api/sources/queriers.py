"""Where the queriers of requests come from: defaults of the server, wishes of the request.

A request of several tenants gets one querier over all of them; what each tenant's replicas are made
one by is that tenant's own default, unless the request says otherwise.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from api.params import ReplicaParams
from api.sources.query_limits import NO_LIMITS, LimitsSource, QueryLimits, strictest
from api.sources.recent_querier import RecentQuerier
from api.sources.store import Querier, Store, TenantQuerier, want_all_or_nothing
from storage.dedup.algorithm import Algorithm
from storage.read.federation import FederatedQuerier


@dataclass(frozen=True, slots=True)
class ReplicaDefaults:
    """What is configured about replicas.

    labels: those that tell replicas apart; cluster_labels: those that tell apart replicas of equal
    name; tenant_algorithms: those of tenants that have a default of their own.
    """

    labels: tuple[str, ...] = ()
    cluster_labels: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.AUTO
    tenant_algorithms: Mapping[str, Algorithm] = field(default_factory=dict)

    def algorithm_of(self, tenant: str) -> Algorithm:
        return self.tenant_algorithms.get(tenant, self.algorithm)


@dataclass(frozen=True, slots=True)
class QuerierSource:
    """Makes the queriers of requests, and knows the limits of their tenants."""

    store: Store
    replicas: ReplicaDefaults
    limits_of: LimitsSource = lambda tenant: NO_LIMITS
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    def limits(self, tenants: Sequence[str]) -> QueryLimits:
        """What a request of these tenants is held to."""
        return strictest([self.limits_of(tenant) for tenant in tenants])

    def querier(self, tenants: Sequence[str], wishes: ReplicaParams) -> Querier:
        """A view of one tenant, or of several together."""
        members = self.by_tenant(tenants, wishes)
        return members[0][1] if len(members) == 1 else FederatedQuerier(members)

    def by_tenant(
        self, tenants: Sequence[str], wishes: ReplicaParams
    ) -> list[tuple[str, TenantQuerier]]:
        """A view of each tenant by itself."""
        members = [(tenant, self._querier(tenant, wishes)) for tenant in tenants]
        lookback_ms = self.limits(tenants).lookback_ms
        if not lookback_ms:
            return members
        since_ms = self.now_ms() - lookback_ms
        return [(tenant, RecentQuerier(querier, since_ms)) for tenant, querier in members]

    def _querier(self, tenant: str, wishes: ReplicaParams) -> TenantQuerier:
        querier = self.store.querier(
            tenant,
            replica_labels=wishes.labels or self.replicas.labels,
            dedup=wishes.dedup,
            algorithm=wishes.algorithm or self.replicas.algorithm_of(tenant),
        )
        if not wishes.partial:
            want_all_or_nothing(querier)
        return querier
