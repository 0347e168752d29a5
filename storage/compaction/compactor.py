"""A job of compaction from end to end: some segments of a shard take the place of others.

    examine   every byte of the inputs is compared with its checksums; what is wrong is passed over
    write     the outputs, window by window, under temporary names, synced and renamed; what is
              deleted from an input is cut out of it
    swap      in one transaction of the catalog: outputs are registered, inputs are gone, damaged
              ones set aside, deletions that were obeyed have their receipts; then new queries see
              the outputs
    delete    the inputs' files, after the grace period, when no query can be reading them

A crash before the swap leaves directories that the catalog does not know, one after it leaves those
of the inputs: the next start removes either. A job that fails leaves everything as it was.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from storage.batch import Reject
from storage.catalog.catalog import Catalog
from storage.catalog.deletions import Applied
from storage.compaction.cutting import JobCuts
from storage.compaction.exemplars import merge_exemplars
from storage.compaction.kept_out import KeptOut
from storage.compaction.merging import MERGE_LIMITS, Merge, MergeLimits, take_census
from storage.compaction.pace import Pace
from storage.compaction.planner import Job
from storage.dedup.algorithm import NO_PAIRS, PairsSource
from storage.errors import FormatError
from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE, SAMPLES_FILE
from storage.kernels.arrays import Int64s
from storage.metrics import StorageMetrics
from storage.refusals.ledger import RefusalSink
from storage.segments.access.places import HERE
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.duck import Duck
from storage.segments.examination import Wrong, examine
from storage.segments.segment import Origin, SegmentMeta
from storage.segments.windows import nearest_windows
from storage.segments.writer import Block, EmptySegment, SegmentWriter
from storage.series.table import SeriesTable
from storage.shard.doomed import DoomedFiles
from storage.shard.periods import NEVER_MS
from storage.shard.sealing import series_columns
from storage.shard.shard import Shard, now_ms

logger = logging.getLogger(__name__)

# By number, those of the tenants of a shard.
TenantNames = Callable[[int], Mapping[int, str]]
InWriter = Callable[[int, Callable[[], None]], None]
# The oldest time of which a shard has everything of a resolution that was ever kept.
CompleteSince = Callable[[int, int], int]


@dataclass(frozen=True, slots=True)
class Tools:
    """What jobs work with. directory: the segments of a shard, by its number. pairs: how those of a
    tenant become one; in_writer: has a short task done by the thread that writes to a shard, and
    waits for it; whole: keeps all files of segments here meanwhile."""

    catalog: Catalog
    duck: Duck
    metrics: StorageMetrics
    damages: Damages
    doomed: DoomedFiles
    directory: Callable[[int], Path]
    tenant_names: TenantNames
    refused: RefusalSink = lambda tenant, rejects: None
    pairs: PairsSource = lambda tenant: NO_PAIRS
    in_writer: InWriter = lambda shard, task: task()
    complete_since: CompleteSince = lambda shard, resolution_ms: NEVER_MS
    limits: MergeLimits = MERGE_LIMITS
    whole: Callable[[Sequence[SegmentMeta]], AbstractContextManager[None]] = HERE.held


@dataclass(frozen=True, slots=True)
class Lost:
    """What of a damaged segment could not be read. series: how many may have lost samples."""

    samples: int
    series: int


@dataclass(frozen=True, slots=True)
class Written:
    """The outputs of a job, what it did for pending deletions, by their numbers, and what it has
    kept out, by tenants."""

    outputs: list[SegmentMeta]
    applied: Mapping[int, Applied]
    kept_out: Mapping[str, Reject]


class Compactor:
    """Does jobs, one at a time."""

    def __init__(self, tools: Tools, pace: Pace) -> None:
        self._tools = tools
        self._pace = pace
        self.current: tuple[int, Job] | None = None  # shard and job
        self.samples_done = 0

    def run(self, shard: Shard, job: Job) -> list[SegmentMeta]:
        """Do a job; returns the outputs: none if nothing is left of the inputs, or if one of them
        was replaced or dropped meanwhile, by others, which undoes the job. Raises StorageError,
        OSError, or Stopped if the database closes meanwhile."""
        started = time.monotonic()
        with self.working_on(shard.number, job):
            with self._tools.whole(job.inputs):
                wrong = self.examine(shard, job)
                written = self._write(shard, job)
            if not self._swap(shard, job, written, wrong):
                return []
        self._note(shard, job, written.outputs, time.monotonic() - started)
        self._refuse(shard, written.kept_out)
        return written.outputs

    @contextmanager
    def working_on(self, shard: int, job: Job) -> Iterator[None]:
        """A job is being done meanwhile, for as long as that takes."""
        started = time.monotonic()
        self.current, self.samples_done = (shard, job), 0
        try:
            yield
        finally:
            self.current = None
            self._tools.metrics.compaction_seconds.inc(time.monotonic() - started)

    def progress(self, job: Job, share: float) -> None:
        """A share of what a job reads is written; rests."""
        self.samples_done += round(share * job.samples)
        self._pace.spend(share * sum(segment.bytes for segment in (*job.inputs, *job.sources)))
        self._pace.rest()

    def examine(self, shard: Shard, job: Job) -> dict[str, list[Wrong]]:
        """What is wrong with which input or source (by ULID); it is not read any more."""
        found: dict[str, list[Wrong]] = {}
        directory = self._tools.directory(shard.number)
        self._pace.begin()
        for segment in (*job.inputs, *job.sources):
            wrong = examine(directory / segment.ulid, self._read)
            for entry in wrong:
                self._tools.damages.note(entry.path, entry.groups, entry.reason)
            if wrong:
                found[segment.ulid] = wrong
        return found

    def _read(self, size: int) -> None:
        self._pace.spend(size)
        self._pace.rest()

    def _write(self, shard: Shard, job: Job) -> Written:
        """The outputs. If one cannot be written, none is left."""
        tools = self._tools
        directory = tools.directory(shard.number)
        # Whatever is deleted from now on moves to the outputs.
        deletions = shard.view().deletions
        census = take_census(directory, job.inputs, tools.damages)
        names = tools.tenant_names(shard.number)
        series = series_columns(shard.table, refs_of(shard.table, census.ids), names)
        cuts = JobCuts(series, job.inputs, deletions, names)
        lost = KeptOut(series)
        merge = Merge(
            shard.files.samples, job.inputs, census, cuts.keep, lost.note, limits=tools.limits
        )
        exemplars = merge_exemplars(directory, job.inputs, tools.damages, cuts.kept_exemplars)
        places = nearest_windows(list(job.windows), exemplars.timestamps)
        writer = SegmentWriter(tools.duck, directory, shard.number)
        origin = origin_of(job, directory)
        outputs: list[SegmentMeta] = []
        try:
            for number, span in enumerate(job.windows):
                own = exemplars.take(np.flatnonzero(places == number))
                blocks = self._paced(merge.blocks(span), job)
                with suppress(EmptySegment):
                    outputs.append(
                        writer.write(series, blocks, own, created_ms=now_ms(), origin=origin)
                    )
        except BaseException:
            self._remove(shard, outputs)
            raise
        return Written(outputs, cuts.applied(), lost.rejects())

    def _remove(self, shard: Shard, outputs: Sequence[SegmentMeta]) -> None:
        directory = self._tools.directory(shard.number)
        writer = SegmentWriter(self._tools.duck, directory, shard.number)
        for output in outputs:
            writer.remove(output)

    def _paced(self, blocks: Iterator[Block], job: Job) -> Iterator[Block]:
        """The blocks, with rests between them."""
        size = sum(segment.bytes for segment in job.inputs) / max(1, job.samples)
        self._pace.begin()
        for block in blocks:
            yield block
            self.samples_done += len(block[1])
            self._pace.spend(2 * size * len(block[1]))
            self._pace.rest()

    def _swap(
        self, shard: Shard, job: Job, written: Written, wrong: Mapping[str, Sequence[Wrong]]
    ) -> bool:
        """Let the outputs take the place of the inputs; False if these are not all there."""
        tools, outputs = self._tools, written.outputs
        directory = tools.directory(shard.number)
        aside = self.damaged(job, directory, wrong)
        with shard.changes:
            in_use = {segment.ulid for segment in shard.view().every_segment}
            if not job.ulids <= in_use:
                self._remove(shard, outputs)
                logger.info("inputs of a compaction have gone meanwhile shard=%d", shard.number)
                return False
            ulids = [segment.ulid for segment in job.inputs]
            applied = written.applied
            try:
                tools.catalog.replace(shard.number, ulids, outputs, aside, applied=applied)
            except BaseException:
                if not registered(tools.catalog, shard.number, outputs):
                    self._remove(shard, outputs)
                raise
            shard.replace_segments(job.ulids, outputs, applied, is_same=not aside)
        for ulid, reason in aside.items():
            logger.error(
                "set a damaged segment aside, what is readable was carried over shard=%d ulid=%s "
                "reason=%r", shard.number, ulid, reason,
            )  # fmt: skip
            tools.damages.forget(directory / ulid)
        tools.doomed.add((directory / ulid for ulid in ulids if ulid not in aside), now_ms())
        return True

    def damaged(
        self, job: Job, directory: Path, wrong: Mapping[str, Sequence[Wrong]]
    ) -> dict[str, str]:
        """Which of the inputs are to be set aside, and why."""
        aside = {}
        for segment in job.inputs:
            # Reading may have found more than the examination has.
            if segment.ulid in wrong or segment.ulid in self._tools.damages.segments():
                lost = lost_of(segment, directory / segment.ulid, self._tools.damages)
                self._tools.metrics.compaction_lost.inc(lost.samples)
                found = wrong.get(segment.ulid, ())
                first = found[0].reason if found else "row groups cannot be read"
                aside[segment.ulid] = (
                    f"{first}; lost {lost.samples} samples of up to {lost.series} series"
                )
        return aside

    def _note(self, shard: Shard, job: Job, outputs: Sequence[SegmentMeta], seconds: float) -> None:
        metrics = self._tools.metrics
        written = sum(segment.bytes for segment in outputs)
        metrics.compactions.labels(job.kind, str(job.level)).inc()
        metrics.compacted_samples.inc(job.samples)
        metrics.compaction_bytes_read.inc(sum(segment.bytes for segment in job.inputs))
        metrics.compaction_bytes_written.inc(written)
        logger.info(
            "compacted shard=%d kind=%s level=%d segments=%d into=%d samples=%d bytes=%d "
            "seconds=%.2f", shard.number, job.kind, job.level, len(job.inputs), len(outputs),
            job.samples, written, seconds,
        )  # fmt: skip

    def _refuse(self, shard: Shard, kept_out: Mapping[str, Reject]) -> None:
        """Count and report what a job has kept out, which is gone now."""
        for tenant, reject in kept_out.items():
            self._tools.metrics.rejected.labels(tenant, reject.reason).inc(reject.count)
            self._tools.refused(tenant, [reject])
        if kept_out:
            total = sum(reject.count for reject in kept_out.values())
            logger.warning(
                "compaction kept samples out shard=%d samples=%d tenants=%d one=%r",
                shard.number, total, len(kept_out), next(iter(kept_out.values())).message,
            )  # fmt: skip


def origin_of(job: Job, directory: Path) -> Origin:
    """What the outputs have from the inputs, which come by rank."""
    return Origin(
        rank=job.inputs[0].rank,
        level=job.level,
        resolution_ms=job.inputs[0].resolution_ms,
        starts=any(has_starts(directory / segment.ulid / SAMPLES_FILE) for segment in job.inputs),
        sources=tuple(segment.ulid for segment in job.inputs),
    )


def has_starts(path: Path) -> bool:
    """Whether a file of samples has start timestamps; one that cannot be read has nothing."""
    try:
        return "start_ts" in pq.read_schema(path).names
    except UNREADABLE:
        return False


def refs_of(table: SeriesTable, ids: Int64s) -> Int64s:
    """The refs of series ids. Raises FormatError if the shard does not know one of them."""
    known = table.ids[: table.numbered]
    order = np.argsort(known, kind="stable")
    places = np.minimum(np.searchsorted(known, ids, sorter=order), max(len(known) - 1, 0))
    refs: Int64s = order[places] if len(known) else np.zeros(0, np.int64)
    if len(refs) != len(ids) or (known[refs] != ids).any():
        raise FormatError("segments have series that their shard does not know")
    return refs


def lost_of(segment: SegmentMeta, directory: Path, damages: Damages) -> Lost:
    """How much the damaged row groups of a segment had, as far as can be said."""
    samples = series = 0
    for name in (SAMPLES_FILE if segment.is_raw else AGGREGATES_FILE, HISTOGRAMS_FILE):
        path = directory / name
        groups = damages.of(path)
        own = (
            segment.histograms if name == HISTOGRAMS_FILE else segment.samples - segment.histograms
        )
        if groups is None:
            samples += own
            series = segment.series
        elif groups:
            footer = pq.read_metadata(path)
            samples += sum(footer.row_group(group).num_rows for group in groups)
            ranges = [footer.row_group(group).column(0).statistics for group in groups]
            series += sum(found.max - found.min + 1 for found in ranges if found is not None)
    return Lost(samples, min(series, segment.series))


def registered(catalog: Catalog, shard: int, outputs: Sequence[SegmentMeta]) -> bool:
    """Whether the catalog has some of the outputs: then a commit went through all the same."""
    known = {segment.ulid for segment in catalog.segments(shard)}
    return any(output.ulid in known for output in outputs)
