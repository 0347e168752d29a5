"""Downsampling on demand, and what a database has of each resolution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from storage.compaction.compactor import Tools
from storage.compaction.merging import MergeLimits
from storage.compaction.worker import CompactionWorker
from storage.database import Database
from tests.makers.compaction import LONG_AFTER_MS, SMALL_BLOCKS, worker_of
from tests.makers.databases import WHOLE
from tests.makers.downsampling.aggregates import kept_of, windows_of
from tests.twins.storage.aggregates import Window

Labelset = tuple[tuple[str, str], ...]
Kept = list[tuple[int, float | None, int]]


def downsampling_worker(
    database: Database, tools: Tools | None = None, **changes: Any
) -> CompactionWorker:
    """A worker that is not started; windows are kept for ever."""
    kept = {"downsampling_enabled": True, "retention_5m_ms": 0, "retention_1h_ms": 0}
    return worker_of(database, tools, **(kept | changes))


def downsample(
    database: Database,
    *,
    at_ms: int = LONG_AFTER_MS,
    limits: MergeLimits = SMALL_BLOCKS,
    kinds: list[str] | None = None,
    tools: Tools | None = None,
    **changes: Any,
) -> list[str]:
    """Do all jobs of downsampling that are due; their kinds, with the seconds of a window."""
    tools = replace(tools or database._tools(), limits=limits)
    worker = downsampling_worker(database, tools, **changes)
    done: list[str] = []
    while True:
        jobs = [
            (shard, job)
            for shard in database._shards
            for job in worker.plan(shard, at_ms)
            if job.resolution_ms and (kinds is None or job.kind in kinds)
        ]
        if not jobs:
            return done
        shard, job = jobs[0]
        assert worker.downsampler.run(shard, job), "a job was undone"
        done.append(f"{job.kind} {job.resolution_ms // 1000}")


def stored(
    database: Database, resolution_ms: int, *, tenant: str = "t"
) -> dict[Labelset, tuple[list[Window], Kept]]:
    """What segments of a resolution have: by labels, windows and kept histograms."""
    found: dict[Labelset, tuple[list[Window], Kept]] = {}
    shard = database._shards[database._tenants[tenant].shard]
    segments = [s for s in shard.view().aggregates if s.resolution_ms == resolution_ms]
    table, number = shard.table, database._tenants[tenant].number
    refs = np.flatnonzero(table.tenants[: len(table)] == number)
    refs = refs[np.argsort(table.ids[refs])]
    read = shard.files.aggregates.select(segments, table.ids[refs], WHOLE)
    kept = kept_of(read.histograms, len(refs))
    for ref, windows, histograms in zip(refs.tolist(), windows_of(read), kept, strict=True):
        if windows or histograms:
            own = slice(int(table.offsets[ref]), int(table.offsets[ref + 1]))
            codes = zip(table.names[own].tolist(), table.values[own].tolist(), strict=True)
            labels = tuple((table.symbols.text(a), table.symbols.text(b)) for a, b in codes)
            found[tuple(sorted(labels))] = windows, histograms
    return found


def covers(database: Database, resolution_ms: int) -> list[tuple[int, int]]:
    """What the segments of a resolution cover, by time."""
    segments = [s for shard in database._shards for s in shard.view().aggregates]
    return sorted((s.from_ms, s.to_ms) for s in segments if s.resolution_ms == resolution_ms)
