"""Databases for tests: opened on a directory, written to and read with plain values."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from storage.batch import Batch, Outcome
from storage.database import Database
from storage.labels.matchers import Matcher
from storage.options import StorageOptions
from storage.policy import DEFAULT_POLICY, Policy
from storage.read_only import ReadOnlyDatabase
from storage.shard.writer import WRITER_LIMITS, WriterLimits
from tests.makers.batches import DECODER, Written, batch_of
from tests.makers.bodies.mixed import Mixed, mixed_batch_of
from tests.makers.histograms import contents
from tests.twins.storage.kernels import MixedPoint

WHOLE = (-(1 << 62), 1 << 62)
Points = list[tuple[int, float]]


def options(path: Path, **changes: Any) -> StorageOptions:
    """Small limits, for ever kept, one shard, and nothing is compacted, downsampled, scrubbed or
    preloaded by itself."""
    small = replace(
        StorageOptions(),
        path=str(path),
        retention_ms=0,
        retention_5m_ms=0,
        retention_1h_ms=0,
        shards=1,
        series_max=10_000,
        head_samples_max=100_000,
        symbol_bytes_max=1 << 22,
        compaction_enabled=False,
        downsampling_enabled=False,
        scrub_interval_ms=0,
        segment_index_preload=False,
    )
    return replace(small, **changes)


@contextmanager
def opened(
    path: Path,
    *,
    policy: Policy = DEFAULT_POLICY,
    limits: WriterLimits = WRITER_LIMITS,
    **changes: Any,
) -> Iterator[Database]:
    registry = CollectorRegistry()
    database = Database.open(
        options(path, **changes), DECODER.decode, registry, policy, limits=limits
    )
    try:
        yield database
    finally:
        database.close()


def write(
    database: Database, written: Written, *, tenant: str = "t", arrival_ms: int = 0
) -> Outcome:
    return append(database, batch_of(written), tenant=tenant, arrival_ms=arrival_ms)


def append(database: Database, batch: Batch, *, tenant: str = "t", arrival_ms: int = 0) -> Outcome:
    return asyncio.run(database.append(tenant, batch, arrival_ms))


def read(
    database: Database | ReadOnlyDatabase,
    *matchers: Matcher,
    tenant: str = "t",
    span: tuple[int, int] = WHOLE,
    replica_labels: Sequence[str] = (),
) -> dict[tuple[tuple[str, str], ...], Points]:
    """The selected series as sorted label pairs -> [(timestamp, value)]."""
    querier = database.querier(tenant, replica_labels=tuple(replica_labels), dedup=True)
    selection = querier.select(matchers, *span)
    found = {}
    for row in range(selection.labels.rows):
        samples = selection.read(row, row + 1)
        points = list(zip(samples.timestamps.tolist(), samples.values.tolist(), strict=True))
        labels = tuple(selection.labels.labelset(row).items())
        assert labels not in found
        found[labels] = points
    return found


def seal(database: Database) -> None:
    """Seal the head of the first shard and wait for its end."""
    (writer, *_) = database._writers
    writer._start_seal()
    assert writer._sealing is not None
    writer._sealing.join()


def key(name: str, **labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"__name__": name, **labels}.items()))


def series(name: str, points: Points, **labels: str) -> tuple[dict[str, str], Points]:
    return {"__name__": name, **labels}, points


def write_mixed(database: Database, written: Mixed, *, tenant: str = "t") -> Outcome:
    return append(database, mixed_batch_of(written), tenant=tenant)


def read_mixed(
    database: Database | ReadOnlyDatabase,
    *matchers: Matcher,
    tenant: str = "t",
    span: tuple[int, int] = WHOLE,
) -> dict[tuple[tuple[str, str], ...], list[MixedPoint]]:
    """The selected series as sorted label pairs -> [(timestamp, bits or histogram, start)]."""
    selection = database.querier(tenant, replica_labels=(), dedup=True).select(matchers, *span)
    return {
        tuple(selection.labels.labelset(row).items()): contents(selection.read(row, row + 1))[0]
        for row in range(selection.labels.rows)
    }
