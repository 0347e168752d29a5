"""Native histograms under anchored and smoothed selectors.

The histogram at an edge of a window is a sample, or lies between two: before + (after - before) *
share, in this order of operations, so that between equal histograms nothing changes. A window's
change is what is at its right edge less what is at its left one, and for a counter what it lost in
resets on the way; nothing is stretched to the edges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from api.promql.native_histograms import arithmetic as native
from api.promql.native_histograms.fold import PLAIN
from api.promql.ranges.native.extended_kernels import (
    NO_SAMPLE,
    OWN_SAMPLE,
    Edges,
    correction_rows,
    extended_edges,
    smooth_edges,
)
from api.promql.ranges.native.rate_kernels import NOT_GAUGE, RECONCILED_ADD, RECONCILED_SUB
from api.promql.ranges.native.rates import RateCells
from api.promql.ranges.windows import Windows
from storage.histograms.columns import HINT_GAUGE, HINT_UNKNOWN, Histograms
from storage.histograms.histograms import concat, rows_of, take
from storage.histograms.resets import detect_resets
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.samples.samples import Samples


class Extension(Protocol):
    """How far outside of its window a range looks (extended.Extension)."""

    @property
    def lookback_ms(self) -> int: ...

    @property
    def smoothed(self) -> bool: ...


def _content(samples: Samples) -> tuple[Histograms, Int64s]:
    assert samples.natives is not None, "BUG: samples without histograms"
    return samples.natives.histograms, rows_of(samples.natives.rows)


def neighbour_resets(samples: Samples) -> Bools:
    """Where a histogram is a reset against the one before it in its series."""
    h, rows = _content(samples)
    before = np.full(len(rows), -1, np.int64)
    before[1:] = rows[:-1]
    before[samples.offsets[:-1][np.diff(samples.offsets) > 0]] = -1
    return detect_resets(h, before, rows)


def between(
    h: Histograms, before: native.Rows, after: native.Rows, shares: Float64s, resets: Bools
) -> tuple[Histograms, Int64s]:
    """(the histograms at these shares of the ways from `before` to `after`, their flags).

    A counter that is reset on the way starts from zero.
    """
    differences, subtracted = _differences(h, after, h, before)
    steps = native.multiply(differences, shares)
    moved, added = native.add(steps, np.arange(len(steps)), h, before)
    flags = np.where(subtracted.reconciled_sub, RECONCILED_SUB, 0)
    flags |= np.where(added.reconciled_add, RECONCILED_ADD, 0)
    restarted = native.multiply(take(h, after), shares)
    chosen = np.arange(len(shares)) + np.where(resets, len(shares), 0)
    return take(concat([moved, restarted]), chosen), np.where(resets, 0, flags)


def _differences(
    a: Histograms, a_rows: native.Rows, b: Histograms, b_rows: native.Rows
) -> tuple[Histograms, native.Notes]:
    """Like native.subtract, but gauges only where one of the two is."""
    both, count = concat([a, b]), len(a_rows)
    pairs = np.stack((rows_of(a_rows), rows_of(b_rows) + len(a)), axis=1).reshape(-1)
    offsets = np.arange(0, 2 * count + 1, 2, dtype=np.int64)
    return native.fold(PLAIN, both, offsets, pairs, factors=np.tile((1.0, -1.0), count))


def _at_edges(
    h: Histograms, after: Int64s, shares: Float64s, samples: Samples, resets: Bools
) -> tuple[Histograms, Int64s, Int64s]:
    """(histograms, rows among them, flags) of edges between samples after - 1 and `after`; those
    with a sample of their own have `after`."""
    _, rows = _content(samples)
    out = rows[after]
    flags = np.zeros(len(after), np.int64)
    inside = np.flatnonzero(shares != OWN_SAMPLE)
    if len(inside) == 0:
        return h, out, flags
    behind = after[inside]
    moved, flags[inside] = between(
        h, rows[behind - 1], rows[behind], shares[inside], resets[behind]
    )
    out[inside] = len(h) + np.arange(len(inside))
    return concat([h, moved]), out, flags


def extended_rates(
    samples: Samples, windows: Windows, extension: Extension, is_counter: bool, is_rate: bool
) -> RateCells:
    """The changes over windows from edge to edge, per second if is_rate: gauges.

    samples: histograms only, none of them stale, from the extended windows as well.
    """
    h, rows = _content(samples)
    edges = extended_edges(
        extension.smoothed,
        is_counter,
        h.schemas.astype(np.int64),
        h.hints.astype(np.int64),
        samples.offsets,
        samples.timestamps,
        rows,
        windows.ends,
        windows.range_ms,
        extension.lookback_ms,
    )
    resets = neighbour_resets(samples) if is_counter else np.zeros(len(rows), np.bool_)
    cells = np.flatnonzero(edges.first != NO_SAMPLE)
    left, right = edges.left[cells], edges.right[cells]
    after_left = edges.first[cells] + (left != OWN_SAMPLE)
    pool, left_rows, flags = _at_edges(h, after_left, left, samples, resets)
    pool, right_rows, more = _at_edges(pool, edges.last[cells], right, samples, resets)
    flags |= more
    if not is_counter:
        gauges = (pool.hints[left_rows] == HINT_GAUGE) & (pool.hints[right_rows] == HINT_GAUGE)
        flags |= np.where(gauges, 0, NOT_GAUGE)
    changes, said = native.subtract(pool, right_rows, pool, left_rows)
    flags |= np.where(said.reconciled_sub, RECONCILED_SUB, 0)
    if is_counter and resets.any():
        changes, more = _corrected(changes, h, edges, cells, correction_rows(edges, rows, resets))
        flags |= more
    if is_rate and windows.range_ms > 0:
        changes = native.divide(changes, np.full(len(changes), windows.seconds))
    edges.flags[cells] |= flags
    return _cells(changes, cells, edges.flags, (samples.series_count, len(windows.ends)))


def _corrected(
    changes: Histograms, h: Histograms, edges: Edges, cells: Int64s, lost: tuple[Int64s, Int64s]
) -> tuple[Histograms, Int64s]:
    """(the changes with what was lost in resets, flags); lost: (offsets, rows) by cell."""
    offsets, rows = lost
    if len(rows) == 0:
        return changes, np.zeros(len(cells), np.int64)
    counts = np.diff(offsets)[cells]
    some = np.flatnonzero(counts)
    own = np.concatenate(([0], np.cumsum(counts[some])))
    corrections, summed = native.fold(PLAIN, h, own, rows)
    corrected, added = native.add(changes, some, corrections, np.arange(len(some)))
    flags = np.zeros(len(cells), np.int64)
    flags[some] = np.where(summed.reconciled_add | added.reconciled_add, RECONCILED_ADD, 0)
    chosen = np.arange(len(cells))
    chosen[some] = len(cells) + np.arange(len(some))
    gauges = take(concat([changes, corrected]), chosen)
    return replace(gauges, hints=np.full(len(cells), HINT_GAUGE, np.int8)), flags


def smooth_values(samples: Samples, times: Int64s, lookback_ms: int) -> RateCells:
    """The histograms at these times, between the samples around each; of the last sample alone if
    none follows, which then says nothing of the one before it. Two samples that are not both gauges
    are those of a counter, which starts from zero if there is a reset in between."""
    h, rows = _content(samples)
    gauges = h.hints[rows] == HINT_GAUGE
    resets = neighbour_resets(samples)
    resets[1:] &= ~(gauges[1:] & gauges[:-1])
    edges = smooth_edges(
        h.schemas.astype(np.int64),
        samples.offsets,
        samples.timestamps,
        rows,
        times,
        lookback_ms,
    )
    cells = np.flatnonzero(edges.last != NO_SAMPLE)
    pool, at, flags = _at_edges(h, edges.last[cells], edges.right[cells], samples, resets)
    edges.flags[cells] |= flags
    values = take(pool, at)
    carried = edges.first[cells] == NO_SAMPLE
    hints = np.where(carried, HINT_UNKNOWN, values.hints).astype(np.int8)
    values = replace(values, hints=hints)
    return _cells(values, cells, edges.flags, (samples.series_count, len(times)))


def _cells(h: Histograms, cells: Int64s, flags: Int64s, shape: tuple[int, int]) -> RateCells:
    """Histogram i in cell cells[i]."""
    rows = np.full(shape[0] * shape[1], -1, np.int32)
    rows[cells] = np.arange(len(cells), dtype=np.int32)
    return RateCells(h, rows.reshape(shape), flags.reshape(shape))
