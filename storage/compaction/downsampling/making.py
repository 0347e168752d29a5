"""A job of downsampling from end to end: a segment of aggregates, of finer ones and of its like.

    examine   what it is made of is compared with its checksums; what is wrong is passed over
    write     the segment, under a temporary name, synced and renamed; pairs are made one before,
              and what is deleted is cut out
    swap      in one transaction of the catalog: it is registered, those that it replaces are gone,
              damaged ones set aside; then new queries see it
    delete    the files of what was replaced, after the grace period

A crash before the swap leaves a directory that the catalog does not know, one after it those of
what was replaced: the next start removes either. If anything that it was made of was replaced
meanwhile, or something was deleted from it, the job is undone, and planned anew.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import msgspec
import numpy as np

from storage.catalog.deletions import Applied, Deletion
from storage.compaction.compactor import Compactor, Tools, refs_of, registered
from storage.compaction.cutting import JobCuts
from storage.compaction.downsampling.groups import groups_of
from storage.compaction.downsampling.sources import (
    CombinedWindows,
    FoldedSamples,
    Source,
    StoredWindows,
    around_of,
)
from storage.compaction.merging import cut, take_census
from storage.compaction.planner import Job
from storage.downsampling.merging import merge_windows
from storage.kernels.arrays import NO_SERIES, Int64s
from storage.segments.aggregates.writer import AggregateBlock, write_downsampled
from storage.segments.examination import Wrong
from storage.segments.segment import Origin, SegmentMeta, overlapping
from storage.segments.writer import SegmentWriter
from storage.shard.sealing import series_columns
from storage.shard.shard import Shard, now_ms

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a job stands on: it holds as long as nothing of this has changed.

    near: what is read, those around the window included; pending: what is deleted from it.
    """

    near: tuple[SegmentMeta, ...]
    pending: frozenset[tuple[int, str]]

    @classmethod
    def of(cls, near: Sequence[SegmentMeta], deletions: Sequence[Deletion]) -> "Ground":
        ulids = {segment.ulid for segment in near}
        pending = {
            (each.number, ulid) for each in deletions for ulid in each.pending if ulid in ulids
        }
        return cls(tuple(near), frozenset(pending))

    def holds(self, shard: Shard) -> bool:
        view = shard.view()
        in_use = {segment.ulid for segment in view.every_segment}
        return all(segment.ulid in in_use for segment in self.near) and (
            Ground.of(self.near, view.deletions).pending == self.pending
        )


@dataclass(frozen=True, slots=True)
class Made:
    """The segment of a job, what it stands on, and what it did for pending deletions, by their
    numbers."""

    output: SegmentMeta
    ground: Ground
    applied: Mapping[int, Applied]


class Downsampler:
    """Does jobs of downsampling, with the tools and at the pace of a compactor."""

    def __init__(self, compactor: Compactor, tools: Tools) -> None:
        self._compactor = compactor
        self._tools = tools

    def run(self, shard: Shard, job: Job) -> list[SegmentMeta]:
        """Do a job; returns the segment, or nothing if the job was undone. Raises StorageError,
        OSError, or Stopped if the database closes meanwhile."""
        started = time.monotonic()
        with self._compactor.working_on(shard.number, job):
            wrong = self._compactor.examine(shard, job)
            try:
                found = self._swap(shard, job, self._write(shard, job), wrong)
            finally:
                shard.held = NO_SERIES
        if found is None:
            return []
        self._note(shard, job, found, time.monotonic() - started)
        return [found]

    def _write(self, shard: Shard, job: Job) -> Made:
        tools, view = self._tools, shard.view()
        span = job.windows[0]
        near: tuple[SegmentMeta, ...] = (*job.sources, *job.inputs)
        sources: list[Source] = []
        if job.sources and job.sources[0].is_raw:
            folded = self._folded(shard, job, view.segments, view.deletions)
            near = (*folded.near, *job.inputs)
            sources.append(folded)
        elif job.sources:
            finer = self._stored(shard, job.sources, span, view.deletions)[0]
            sources.append(CombinedWindows(finer, job.resolution_ms))
        applied: Mapping[int, Applied] = {}
        if job.inputs:
            old, cuts = self._stored(shard, job.inputs, span, view.deletions)
            if not self._is_complete(job, shard.number):
                sources.append(old)
            applied = cuts.applied()
        ids, weights = all_series(sources)
        names = tools.tenant_names(shard.number)
        table = shard.table
        series = series_columns(table, refs_of(table, ids), names)
        origin = Origin(
            level=job.level,
            resolution_ms=job.resolution_ms,
            sources=tuple(segment.ulid for segment in (*job.sources, *job.inputs)),
            cover=(span[0] - 1, span[1]),
        )
        writer = SegmentWriter(tools.duck, tools.directory(shard.number), shard.number)
        blocks = self._blocks(sources, ids, weights, job)
        output = write_downsampled(writer, series, blocks, created_ms=now_ms(), origin=origin)
        if applied and not job.sources:  # windows are gone of which not all was deleted
            output = msgspec.structs.replace(output, late_ms=now_ms())
        return Made(output, Ground.of(near, view.deletions), applied)

    def _is_complete(self, job: Job, shard: int) -> bool:
        """Whether everything that was in the job's window is in what it is made of still."""
        if not job.sources:
            return False
        (first, last), tools = job.windows[0], self._tools
        resolution_ms = job.sources[0].resolution_ms
        lost = any(
            s.resolution_ms == resolution_ms and s.times[0] <= last and s.times[1] >= first
            for s, *_ in tools.catalog.set_aside_segments(shard)
        )
        return first > tools.complete_since(shard, resolution_ms) and not lost

    def _folded(
        self,
        shard: Shard,
        job: Job,
        raw: Sequence[SegmentMeta],
        deletions: Sequence[Deletion],
    ) -> FoldedSamples:
        tools, span = self._tools, job.windows[0]
        directory = tools.directory(shard.number)
        names = tools.tenant_names(shard.number)
        census = take_census(directory, job.sources, tools.damages)
        refs = refs_of(shard.table, census.ids)
        groups = groups_of(shard, refs, lambda t: tools.pairs(names[t]), tools.in_writer)
        near = job.sources
        if groups.largest > 1:
            near = tuple(overlapping(raw, *around_of(span, groups)))
        series = series_columns(shard.table, refs_of(shard.table, census.ids), names)
        cuts = JobCuts(series, near, deletions, names)
        return FoldedSamples(
            shard.files.samples, near, census, cuts, groups, span, job.resolution_ms
        )

    def _stored(
        self,
        shard: Shard,
        segments: Sequence[SegmentMeta],
        span: tuple[int, int],
        deletions: Sequence[Deletion],
    ) -> tuple[StoredWindows, JobCuts]:
        tools = self._tools
        census = take_census(tools.directory(shard.number), segments, tools.damages)
        names = tools.tenant_names(shard.number)
        series = series_columns(shard.table, refs_of(shard.table, census.ids), names)
        cuts = JobCuts(series, segments, deletions, names)
        return StoredWindows(shard.files.aggregates, segments, census, cuts, span), cuts

    def _blocks(
        self, sources: Sequence[Source], ids: Int64s, weights: Int64s, job: Job
    ) -> Iterator[AggregateBlock]:
        """The windows of a few series at a time, with rests between them."""
        whole = max(1, int(weights.sum()))
        for first, end in cut(weights, self._tools.limits):
            own = ids[first:end]
            parts = [source.read(own) for source in sources]
            yield own, reduce(lambda a, b: merge_windows(a, b, job.resolution_ms), parts)
            self._compactor.progress(job, int(weights[first:end].sum()) / whole)

    def _swap(
        self,
        shard: Shard,
        job: Job,
        made: Made,
        wrong: Mapping[str, Sequence[Wrong]],
    ) -> SegmentMeta | None:
        """Let the segment be seen; None if what it was made of has changed."""
        output, ground, applied = made.output, made.ground, made.applied
        tools, directory = self._tools, self._tools.directory(shard.number)
        aside = self._compactor.damaged(job, directory, wrong)
        writer = SegmentWriter(tools.duck, directory, shard.number)
        known = [segment.ulid for segment in ground.near if segment.ulid not in job.ulids]
        ulids = [segment.ulid for segment in job.inputs]
        with shard.changes:
            if not ground.holds(shard):
                writer.remove(output)
                logger.info("what was downsampled has changed meanwhile shard=%d", shard.number)
                return None
            try:
                output = tools.catalog.replace_windows(ulids, output, known, aside, applied=applied)
            except BaseException:
                if not registered(tools.catalog, shard.number, [output]):
                    writer.remove(output)
                raise
            late_ms = now_ms() if known else 0
            shard.replace_segments(job.ulids, [output], applied, late_ms=late_ms)
        for ulid, reason in aside.items():
            logger.error(
                "set a damaged segment aside, what is readable was carried over shard=%d ulid=%s "
                "reason=%r", shard.number, ulid, reason,
            )  # fmt: skip
            tools.damages.forget(directory / ulid)
        tools.doomed.add((directory / ulid for ulid in ulids if ulid not in aside), now_ms())
        return output

    def _note(self, shard: Shard, job: Job, output: SegmentMeta, seconds: float) -> None:
        metrics = self._tools.metrics
        metrics.downsampled.labels(job.kind, str(job.resolution_ms // 1000)).inc()
        metrics.downsampled_samples.inc(job.samples)
        metrics.compaction_bytes_read.inc(sum(s.bytes for s in (*job.sources, *job.inputs)))
        metrics.compaction_bytes_written.inc(output.bytes)
        logger.info(
            "downsampled shard=%d kind=%s resolution_ms=%d segments=%d samples=%d windows=%d "
            "bytes=%d seconds=%.2f", shard.number, job.kind, job.resolution_ms,
            len(job.sources) + len(job.inputs), job.samples, output.samples, output.bytes, seconds,
        )  # fmt: skip


def all_series(sources: Sequence[Source]) -> tuple[Int64s, Int64s]:
    """The series of all sources, ascending, and what reading each takes."""
    ids, places = np.unique(np.concatenate([source.ids for source in sources]), return_inverse=True)
    weights = np.zeros(len(ids), np.int64)
    np.add.at(weights, places, np.concatenate([source.weights for source in sources]))
    return ids, weights
