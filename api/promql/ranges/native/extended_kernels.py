"""The kernels that say which native histograms an anchored or smoothed window is made of.

Where the edges of the windows are, and what of a counter's resets is made up for, is the same as
for floats (extended_kernels). An edge has a sample of its own, or lies between two: its share is
how far into that gap it is, 1.0 standing for a sample of its own.
"""

from typing import NamedTuple

import numpy as np

from api.promql.ranges.kernels import skip_until
from api.promql.ranges.native.rate_kernels import MIXED_SCHEMAS, NOT_COUNTER
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel

OWN_SAMPLE = 1.0
NO_SAMPLE = -1


class Edges(NamedTuple):
    """Of each cell: the positions of the first and last sample that it looks at, NO_SAMPLE if it
    has no result; the share of its left edge between first and first + 1, and of its right one
    between last - 1 and last; its flags."""

    first: Int64s
    last: Int64s
    left: Float64s
    right: Float64s
    flags: Int64s


@float_kernel
def new_edges(cells: int) -> Edges:
    return Edges(
        np.full(cells, NO_SAMPLE, np.int64),
        np.full(cells, NO_SAMPLE, np.int64),
        np.ones(cells),
        np.ones(cells),
        np.zeros(cells, np.int64),
    )


@float_kernel
def check_samples(
    schemas: Int64s, hints: Int64s, rows: Int64s, first: int, last: int, is_counter: bool
) -> int:
    """The flags of a window; what comes behind the first one of MIXED_SCHEMAS is not looked at."""
    custom = schemas[rows[first]] == CUSTOM_SCHEMA
    flags = 0
    for j in range(first, last + 1):
        if (schemas[rows[j]] == CUSTOM_SCHEMA) != custom:
            return flags | MIXED_SCHEMAS
        if is_counter and hints[rows[j]] == HINT_GAUGE:
            flags |= NOT_COUNTER
    return flags


@float_kernel
def share_of(timestamps: Int64s, after: int, time_ms: int) -> float:
    """How far a time is from sample after - 1 to `after`, as a share of the way."""
    before = timestamps[after - 1]
    return float(time_ms - before) / float(timestamps[after] - before)


@float_kernel
def extended_edges(
    smoothed: bool,
    is_counter: bool,
    schemas: Int64s,
    hints: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    rows: Int64s,
    ends: Int64s,
    range_ms: int,
    lookback_ms: int,
) -> Edges:
    """The edges of all windows of all series."""
    steps = len(ends)
    edges = new_edges((len(offsets) - 1) * steps)
    for i in range(len(offsets) - 1):
        low = inside = behind = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(steps):
            cell, end = i * steps + k, ends[k]
            start = end - range_ms
            low = skip_until(timestamps, low, stop, start - lookback_ms)
            inside = skip_until(timestamps, max(low, inside), stop, start)
            behind = skip_until(timestamps, max(low, behind), stop, end - 1)
            high = skip_until(
                timestamps, max(behind, high), stop, end + (lookback_ms if smoothed else 0)
            )
            first = max(low, inside - 1)
            last = min(high - 1, behind) if smoothed else high - 1
            if high == low or timestamps[last] <= start or (smoothed and timestamps[first] > end):
                continue
            flags = check_samples(schemas, hints, rows, first, last, is_counter)
            edges.flags[cell] = flags
            if flags & MIXED_SCHEMAS:
                continue
            edges.first[cell], edges.last[cell] = first, last
            if smoothed and timestamps[first] < start:
                edges.left[cell] = share_of(timestamps, first + 1, start)
            if smoothed and last > low and timestamps[last] > end:
                edges.right[cell] = share_of(timestamps, last, end)
    return edges


@float_kernel
def correction_rows(edges: Edges, rows: Int64s, resets: Bools) -> tuple[Int64s, Int64s]:
    """(offsets, rows) of what each cell's counter has lost in resets inside its window."""
    cells = len(edges.first)
    offsets = np.zeros(cells + 1, np.int64)
    for cell in range(cells):
        offsets[cell + 1] = offsets[cell]
        for j in range(first_passed(edges, cell), edges.last[cell] + 1):
            offsets[cell + 1] += resets[j]
    lost = np.empty(offsets[cells], np.int64)
    for cell in range(cells):
        place = offsets[cell]
        for j in range(first_passed(edges, cell), edges.last[cell] + 1):
            if resets[j]:
                lost[place] = rows[j - 1]
                place += 1
    return offsets, lost


@float_kernel
def first_passed(edges: Edges, cell: int) -> int:
    """The first sample that may be a reset behind the left edge: one in the gap around the edge is
    seen to by what lies there."""
    return int(edges.first[cell] + (1 if edges.left[cell] == OWN_SAMPLE else 2))


@float_kernel
def smooth_edges(
    schemas: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    rows: Int64s,
    times: Int64s,
    lookback_ms: int,
) -> Edges:
    """Where each time lies, as right edges: `last` is the sample at that time, or behind it. If
    none follows it is the one before, and first is NO_SAMPLE."""
    steps = len(times)
    edges = new_edges((len(offsets) - 1) * steps)
    for i in range(len(offsets) - 1):
        after = offsets[i]
        stop = offsets[i + 1]
        for k in range(steps):
            cell, at = i * steps + k, times[k]
            after = skip_until(timestamps, after, stop, at)
            before = after - 1
            if before < offsets[i] or timestamps[before] <= at - lookback_ms:
                continue
            followed = after < stop and timestamps[after] <= at + lookback_ms
            if timestamps[before] == at or not followed:
                edges.last[cell] = before
                edges.first[cell] = before if timestamps[before] == at else NO_SAMPLE
                continue
            custom = schemas[rows[before]] == CUSTOM_SCHEMA
            if (schemas[rows[after]] == CUSTOM_SCHEMA) != custom:
                edges.flags[cell] = MIXED_SCHEMAS
                continue
            edges.first[cell], edges.last[cell] = before, after
            edges.right[cell] = share_of(timestamps, after, at)
    return edges
