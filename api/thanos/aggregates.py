"""Windows of downsampled series as chunks of aggregates, as Thanos has them.

Number, sum, least and most stand at the time of the last sample of their window. A counter is two
samples of each window, the first and the last, at their own times, corrected for resets: it begins
with the value that the first sample of the chunk had, and only rises. Its last time comes twice,
the second time with the value that the last sample had: so a reader sees a reset between chunks.
"""

from collections.abc import Sequence

import numpy as np

from api.thanos.chunks import ChunkColumns
from api.thanos.requests import COUNT, COUNTER, MAX, MIN, SUM
from storage.chunks.chunks import XOR
from storage.chunks.encoder import SAMPLES_MAX, cut_series
from storage.chunks.floats import encode_floats
from storage.downsampling.aggregates import Aggregates, Rows, take_rows
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bytes, Float64s, Int64s
from storage.kernels.jit import float_kernel

COLUMNS = {
    COUNT: (),
    SUM: ("sum",),
    MIN: ("min",),
    MAX: ("max",),
    COUNTER: ("first_ms", "first", "last", "fallen"),
}
# The field of AggrChunk of an aggregate is so much more than its number.
FIELD_OF_PART = 3
# As many as a counter has samples in one chunk for.
WINDOWS_MAX = (SAMPLES_MAX - 1) // 2


def columns_for(parts: Sequence[int]) -> frozenset[str]:
    """The columns of windows that aggregates are made of."""
    return frozenset(("count", *(name for part in parts for name in COLUMNS[part])))


@float_kernel
def place_counter(
    firsts: Int64s, ends: Int64s, rows: Rows, offsets: Int64s, times: Int64s, values: Float64s
) -> None:
    """Write the samples of counters, of a chunk of windows firsts[i]:ends[i] from offsets[i] on,
    and where each of them ends."""
    out = 0
    for chunk in range(len(firsts)):
        begin = firsts[chunk]
        total = before = rows.first[begin]
        for k in range(begin, ends[chunk]):
            rise = rows.first[k] - before
            if rise < 0:
                rise = rows.first[k]
            if rise == rise:
                total += rise
            times[out], values[out] = rows.first_ms[k], total
            out += 1
            if rows.last_ms[k] > rows.first_ms[k]:
                rise = rows.last[k] - rows.first[k] + rows.fallen[k]
                if rise == rise:
                    total += rise
                times[out], values[out] = rows.last_ms[k], total
                out += 1
            before = rows.last[k]
        times[out], values[out] = rows.last_ms[ends[chunk] - 1], before
        out += 1
        offsets[chunk + 1] = out


def encode_counters(firsts: Int64s, ends: Int64s, rows: Rows) -> tuple[Bytes, Int64s]:
    """The chunks of counters, and where each of them begins and ends."""
    room = 2 * len(rows.count) + len(firsts)
    offsets = np.zeros(len(firsts) + 1, np.int64)
    times, values = np.empty(room, np.int64), np.empty(room)
    place_counter(firsts, ends, rows, offsets, times, values)
    return encode_floats(offsets, times[: offsets[-1]], values[: offsets[-1]])


def column_of(part: int, rows: Rows) -> Float64s:
    if part == COUNT:
        return rows.count.astype(np.float64)
    found: Float64s = {SUM: rows.sum, MIN: rows.min, MAX: rows.max}[part]
    return found


def chunks_of_windows(aggregates: Aggregates, parts: Sequence[int]) -> ChunkColumns:
    """The chunks of the floats of all series; parts: the aggregates that each has, ascending."""
    live = np.flatnonzero(aggregates.count > 0)
    offsets = np.searchsorted(live, aggregates.offsets)
    rows = take_rows(aggregates.rows, live)
    firsts = np.empty(len(live), np.int64)
    count = cut_series(offsets, np.zeros(len(live), np.bool_), WINDOWS_MAX, firsts)
    firsts = firsts[:count]
    ends = np.append(firsts[1:], len(live)) if count else firsts
    starts, stops = (np.empty((count, len(parts)), np.int64) for _ in range(2))
    data: list[Bytes] = []
    size = 0
    for place, part in enumerate(parts):
        if part == COUNTER:
            own, bounds = encode_counters(firsts, ends, rows)
        else:
            lengths = offsets_of(ends - firsts)
            own, bounds = encode_floats(lengths, rows.last_ms, column_of(part, rows))
        starts[:, place], stops[:, place] = bounds[:-1] + size, bounds[1:] + size
        data.append(own)
        size += len(own)
    first_ms = (rows.first_ms if COUNTER in parts else rows.last_ms)[firsts]
    return ChunkColumns(
        np.searchsorted(firsts, offsets),
        first_ms,
        rows.last_ms[ends - 1],
        np.arange(0, (count + 1) * len(parts), len(parts), dtype=np.int64),
        np.tile(np.array(parts, np.int64) + FIELD_OF_PART, count),
        np.full(count * len(parts), XOR, np.int64),
        starts.reshape(-1),
        stops.reshape(-1),
        np.concatenate(data),
    )
