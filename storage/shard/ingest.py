"""What a write does to a shard; at replay, the log does the same to it again.

    resolve   the refs of its series; those that are new are registered
    judge     which of its samples are copies of those of an elected replica
    append    what is left goes to the active head; returns what became of all of it

The rules of a tenant and who is elected stand in the log before the writes that go by them:
log_rules() and begin_log_file() write them there.

For the shard's writer, and before that has started for its recovery.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from storage.batch import KIND_ELECTIONS, Batch, Outcome
from storage.errors import StorageError
from storage.head.extras import first_places
from storage.kernels.arrays import NO_SERIES, Int32s, Int64s, UInt64s
from storage.metrics import StorageMetrics
from storage.options import StorageOptions
from storage.refusals.exemplars import exemplar_rejects
from storage.refusals.samples import (
    dropped_samples,
    histogram_rejects,
    kept_out_rejects,
    refused_points,
    sample_rejects,
    series_rejects,
)
from storage.series.hash_cache import NO_REPLICAS
from storage.series.table import Registration
from storage.shard.elections import NO_COPIES, Copies
from storage.shard.shard import Shard, now_ms
from storage.tenants.rules import NO_RULES, TenantRules
from storage.tenants.tenant import Tenant

INT64 = np.iinfo(np.int64)


def nobody_waits(_: Outcome | StorageError) -> None:
    """The finish() of a write that comes from the log."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingWrite:
    """A batch for the writer. finish() is called once, from the writer's thread."""

    tenant: Tenant
    batch: Batch
    arrival_ms: int
    finish: Callable[[Outcome | StorageError], None] = nobody_waits
    rules: TenantRules = NO_RULES


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """A write that is in the log, if anything of it is to be kept.

    refs: of its series; all_accepted: none of these is refused or dropped. fresh: the positions of
    its metadata that were not known then.
    """

    write: PendingWrite
    refs: Int32s
    all_accepted: bool
    fresh: Int64s
    copies: Copies


def resolve(shard: Shard, write: PendingWrite) -> tuple[Int32s, UInt64s]:
    """The refs of a write, and the replicas that they come from. Raises CorruptBatch."""
    number, rules = write.tenant.number, write.rules
    allowed = rules.series_max
    room = partial(shard.active_series.room, number, allowed=allowed, now_ms=write.arrival_ms)
    entry = Registration(
        rules,
        room if allowed else None,
        clusters_max=0 if rules.ha is None else rules.ha.clusters_max,
        replicas=replicas_for(write.batch, rules),
    )
    return shard.table.resolve(write.batch, number, entry), entry.replicas


def fresh_metadata(shard: Shard, write: PendingWrite) -> Int64s:
    """The positions of a write's metadata that is not known yet."""
    raw = write.batch.metadata
    if raw is None:
        return NO_SERIES
    return shard.metadata.fresh(write.tenant.number, raw, write.arrival_ms)


def judge(shard: Shard, write: PendingWrite, refs: Int32s, replicas: UInt64s) -> Copies:
    """What of a write is copies. Elects replicas, so each write is judged once, in their order."""
    ha = write.rules.ha
    if ha is None:
        return NO_COPIES
    shard.judged[write.tenant.name] = write.tenant
    return shard.elections.judge(
        write.tenant.number,
        write.batch,
        refs,
        replicas,
        arrival_ms=write.arrival_ms,
        accepted_ms=accepted_times(shard.options, write.arrival_ms, write.rules),
        failover_ms=ha.failover_ms,
    )


def append(shard: Shard, logged: Logged) -> Outcome:
    """Make a write visible; returns what became of it."""
    write, refs, copies = logged.write, logged.refs, logged.copies
    batch, rules, options = write.batch, write.rules, shard.options
    oldest, newest = accepted_times(options, write.arrival_ms, rules)
    places = copies.places
    if places is None and batch.points is not None:
        places = first_places(batch)
    with shard.lock:
        appended = shard.active.append(refs, batch, oldest, newest, places)
        shard.records.note_samples(
            write.tenant.number, batch.timestamps, (oldest, newest), write.arrival_ms
        )
    rejects = (
        *sample_rejects(batch, appended, (oldest, newest), options, rules),
        *histogram_rejects(batch, refs),
    )
    dropped = 0
    if not logged.all_accepted:
        rejects = (*series_rejects(batch, refs, options, rules), *rejects)
        dropped = dropped_samples(batch, refs)
    refused = sum(reject.count for reject in rejects)
    outcome = Outcome(
        batch.sample_count - refused,
        rejects,
        histograms=appended.histograms,
        dropped=dropped,
        copies=copies.count,
        refused_points=refused_points(batch, refs, places) if refused else 0,
        kept_out=kept_out_rejects(batch, appended.kept_out),
    )
    if batch.exemplars is not None:
        raw = batch.exemplars
        kept = copies.refs_of_exemplars(refs)
        codes = shard.active.exemplars.add(kept, raw, oldest, newest, rules)
        refusals = exemplar_rejects(batch, raw, codes, options)
        accepted = len(raw) - sum(reject.count for reject in refusals)
        outcome = replace(outcome, exemplars=accepted, exemplar_rejects=refusals)
    if batch.metadata is not None:
        not_kept = shard.metadata.add(
            write.tenant.number, batch.metadata, logged.fresh, write.arrival_ms
        )
        outcome = replace(outcome, metadata_not_kept=not_kept)
    return outcome


def replay(
    shard: Shard, tenant: Tenant, batch: Batch, arrival_ms: int, left_out: Int64s = NO_SERIES
) -> None:
    """Take a batch from the log: what a write does, without the log.

    left_out: the series that were refused then, as storage.log.rules keeps them.
    """
    rules = shard.rule_log.of(tenant.name)
    entry = Registration(rules, left_out=left_out, replicas=replicas_for(batch, rules))
    refs = shard.table.resolve(batch, tenant.number, entry)
    write = PendingWrite(tenant, batch, arrival_ms, rules=rules)
    all_accepted = bool(refs.min(initial=0) >= 0)
    copies = judge(shard, write, refs, entry.replicas)
    append(shard, Logged(write, refs, all_accepted, fresh_metadata(shard, write), copies))


def take_rules(shard: Shard, tenant: Tenant, rules: TenantRules) -> None:
    """Take the rules of a tenant from the log; its elections come after them, if it has any."""
    shard.rule_log.take(tenant.name, rules)
    shard.elections.clear(tenant.number)


def take_elections(shard: Shard, tenant: Tenant, payload: bytes) -> None:
    """Take elected replicas of a tenant from the log. Raises ValueError if they are damaged."""
    shard.elections.load(tenant.number, payload, shard.table.ids[: len(shard.table)])
    shard.judged[tenant.name] = tenant


def log_rules(shard: Shard, tenant: Tenant, arrival_ms: int, rules: TenantRules) -> None:
    """Log the rules of a tenant and its elections, if that is not done yet."""
    append = shard.wal.append
    if shard.rule_log.append(append, arrival_ms, tenant.name, rules):
        ids = shard.table.ids[: len(shard.table)]
        for payload in shard.elections.payloads(tenant.number, ids, arrival_ms):
            append(KIND_ELECTIONS, arrival_ms, tenant.name, payload)


def begin_log_file(shard: Shard) -> int:
    """Begin a new log file, with the elections there are. Returns its number: with what is in
    segments, the log from there on gives the state of now. Raises as the log does."""
    position = shard.wal.rotate()
    shard.rule_log.start_anew()
    for name, tenant in shard.judged.items():
        log_rules(shard, tenant, now_ms(), shard.rule_log.of(name))
    shard.wal.sync()
    return position


def replicas_for(batch: Batch, rules: TenantRules) -> UInt64s:
    """Room for the replicas of a batch's series, where they are asked for."""
    return NO_REPLICAS if rules.ha is None else np.zeros(batch.series_count, np.uint64)


def accepted_times(
    options: StorageOptions, arrival_ms: int, rules: TenantRules = NO_RULES
) -> tuple[int, int]:
    """The oldest and newest timestamp accepted from a request that came at arrival_ms.

    The smallest int64 itself stands for "never" and is not accepted.
    """
    grace_ms = options.creation_grace_period_ms if rules.grace_ms is None else rules.grace_ms
    oldest, newest = arrival_ms - options.retention_ms, arrival_ms + grace_ms
    if options.retention_ms == 0:
        oldest = int(INT64.min) + 1
        newest = int(INT64.max) if rules.grace_ms is None else newest
    if rules.out_of_order_ms:
        oldest = max(oldest, arrival_ms - rules.out_of_order_ms)
    return oldest, newest


def count_outcome(metrics: StorageMetrics, tenant: str, outcome: Outcome) -> Outcome:
    """Move the metrics of a tenant by what became of a write, which is returned."""
    kept_out = sum(reject.count for reject in outcome.kept_out)
    stored = outcome.accepted - outcome.dropped - outcome.copies - kept_out
    if stored > 0:
        metrics.samples.labels(tenant).inc(stored)
    if outcome.dropped:
        metrics.dropped.labels(tenant).inc(outcome.dropped)
    if outcome.copies:
        metrics.copies.labels(tenant).inc(outcome.copies)
    for reject in (*outcome.rejects, *outcome.kept_out):
        metrics.rejected.labels(tenant, reject.reason).inc(reject.count)
    if outcome.exemplars:
        metrics.exemplars.labels(tenant).inc(outcome.exemplars)
    for reject in outcome.exemplar_rejects:
        metrics.rejected_exemplars.labels(tenant, reject.reason).inc(reject.count)
    if outcome.metadata_not_kept:
        metrics.metadata_not_kept.labels(tenant).inc(outcome.metadata_not_kept)
    return outcome


def settle(answer: asyncio.Future[Outcome], batch: Batch, result: Outcome | StorageError) -> None:
    """Answer a waiting append, unless its caller has gone."""
    batch.release()
    if answer.done():
        return
    if isinstance(result, StorageError):
        answer.set_exception(result)
    else:
        answer.set_result(result)
