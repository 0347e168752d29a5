"""Retention: whole segments go when their newest sample is too old, and the oldest ones when all
together are too large.

Too old is what no tenant of the shard keeps any more. What is past for some of them is not shown
(storage/read/kept.py), and leaves the files by storage/deletion/expiry.py. A segment is first taken
out of the catalog and out of sight, and its files are deleted later, when no query that still saw
it can be running (storage/shard/doomed.py).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from storage.catalog.catalog import Catalog
from storage.files import segments_directory
from storage.options import StorageOptions
from storage.segments.segment import SegmentMeta
from storage.shard.doomed import DoomedFiles
from storage.shard.periods import NO_PERIODS, TenantPeriods, oldest_of_all
from storage.shard.shard import Shard
from storage.tenants.placement import WHOLE, Share

logger = logging.getLogger(__name__)


class Retention:
    """Drops expired segments of all shards. run() is called from one thread."""

    def __init__(
        self,
        options: StorageOptions,
        catalog: Catalog,
        doomed: DoomedFiles,
        periods: Callable[[int], Iterable[TenantPeriods]] = lambda shard: (NO_PERIODS,),
        share: Share = WHOLE,
    ) -> None:
        """periods: those of a shard's tenants; share: the shards that are this process' own."""
        self._share = share
        self._options = options
        self._bytes_max = options.retention_bytes
        self._periods = periods
        self._path = Path(options.path)
        self._catalog = catalog
        self._doomed = doomed

    def run(self, shard: Shard, now_ms: int) -> int:
        """Drop what expired before now_ms; returns how many segments left the shard's view."""
        self._doomed.delete_due(now_ms)
        periods = list(self._periods(shard.number))
        with shard.changes:
            segments = shard.view().every_segment
            expired = {s.ulid for s in too_old(segments, self._options, periods, now_ms)}
            self._drop(shard, expired)
        self.doom(shard.number, expired, now_ms)
        if expired:
            logger.info("retention dropped shard=%d segments=%d", shard.number, len(expired))
        return len(expired)

    def shrink(self, shards: Sequence[Shard], now_ms: int) -> int:
        """Drop the oldest segments until all together are small enough; returns how many. Each of
        the processes that share the shards finds the same ones, and drops its own."""
        if not self._bytes_max:
            return 0
        by_number = {shard.number: shard for shard in shards}
        every = [s for shard in shards for s in shard.view().every_segment]
        gone = too_large([*every, *self._of_others()], self._bytes_max)
        own = [segment for segment in gone if segment.shard in by_number]
        for segment in own:
            shard = by_number[segment.shard]
            with shard.changes:
                self._drop(shard, {segment.ulid})
            self.doom(shard.number, [segment.ulid], now_ms)
            logger.info(
                "retention dropped for size shard=%d segment=%s bytes=%d",
                shard.number, segment.ulid, segment.bytes,
            )  # fmt: skip
        return len(own)

    def _of_others(self) -> list[SegmentMeta]:
        """The segments of other processes."""
        shards = (n for n in range(self._catalog.shards) if not self._share.has(n))
        return [segment for shard in shards for segment in self._catalog.segments(shard)]

    def _drop(self, shard: Shard, gone: set[str]) -> None:
        if gone:
            self._catalog.drop_segments(sorted(gone))
            shard.drop_segments(gone)

    def doom(self, shard: int, ulids: Iterable[str], now_ms: int) -> None:
        """Delete the files of segments that no new query sees, once no old one can see them. From
        any thread."""
        directory = segments_directory(self._path, shard)
        self._doomed.add((directory / ulid for ulid in ulids), now_ms)


def too_old(
    segments: Iterable[SegmentMeta],
    options: StorageOptions,
    tenants: Sequence[TenantPeriods],
    now_ms: int,
) -> list[SegmentMeta]:
    """The segments of a shard that none of its tenants keeps, nor one without own periods."""
    every = [NO_PERIODS, *tenants]
    oldest: dict[int, int] = {}
    gone = []
    for segment in segments:
        resolution_ms = segment.resolution_ms
        if resolution_ms not in oldest:
            oldest[resolution_ms] = oldest_of_all(options, every, resolution_ms, now_ms)
        if segment.max_ms < oldest[resolution_ms]:
            gone.append(segment)
    return gone


def too_large(segments: Iterable[SegmentMeta], bytes_max: int) -> list[SegmentMeta]:
    """The oldest segments, without which all are no larger than bytes_max; 0: any size."""
    ordered = sorted(segments, key=lambda segment: (segment.max_ms, segment.ulid))
    excess = sum(segment.bytes for segment in ordered) - bytes_max
    gone = []
    for segment in ordered:
        if not bytes_max or excess <= 0:
            break
        gone.append(segment)
        excess -= segment.bytes
    return gone
