"""Compaction on demand, for tests: in their own thread, of a database that does none by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from storage.compaction.compactor import Tools
from storage.compaction.merging import MergeLimits
from storage.compaction.worker import CompactionWorker
from storage.database import Database

LONG_AFTER_MS = 1 << 60
SMALL_BLOCKS = MergeLimits(series=3, samples=7)


def worker_of(database: Database, tools: Tools | None = None, **changes: Any) -> CompactionWorker:
    """A worker that is not started; changes: of the options."""
    own = {"compaction_enabled": True, "compaction_share": 100} | changes
    options = replace(database._options, **own)
    return CompactionWorker(options, tools or database._tools(), lambda: database._shards)


def compact(
    database: Database,
    *,
    at_ms: int = LONG_AFTER_MS,
    limits: MergeLimits = SMALL_BLOCKS,
    **changes: Any,
) -> int:
    """Do all jobs that are due; returns how many those were."""
    worker = worker_of(database, replace(database._tools(), limits=limits), **changes)
    done = 0
    while jobs := worker.round(at_ms):
        done += jobs
    assert not any(worker.plan(shard, at_ms) for shard in database._shards), "a job has failed"
    return done
