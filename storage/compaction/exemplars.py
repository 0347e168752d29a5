"""The exemplars of several segments in one: each once, sorted by series and time.

They are in memory as a whole; how many a job may have is limited by its planner.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from storage.files import EXEMPLARS_FILE
from storage.kernels.arrays import Bytes, Int64s
from storage.samples.exemplar_kernels import HEADER_BYTES, write_runs
from storage.samples.exemplars import HASH_KEY, Exemplars, distinct, no_exemplars
from storage.segments.damage import Damages
from storage.segments.exemplars import sound_groups
from storage.segments.segment import SegmentMeta

# Takes a segment and exemplars of it; returns those that are kept.
KeepExemplars = Callable[[SegmentMeta, Exemplars], Exemplars]


def merge_exemplars(
    directory: Path, inputs: Sequence[SegmentMeta], damages: Damages, keep: KeepExemplars
) -> Exemplars:
    """The exemplars of the inputs, whose segments are in the directory; their series are ids."""
    parts = [
        keep(segment, exemplars_of(rows))
        for segment in inputs
        if segment.exemplars
        for _, rows in sound_groups(
            directory / segment.ulid / EXEMPLARS_FILE, damages, lambda group: True
        )
    ]
    found = concatenate(parts)
    found = found.take(distinct(found))
    return found.take(np.lexsort((found.timestamps, found.series)).astype(np.int64))


def exemplars_of(rows: pa.Table) -> Exemplars:
    """Rows of a file as columns, their labels as runs."""
    maps = rows["labels"].combine_chunks()
    labels: pa.MapArray = maps.chunk(0) if isinstance(maps, pa.ChunkedArray) else maps
    ends = labels.offsets.to_numpy().astype(np.int64)
    counts = np.diff(ends)
    names, name_starts = texts_of(labels.keys, int(ends[0]), int(ends[-1]))
    values, value_starts = texts_of(labels.items, int(ends[0]), int(ends[-1]))
    buffer = np.concatenate([names, values, np.zeros(8, np.uint8)])
    spans = np.empty((int(counts.sum()), 4), np.int64)
    spans[:, 0], spans[:, 1] = name_starts[:-1], np.diff(name_starts)
    spans[:, 2], spans[:, 3] = value_starts[:-1] + len(names), np.diff(value_starts)
    offsets = np.empty(len(rows) + 1, np.int64)
    data = np.empty(HEADER_BYTES * len(spans) + int(spans[:, 1::2].sum()), np.uint8)
    hashes = np.empty(len(rows), np.uint64)
    write_runs(buffer, spans, counts, HASH_KEY, offsets, data, hashes)
    return Exemplars(
        rows["series_id"].to_numpy(), rows["ts"].to_numpy(), rows["value"].to_numpy(), hashes,
        offsets, data,
    )  # fmt: skip


def texts_of(texts: pa.Array, first: int, end: int) -> tuple[Bytes, Int64s]:
    """The bytes of some texts, and where each begins in them, and the end."""
    used = texts.slice(first, end - first).cast(pa.large_string())
    if not len(used):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, bounds, data = used.buffers()
    places = np.frombuffer(bounds, np.int64)[used.offset : used.offset + len(used) + 1]
    contents = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return contents[places[0] : places[-1]], places - places[0]


def concatenate(parts: Sequence[Exemplars]) -> Exemplars:
    if not parts:
        return no_exemplars()
    sizes = np.cumsum([0] + [int(part.offsets[-1]) for part in parts])
    ends = [part.offsets[1:] + size for part, size in zip(parts, sizes, strict=False)]
    return Exemplars(
        np.concatenate([part.series for part in parts]),
        np.concatenate([part.timestamps for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([np.zeros(1, np.int64), *ends]),
        np.concatenate([part.data for part in parts]),
    )
