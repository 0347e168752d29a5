"""Sealing: the samples of a frozen head as a segment, and series back from segments.

The order of steps makes a crash harmless at every point: the segment's files are complete and
synced under a temporary name, renamed, then registered in the catalog together with the log
position; only after that are log files deleted. A crash in between leaves an unregistered
directory, which the next start removes, or samples that are both in a segment and in the log, which
reads merge.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.head.head import Head, sealed_samples
from storage.kernels.arrays import Int64s, UInt64s
from storage.labels.pairs import LabelPairs, take_pairs
from storage.samples.exemplars import Exemplars
from storage.segments.segment import SegmentMeta
from storage.segments.writer import Block, SegmentWriter, SeriesColumns
from storage.series.table import RestoredSeries, SeriesTable

BLOCK_SERIES = 8192

# Makes a frozen head durable as a segment of a shard and registers it in the catalog, together with
# the log position that follows it. None: the head had no samples.
Sealer = Callable[[int, SeriesTable, Head, int], SegmentMeta | None]


def seal_head(
    writer: SegmentWriter,
    table: SeriesTable,
    head: Head,
    tenant_names: Mapping[int, str],
    *,
    created_ms: int,
) -> SegmentMeta | None:
    """Write a frozen head as a segment; None if it has no samples and no exemplars.

    tenant_names: by tenant number, for every tenant of the shard.
    """
    exemplars = head.exemplars.settled()
    refs = np.union1d(head.refs_with_samples(), exemplars.series)
    if not len(refs):
        return None
    refs = refs[np.argsort(table.ids[refs], kind="stable")]
    series = series_columns(table, refs, tenant_names)
    blocks = head_blocks(table, head, refs)
    by_id = exemplars_by_id(table, exemplars)
    starts = head.floats_have_starts
    return writer.write(series, blocks, by_id, created_ms=created_ms, starts=starts)


def exemplars_by_id(table: SeriesTable, exemplars: Exemplars) -> Exemplars:
    """Exemplars of refs as exemplars of series ids, sorted by these and by time."""
    ids = table.ids[exemplars.series]
    order = np.lexsort((exemplars.timestamps, ids)).astype(np.int64)
    return replace(exemplars.take(order), series=ids[order])


def head_blocks(table: SeriesTable, head: Head, refs: Int64s) -> Iterator[Block]:
    """The samples of the head, block by block of series, ascending by series id."""
    for first in range(0, len(refs), BLOCK_SERIES):
        block = refs[first : first + BLOCK_SERIES]
        yield table.ids[block], sealed_samples(head, block)


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
