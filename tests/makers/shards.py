"""A shard on a directory of its own, without a database around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storage.head.head import GROUP_LIMITS, GroupLimits
from storage.log.wal import WAL_LIMITS, Wal, WalLimits
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.caches import SegmentCaches
from storage.segments.duck import Duck
from storage.segments.exemplars import ExemplarReader
from storage.segments.reader import SegmentReader
from storage.segments.series import SeriesReader
from storage.shard.shard import Shard, ShardFiles
from tests.makers.databases import options


@contextmanager
def shard_at(
    path: Path, group: GroupLimits = GROUP_LIMITS, wal: WalLimits = WAL_LIMITS, **changes: Any
) -> Iterator[Shard]:
    """An empty shard; changes: of the options."""
    duck = Duck(memory_bytes=1 << 28, threads=1, temporary=path / "tmp")
    files = ShardFiles(
        wal=Wal.open(path / "wal", first_file=1, limits=wal),
        samples=SegmentReader(path, SegmentCaches()),
        aggregates=AggregateReader(path, SegmentCaches()),
        series=SeriesReader(duck, path),
        exemplars=ExemplarReader(path),
        segments=(),
        log_position=1,
    )
    try:
        yield Shard(0, options(path, **changes), files, group)
    finally:
        files.wal.close()
        duck.close()
