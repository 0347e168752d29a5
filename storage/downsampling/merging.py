"""Merging aggregates of the same series: of two that have a window, one counts, whole.

That is the one with more samples, and the first if both have as many. So samples that came late are
taken in when windows are made again, and what is past its retention meanwhile is not lost by that.
"""

import numpy as np

from storage.downsampling.aggregates import (
    Aggregates,
    KeptHistograms,
    Rows,
    take_rows,
)
from storage.downsampling.kept import as_they_are
from storage.downsampling.windows import window_ends
from storage.kernels.arrays import Bools, Int64s
from storage.samples.merge import stack


def merge_windows(first: Aggregates, second: Aggregates, resolution_ms: int) -> Aggregates:
    """The windows of two sources over the same series."""
    histograms = merge_kept(first.histograms, second.histograms, resolution_ms)
    if not len(first) or not len(second):
        one = first if len(first) else second
        return Aggregates.of(one.offsets, one.rows, histograms)
    pairs = zip(first.rows, second.rows, strict=True)
    rows = Rows._make(np.concatenate(both) for both in pairs)
    items = np.concatenate([owners(first.offsets), owners(second.offsets)])
    sources = np.repeat([0, 1], [len(first), len(second)])
    ends = window_ends(rows.last_ms, resolution_ms)
    order = np.lexsort((sources, -rows.count, ends, items))
    order = order[begins(items[order], ends[order])]
    offsets = offsets_of(items[order], first.series_count)
    return Aggregates.of(offsets, take_rows(rows, order), histograms)


def merge_kept(
    first: KeptHistograms | None, second: KeptHistograms | None, resolution_ms: int
) -> KeptHistograms | None:
    if first is None or second is None:
        return second if first is None else first
    both = stack([first.samples, second.samples])
    counts = np.concatenate([first.counts, second.counts])
    items = np.concatenate([owners(first.samples.offsets), owners(second.samples.offsets)])
    sources = np.repeat([0, 1], [len(first), len(second)])
    ends = window_ends(both.timestamps, resolution_ms)
    order = np.lexsort((both.timestamps, sources, ends, items))
    items, ends, sources = items[order], ends[order], sources[order]
    larger = of_larger(items, ends, sources, counts[order])
    kept, offsets = order[larger], offsets_of(items[larger], first.samples.series_count)
    return KeptHistograms(as_they_are(both, offsets, kept), counts[kept])


def of_larger(items: Int64s, ends: Int64s, sources: Int64s, counts: Int64s) -> Bools:
    """Which rows, sorted by series, window and source, are of the source that has more of their
    window."""
    parts = np.flatnonzero(begins(items, ends, sources))
    totals = np.add.reduceat(counts, parts)
    windows = np.cumsum(begins(items[parts], ends[parts])) - 1
    order = np.lexsort((sources[parts], -totals, windows))
    best = order[begins(windows[order])]
    chosen = np.zeros(len(parts), np.bool_)
    chosen[best] = True
    lengths = np.diff(np.append(parts, len(items)))
    return np.repeat(chosen, lengths)


def owners(offsets: Int64s) -> Int64s:
    """The series of each row."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def offsets_of(items: Int64s, series_count: int) -> Int64s:
    return np.searchsorted(items, np.arange(series_count + 1)).astype(np.int64)


def begins(*columns: Int64s) -> Bools:
    """Which rows differ from the one before in some column."""
    differs = np.zeros(len(columns[0]), np.bool_)
    differs[:1] = True
    for column in columns:
        differs[1:] |= column[1:] != column[:-1]
    return differs
