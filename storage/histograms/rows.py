"""The native histograms that a column of rows refers to, without many others.

Whoever computes with histograms may look at whole columns, so samples must not drag along all the
histograms of a head or of a large selection, of which they have a few.
"""

import numpy as np

from storage.histograms.columns import NO_HISTOGRAM, Bounds, Buckets, Histograms, Natives
from storage.histograms.histograms import take
from storage.kernels.arrays import Int64s


def few_of(natives: Natives) -> Natives | None:
    """The same samples, with at most twice as many histograms; None if there are only floats.
    Shares memory where the histograms lie one after the other, or are most of all."""
    mixed = np.flatnonzero(natives.mask)
    if not len(mixed):
        return None
    if 2 * len(mixed) >= len(natives.histograms):
        return natives
    chosen = natives.rows[mixed]
    rows = np.full(len(natives.rows), NO_HISTOGRAM, np.int32)
    rows[mixed] = np.arange(len(mixed), dtype=np.int32)
    first = int(chosen[0])
    if (np.diff(chosen) == 1).all():
        return Natives(cut(natives.histograms, first, first + len(chosen)), rows)
    return Natives(take(natives.histograms, chosen), rows)


def cut(h: Histograms, first: int, end: int) -> Histograms:
    """The rows [first, end), sharing memory."""
    return Histograms(
        h.schemas[first:end],
        h.hints[first:end],
        h.counts[first:end],
        h.sums[first:end],
        h.zero_thresholds[first:end],
        h.zero_counts[first:end],
        cut_buckets(h.positive, first, end),
        cut_buckets(h.negative, first, end),
        cut_bounds(h.bounds, first, end),
    )


def cut_buckets(buckets: Buckets, first: int, end: int) -> Buckets:
    offsets, (start, stop) = cut_offsets(buckets.offsets, first, end)
    return Buckets(offsets, buckets.indexes[start:stop], buckets.counts[start:stop])


def cut_bounds(bounds: Bounds, first: int, end: int) -> Bounds:
    offsets, (start, stop) = cut_offsets(bounds.offsets, first, end)
    return Bounds(offsets, bounds.values[start:stop])


def cut_offsets(offsets: Int64s, first: int, end: int) -> tuple[Int64s, tuple[int, int]]:
    """The offsets of some rows from 0 on, and the range that they had."""
    chosen = offsets[first : end + 1]
    return chosen - chosen[0], (int(chosen[0]), int(chosen[-1]))
