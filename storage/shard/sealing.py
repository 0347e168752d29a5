"""Sealing: the samples of a frozen head as segments, and series back from segments.

A head becomes one segment for each window of time that it has samples of
(storage/segments/windows.py).

The order of steps makes a crash harmless at every point: a segment's files are complete and
synced under a temporary name, then renamed; all segments are registered in the catalog together
with the log position, in one transaction; only after that are log files deleted. A crash in between
leaves unregistered directories, which the next start removes, or samples that are both in segments
and in the log, which reads merge.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.head.head import Head, sealed_samples
from storage.kernels.arrays import Int64s, UInt64s
from storage.labels.pairs import LabelPairs, take_pairs
from storage.samples.exemplars import Exemplars
from storage.segments.segment import Origin, SegmentMeta
from storage.segments.windows import SLOT_MS, Span, nearest_windows, seal_windows, slots_of
from storage.segments.writer import Block, SegmentWriter, SeriesColumns
from storage.series.table import RestoredSeries, SeriesTable

BLOCK_SERIES = 8192

# Makes a frozen head durable as segments of a shard and registers them in the catalog, together
# with the log position that follows. None at all: the head had no samples.
Sealer = Callable[[int, SeriesTable, Head, int], Sequence[SegmentMeta]]


@dataclass(frozen=True, slots=True)
class SealMoment:
    """When a head is sealed, and the rank that its segments get."""

    now_ms: int
    rank: int


@dataclass(frozen=True, slots=True)
class SealedHead:
    """What of a frozen head goes into segments: series by ascending id, exemplars by id and time.

    slots: those that have samples; start_slots: those that have floats with start timestamps.
    """

    head: Head
    refs: Int64s
    series: SeriesColumns
    exemplars: Exemplars
    slots: Int64s
    start_slots: Int64s

    def blocks(self, span: Span) -> Iterator[Block]:
        """The samples of a span, block by block of series."""
        for refs, ids in blocks_of(self.refs, self.series.ids):
            yield ids, sealed_samples(self.head, refs, span)

    def has_starts(self, span: Span) -> bool:
        """Whether some float of a window has a start timestamp."""
        inside = (self.start_slots >= span[0] // SLOT_MS) & (self.start_slots <= span[1] // SLOT_MS)
        return bool(inside.any())


def seal_head(
    writer: SegmentWriter,
    table: SeriesTable,
    head: Head,
    tenant_names: Mapping[int, str],
    moment: SealMoment,
) -> list[SegmentMeta]:
    """Write a frozen head as segments, one for each window; none if it has no samples and no
    exemplars. If one cannot be written, none is left.

    tenant_names: by tenant number, for every tenant of the shard.
    """
    exemplars = head.exemplars.settled()
    refs = np.union1d(head.refs_with_samples(), exemplars.series)
    if not len(refs):
        return []
    refs = refs[np.argsort(table.ids[refs], kind="stable")]
    series = series_columns(table, refs, tenant_names)
    slots, start_slots = slots_of_head(head, refs)
    by_id = exemplars_by_id(table, exemplars)
    sealed = SealedHead(head, refs, series, by_id, slots, start_slots)
    written: list[SegmentMeta] = []
    try:
        for segment in write_windows(writer, sealed, moment):
            written.append(segment)
    except BaseException:
        for segment in written:
            writer.remove(segment)
        raise
    return written


def write_windows(
    writer: SegmentWriter, sealed: SealedHead, moment: SealMoment
) -> Iterator[SegmentMeta]:
    """A segment for each window; exemplars go to the window of their time, or the nearest before
    it, because they may be older than all samples."""
    times = sealed.exemplars.timestamps
    slots = sealed.slots if len(sealed.slots) else slots_of(times)
    windows = seal_windows(slots, moment.now_ms)
    places = nearest_windows(windows, times)
    for number, span in enumerate(windows):
        exemplars = sealed.exemplars.take(np.flatnonzero(places == number))
        origin = Origin(rank=moment.rank, starts=sealed.has_starts(span))
        blocks = sealed.blocks(span)
        yield writer.write(
            sealed.series, blocks, exemplars, created_ms=moment.now_ms, origin=origin
        )


def slots_of_head(head: Head, refs: Int64s) -> tuple[Int64s, Int64s]:
    """The slots of all samples, and those of floats with start timestamps."""
    slots = start_slots = np.zeros(0, np.int64)
    for block, _ in blocks_of(refs, refs):
        samples = sealed_samples(head, block)
        slots = np.union1d(slots, slots_of(samples.timestamps))
        if head.floats_have_starts and samples.starts is not None:
            started = samples.starts != 0
            if samples.natives is not None:
                started &= ~samples.natives.mask
            start_slots = np.union1d(start_slots, slots_of(samples.timestamps[started]))
    return slots, start_slots


def blocks_of(refs: Int64s, ids: Int64s) -> Iterator[tuple[Int64s, Int64s]]:
    for first in range(0, len(refs), BLOCK_SERIES):
        yield refs[first : first + BLOCK_SERIES], ids[first : first + BLOCK_SERIES]


def exemplars_by_id(table: SeriesTable, exemplars: Exemplars) -> Exemplars:
    """Exemplars of refs as exemplars of series ids, sorted by these and by time."""
    ids = table.ids[exemplars.series]
    order = np.lexsort((exemplars.timestamps, ids)).astype(np.int64)
    return replace(exemplars.take(order), series=ids[order])


def series_columns(
    table: SeriesTable, refs: Int64s, tenant_names: Mapping[int, str]
) -> SeriesColumns:
    """The ids, tenants and labels of these series."""
    numbers, tenants = np.unique(table.tenants[refs], return_inverse=True)
    return SeriesColumns(
        ids=table.ids[refs],
        tenants=tenants.astype(np.int32),
        pairs=take_pairs(table.pairs, refs),
        tenant_names=pa.array([tenant_names[n] for n in numbers.tolist()], pa.large_string()),
        symbols=table.symbols.as_arrow(),
    )


def restore_series(table: SeriesTable, stored: pa.Table, tenants: Mapping[str, int]) -> None:
    """Take over the series of segments: columns of series.parquet, each id once."""
    column = stored.column("tenant").combine_chunks()
    for name in pc.unique(column).to_pylist():
        chosen = stored.filter(pc.equal(column, name)).combine_chunks()
        table.restore(
            RestoredSeries(
                tenant=tenants[name],
                ids=chosen.column("series_id").to_numpy(),
                pairs=intern_labels(table, chosen.column("labels").chunk(0)),
                last_ms=chosen.column("max_ts").to_numpy(),
                last_keys=newest_keys(chosen),
            )
        )


def newest_keys(stored: pa.Table) -> UInt64s:
    """What a repetition of the newest sample of each series must equal: the bits of a float, or
    the fingerprint of a histogram."""
    bits: UInt64s = stored.column("last_value").to_numpy().view(np.uint64)
    prints = stored.column("last_histogram")
    if prints.null_count == len(prints):
        return bits
    found = pc.fill_null(prints, 0).to_numpy().view(np.uint64)
    return np.where(found == 0, bits, found)


def intern_labels(table: SeriesTable, labels: pa.MapArray) -> LabelPairs:
    """Label maps as pairs of symbol codes; names are in byte order, as they were written."""
    offsets = labels.offsets.to_numpy().astype(np.int64)
    codes = []
    for texts in (labels.keys, labels.items):
        used = texts.slice(offsets[0], offsets[-1] - offsets[0]).cast(pa.large_string())
        _, bounds, data = used.buffers()
        places = np.frombuffer(bounds, np.int64)[used.offset : used.offset + len(used) + 1]
        buffer = np.frombuffer(data, np.uint8) if data.size else np.zeros(1, np.uint8)
        codes.append(table.symbols.intern(buffer, places[:-1].copy(), np.diff(places)))
    return LabelPairs(offsets - offsets[0], *codes)
