"""How what a querier reads can be told from what is there later (storage.revisions)."""

from collections.abc import Callable

from storage.dedup.algorithm import Algorithm
from storage.read.kept import Kept
from storage.revisions.watch import Mark, Watch
from storage.series.index import TenantIndex
from storage.shard.shard import Shard


def watch_of(
    shard: Shard,
    index: TenantIndex,
    tenant: int,
    kept: Kept,
    *,
    rule: tuple[tuple[str, ...], Algorithm],
    reached_ms: Callable[[], int | None],
    shows_all: Callable[[], bool],
) -> tuple[Watch, ...]:
    """One, or none for a tenant that has not written yet, or where series were forgotten since the
    index was asked for. rule: labels of replicas, and how they become one; reached_ms: how far
    around their spans reads went; shows_all: whether lists of series had all that matched."""
    table = index.table
    labels, algorithm = rule
    with shard.lock:
        if not tenant or shard.table is not table:
            return ()
        record = shard.records.of(tenant, kept.now_ms)
        mark = Mark(record, record.revision)
    described = shard.metadata.revision if labels else 0
    return (
        Watch(
            tenant,
            shard.records,
            shard.lock,
            mark,
            oldest_ms=kept.whole_ms,
            rule=(labels, algorithm, described, shard.files.samples.damage_revision),
            generation=table.generation,
            series=table.registered(tenant),
            matched=lambda matchers: len(index.match(matchers).refs),
            reached_ms=reached_ms,
            replicated=bool(labels),
            shows_all=shows_all,
        ),
    )
