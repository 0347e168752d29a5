"""What the program asks of storage beyond its settings."""

from collections.abc import Callable
from dataclasses import dataclass

from storage.bucket.attached import Bucket
from storage.catalog.owning.opening import CatalogServer
from storage.dedup.algorithm import NO_PAIRS, PairsSource
from storage.read.replicas.watch import WatchedLabels
from storage.refusals.ledger import RefusalSink
from storage.shard.periods import NO_PERIODS, PeriodsSource
from storage.shard.shard import now_ms
from storage.tenants.placement import WHOLE, Share
from storage.tenants.rules import NO_RULES, RulesSource

NO_REPLICAS = WatchedLabels(replica=(), cluster=())


@dataclass(frozen=True, slots=True)
class Policy:
    """What the program asks of storage beyond its settings.

    replicas: the labels of replicas to be watched; rules, periods: those of a tenant, at any time;
    pairs: how a tenant's pairs become one before they are downsampled; clock: the time now, in ms,
    for what is kept; refused: takes what is refused after the answer; bucket: where segments are
    uploaded to; catalog: the server that has it, None: it is in the data directory; share: the
    shards that are this process' own.
    """

    replicas: WatchedLabels = NO_REPLICAS
    rules: RulesSource = lambda tenant: NO_RULES
    periods: PeriodsSource = lambda tenant: NO_PERIODS
    clock: Callable[[], int] = now_ms
    refused: RefusalSink = lambda tenant, rejects: None
    pairs: PairsSource = lambda tenant: NO_PAIRS
    bucket: Bucket | None = None
    catalog: CatalogServer | None = None
    share: Share = WHOLE


DEFAULT_POLICY = Policy()
