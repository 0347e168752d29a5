"""What the query side has to know of the program: replicas, limits of tenants, settings, state."""

import time
from collections.abc import Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry

from api.sources.others import Others
from api.sources.program import Program, Reloaded, Replay, StoreFacts
from api.sources.queriers import ReplicaDefaults
from api.sources.query_limits import QueryLimits
from receiver.late_database import LateDatabase, State
from receiver.limits.limits import TenantLimits
from receiver.settings.algorithms import tenant_algorithms
from receiver.settings.config import Config
from receiver.settings.effective import document, setting_texts
from receiver.settings.options import DedupOptions
from receiver.settings.reloading import Reloadable
from storage.dedup.algorithm import Algorithm


def replica_defaults(options: DedupOptions) -> ReplicaDefaults:
    """What the API needs to know of replicas. Raises ConfigError."""
    tenants = tenant_algorithms(options.tenant_algorithms)
    return ReplicaDefaults(
        options.replica_labels, options.cluster_labels, Algorithm(options.algorithm), tenants
    )


class Stores(Others, Protocol):
    """Other stores, and what there is to know of each."""

    def facts(self) -> Sequence[StoreFacts]: ...


def program_facts(
    config: Config,
    watched: Sequence[Reloadable],
    database: LateDatabase,
    shards: Sequence[int],
    registry: CollectorRegistry,
    *,
    stores: Stores,
) -> Program:
    """What the API reports of the program. shards: those of this process. Times are of now, the
    program's start."""
    started_ms = time.time_ns() // 1_000_000

    def reloaded() -> Reloaded:
        times = [file.read_ms for file in watched]
        return Reloaded(all(file.is_good for file in watched), max(times, default=started_ms))

    def replay() -> Replay:
        done = len(shards) if database.state is State.OPEN else 0
        return Replay(0, len(shards), done)

    texts = setting_texts(config)
    return Program(
        settings=texts,
        document=document(config),
        listens=config.web.listen_address,
        started_ms=started_ms,
        retention=texts["storage.retention"],
        retention_ms=config.storage.retention_ms,
        reloaded=reloaded,
        replay=replay,
        metrics=registry.collect,
        stores=stores.facts,
        others=stores,
    )


def query_limits(limits: TenantLimits) -> QueryLimits:
    """What the API has to obey of a tenant's limits."""
    return QueryLimits(
        lookback_ms=limits.max_query_lookback_ms,
        length_ms=limits.max_total_query_length_ms,
        expression_bytes=limits.max_query_expression_size_bytes,
        samples=limits.max_samples_per_query,
        series=limits.max_series_per_query,
        steps=limits.max_steps_per_query,
        timeout_ms=limits.query_timeout_ms,
        places=limits.max_concurrent_queries,
        waiting=limits.max_outstanding_requests_per_tenant,
        answer_bytes=limits.max_query_response_size,
    )


def oldest_ms(config: Config) -> int | None:
    """How old what is kept may be by now, in ms since 1970; None if that is not known: something is
    kept for ever, or tenants have times of their own."""
    storage = config.storage
    periods_ms = [storage.retention_ms]
    if storage.downsampling_enabled:
        periods_ms += [storage.retention_5m_ms, storage.retention_1h_ms]
    if config.limits.file or not all(periods_ms):
        return None
    return time.time_ns() // 1_000_000 - max(periods_ms)
