"""Rewriting: a segment without what was deleted from it takes the place of the segment.

    read       the segment's series, and its samples a few series at a time
    cut        what the pending deletions cover
    write      a new segment, or none if nothing is left
    swap       in one transaction of the catalog, together with the receipts; then in the view
    delete     the old files, once no query can see them any more

A crash in between leaves files that the catalog does not know; the next start removes them. A
deletion that comes meanwhile stays pending, for the new segment.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq

from storage.catalog.catalog import Catalog
from storage.catalog.deletions import Applied, Deletion
from storage.dedup.algorithm import NO_PAIRS, PairsSource
from storage.deletion.masks import may_hide, selected_rows
from storage.downsampling.cuts import without_windows
from storage.errors import StorageError
from storage.files import EXEMPLARS_FILE, SAMPLES_FILE, SERIES_FILE
from storage.kernels.arrays import Int64s
from storage.samples.cuts import Cuts, without
from storage.samples.exemplars import Exemplars
from storage.segments.access.places import HERE
from storage.segments.aggregates.writer import AggregateBlock, write_downsampled
from storage.segments.exemplars import read_exemplars_of
from storage.segments.segment import Origin, SegmentMeta, remove_segment
from storage.segments.series_columns import label_codes, read_series_columns, texts_of_codes
from storage.segments.writer import Block, SegmentWriter, SeriesColumns
from storage.shard.shard import Shard, now_ms
from storage.tenants.tenant import Tenant

logger = logging.getLogger(__name__)

INT64 = np.iinfo(np.int64)
WHOLE = int(INT64.min), int(INT64.max)
# Samples that are held at a time, and those that a series has beyond that.
BLOCK_SAMPLES = 2_000_000


@dataclass(frozen=True, slots=True)
class DeletionTools:
    """What deletions need beside shards.

    directory, segment_writer: of a shard by its number; tenants: those that are known, by name;
    doom: deletes the files of a shard's segments when that may be done; save_metadata: brings what
    is new of a shard's metric families to the catalog; whole: keeps all files of segments here
    meanwhile; pairs: how those of a tenant became one before they were downsampled.
    """

    catalog: Catalog
    directory: Callable[[int], Path]
    segment_writer: Callable[[int], SegmentWriter]
    tenants: Mapping[str, Tenant]
    doom: Callable[[int, Sequence[str], int], None]
    save_metadata: Callable[[int], None]
    whole: Callable[[Sequence[SegmentMeta]], AbstractContextManager[None]] = HERE.held
    pairs: PairsSource = lambda tenant: NO_PAIRS

    def names(self) -> dict[int, str]:
        """The names of tenants by number."""
        return {tenant.number: tenant.name for tenant in list(self.tenants.values())}


@dataclass(frozen=True, slots=True)
class SegmentCuts:
    """What is cut out of a segment: the owners of cuts are positions in deletions."""

    deletions: Sequence[Deletion]
    cuts: Cuts


class Rewriter:
    """Rewrites segments one at a time, whoever asks for it."""

    def __init__(self, tools: DeletionTools, *, block_samples: int = BLOCK_SAMPLES) -> None:
        self._tools = tools
        self._block_samples = block_samples
        self._one = threading.Lock()
        self._stopping = False

    def stop(self) -> None:
        """Let what is being rewritten fail."""
        self._stopping = True

    def rewrite(self, shard: Shard, ulid: str) -> bool:
        """Take out of a segment what is deleted from it; whether that was needed. Raises
        StorageError or OSError; then nothing has changed."""
        with self._one:
            segment = next((s for s in shard.view().every_segment if s.ulid == ulid), None)
            own = [each for each in shard.view().deletions if ulid in each.pending]
            if segment is None or not own:
                return False
            with self._tools.whole([segment]):
                return self._rewrite(shard, segment, own)

    def _rewrite(self, shard: Shard, segment: SegmentMeta, own: Sequence[Deletion]) -> bool:
        directory = self._tools.directory(shard.number) / segment.ulid
        series, counts = read_series_columns(directory / SERIES_FILE)
        cut = cuts_of(series, segment, own, self._tools.names())
        if not cut.cuts.rows.any():
            return self._swap(shard, segment, segment, {d.number: Applied(0, False) for d in own})
        removed = np.zeros(len(own), np.int64)
        if segment.is_raw:
            written = self._write_samples(shard, segment, series, counts, (cut.cuts, removed))
        else:
            written = self._write_aggregates(shard, segment, series, counts, cut.cuts)
        touched = [bool((cut.cuts.owners == k).any()) for k in range(len(own))]
        applied = {each.number: Applied(int(removed[k]), touched[k]) for k, each in enumerate(own)}
        return self._swap(shard, segment, written, applied)

    def _write_samples(
        self,
        shard: Shard,
        segment: SegmentMeta,
        series: SeriesColumns,
        counts: Int64s,
        cut: tuple[Cuts, Int64s],
    ) -> SegmentMeta | None:
        """None: nothing is left."""
        directory = self._tools.directory(shard.number) / segment.ulid
        exemplars = kept_exemplars(directory / EXEMPLARS_FILE, segment, series, cut[0])
        blocks = self._blocks(shard, segment, series, counts, cut)
        first = next(blocks, None)
        written = None
        if first is not None or len(exemplars):
            rest = chain([first], blocks) if first is not None else blocks
            origin = Origin(
                rank=segment.rank,
                level=segment.level,
                resolution_ms=segment.resolution_ms,
                starts=has_starts(directory / SAMPLES_FILE),
                sources=(segment.ulid,),
            )
            writer = self._tools.segment_writer(shard.number)
            written = writer.write(series, rest, exemplars, created_ms=now_ms(), origin=origin)
        return written

    def _write_aggregates(
        self, shard: Shard, segment: SegmentMeta, series: SeriesColumns, counts: Int64s, cuts: Cuts
    ) -> SegmentMeta:
        """Without the windows that are cut; it still says what it covers if none is left. What is
        not deleted of these is to be downsampled anew."""
        origin = Origin(
            rank=segment.rank,
            level=segment.level,
            resolution_ms=segment.resolution_ms,
            sources=(segment.ulid,),
            cover=(segment.from_ms, segment.to_ms),
        )
        writer = self._tools.segment_writer(shard.number)
        blocks = self._windows(shard, segment, series.ids, counts, cuts)
        written = write_downsampled(writer, series, blocks, created_ms=now_ms(), origin=origin)
        return msgspec.structs.replace(written, late_ms=segment.late_ms or now_ms())

    def _windows(
        self, shard: Shard, segment: SegmentMeta, ids: Int64s, counts: Int64s, cuts: Cuts
    ) -> Iterator[AggregateBlock]:
        """What is left of the windows, a few series at a time."""
        for rows in runs_of(counts, self._block_samples):
            if self._stopping:
                raise StorageError("the server is stopping")
            found = shard.files.aggregates.select([segment], ids[rows], WHOLE)
            yield ids[rows], without_windows(found, cuts.take(rows), segment.resolution_ms)

    def _blocks(
        self,
        shard: Shard,
        segment: SegmentMeta,
        series: SeriesColumns,
        counts: Int64s,
        cut: tuple[Cuts, Int64s],
    ) -> Iterator[Block]:
        """What is left of the samples, a few series at a time."""
        cuts, removed = cut
        for rows in runs_of(counts, self._block_samples):
            if self._stopping:
                raise StorageError("the server is stopping")
            ids = series.ids[rows]
            found = shard.files.samples.select([segment], ids, WHOLE)
            found = without(found, cuts.take(rows), removed)
            if len(found):
                yield ids, found

    def _swap(
        self,
        shard: Shard,
        segment: SegmentMeta,
        written: SegmentMeta | None,
        applied: Mapping[int, Applied],
    ) -> bool:
        ulid = segment.ulid
        with shard.changes:
            is_there = any(each.ulid == ulid for each in shard.view().every_segment)
            if is_there:
                outputs = () if written is None else (written,)
                self._tools.catalog.replace(shard.number, (ulid,), outputs, applied=applied)
                shard.replace_segments((ulid,), outputs, applied)
        if not is_there:  # retention was faster
            if written is not None:
                remove_segment(self._tools.directory(shard.number), written.ulid)
            return False
        if written is not segment:
            self._tools.doom(shard.number, [ulid], now_ms())
        logger.info(
            "rewritten for deletions shard=%d segment=%s successor=%s deletions=%d samples=%d",
            shard.number, ulid, "" if written is None else written.ulid, len(applied),
            sum(each.samples for each in applied.values()),
        )  # fmt: skip
        return written is not segment


def cuts_of(
    series: SeriesColumns,
    segment: SegmentMeta,
    deletions: Sequence[Deletion],
    names: Mapping[int, str],
) -> SegmentCuts:
    """What deletions cut out of the series of a segment. names: of tenants by number."""
    tenants = series.tenant_names.to_pylist()
    rows = []
    for each in deletions:
        selected = np.zeros(len(series.ids), np.bool_)
        name = names[each.tenant]
        if name in tenants and may_hide(each, segment):
            selected = selected_rows(
                each.matcher_sets,
                len(series.ids),
                lambda label: label_codes(series, label),
                lambda codes: texts_of_codes(series, codes),
            )
            selected &= series.tenants == tenants.index(name)
        rows.append(selected)
    return SegmentCuts(deletions, Cuts.of([each.span for each in deletions], rows))


def kept_exemplars(
    path: Path, segment: SegmentMeta, series: SeriesColumns, cuts: Cuts
) -> Exemplars:
    """The exemplars of a segment that no cut covers."""
    exemplars = read_exemplars_of(path, segment)
    rows = np.searchsorted(series.ids, exemplars.series)
    return exemplars.take(np.flatnonzero(~cuts.hit(rows, exemplars.timestamps)))


def has_starts(path: Path) -> bool:
    """Whether a samples.parquet may have start timestamps."""
    names: list[str] = pq.read_schema(path).names
    return "start_ts" in names


def runs_of(counts: Int64s, size: int) -> Iterator[Int64s]:
    """The positions of series, in runs with no more than so many samples, or of one series."""
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        behind = ends[first - 1] if first else 0
        end = max(first + 1, int(np.searchsorted(ends, behind + size, side="right")))
        yield np.arange(first, end)
        first = end
