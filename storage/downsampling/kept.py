"""The native histograms that are kept of windows: which of them, and how many they stand for."""

import numpy as np

from storage.downsampling.aggregates import KeptHistograms
from storage.downsampling.windows import window_of
from storage.histograms.columns import Natives
from storage.histograms.resets import detect_resets
from storage.histograms.rows import few_of
from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stale import is_stale
from storage.samples.samples import Samples


def keep_histograms(samples: Samples, resolution_ms: int) -> KeptHistograms | None:
    """Those of samples as they came; floats among them are left out."""
    natives = samples.natives
    if natives is None or not natives.mask.any():
        return None
    places = np.flatnonzero(natives.mask)
    stale = is_stale(np.ascontiguousarray(samples.values[places]))
    offsets = np.searchsorted(places, samples.offsets).astype(np.int64)
    return chosen(samples, (offsets, places), np.where(stale, 0, 1), resolution_ms)


def combine_histograms(finer: KeptHistograms | None, resolution_ms: int) -> KeptHistograms | None:
    """Those over windows of resolution_ms, of those over a divisor of it."""
    if finer is None:
        return None
    places = np.arange(len(finer), dtype=np.int64)
    return chosen(finer.samples, (finer.samples.offsets, places), finer.counts, resolution_ms)


def chosen(
    samples: Samples, among: tuple[Int64s, Int64s], counts: Int64s, resolution_ms: int
) -> KeptHistograms:
    """What is kept of the histograms at `among` (offsets, places), that stand for `counts`."""
    offsets, places = among
    natives = samples.natives
    assert natives is not None
    rows = natives.rows[places].astype(np.int64)
    times = samples.timestamps[places]
    live = ~is_stale(np.ascontiguousarray(samples.values[places]))
    before = histograms_before(offsets, live)
    before_rows = np.where(before >= 0, rows[before], -1) if len(rows) else before
    resets = detect_resets(natives.histograms, before_rows, rows) & live
    kept, totals = np.zeros(len(places), np.bool_), np.zeros(len(places), np.int64)
    out_offsets = np.zeros_like(offsets)
    mark_kept(
        offsets, times, live, before, resets, counts, resolution_ms, kept, totals, out_offsets
    )
    return KeptHistograms(as_they_are(samples, out_offsets, places[kept]), totals[kept])


def as_they_are(samples: Samples, offsets: Int64s, places: Int64s) -> Samples:
    """The histograms at the places, with their hints: what is left out between them hides no
    reset."""
    natives = samples.natives
    assert natives is not None
    own = few_of(natives.at(places)) or Natives(natives.histograms, natives.rows[:0])
    return Samples(offsets, samples.timestamps[places], samples.values[places], None, own)


@kernel
def histograms_before(offsets: Int64s, live: Bools) -> Int64s:
    """Of each histogram, the one before it in its series that is no stale marker; -1: none."""
    before = np.full(len(live), -1, np.int64)
    for i in range(len(offsets) - 1):
        latest = -1
        for k in range(offsets[i], offsets[i + 1]):
            before[k] = latest
            if live[k]:
                latest = k
    return before


@kernel
def mark_kept(
    offsets: Int64s,
    times: Int64s,
    live: Bools,
    before: Int64s,
    resets: Bools,
    counts: Int64s,
    resolution_ms: int,
    kept: Bools,
    totals: Int64s,
    out_offsets: Int64s,
) -> None:
    """kept: the first and the last of each window, both sides of resets, and the first of the
    markers that end a window. totals: at the last of a window, the counts of all of it."""
    out = 0
    for i in range(len(offsets) - 1):
        start = offsets[i]
        while start < offsets[i + 1]:
            window = window_of(times[start], resolution_ms)
            first = last = marker = -1
            total = 0
            end = start
            while end < offsets[i + 1] and window_of(times[end], resolution_ms) == window:
                if live[end]:
                    first = end if first < 0 else first
                    last, marker = end, -1
                    total += counts[end]
                    if resets[end]:
                        kept[end] = kept[before[end]] = True
                elif marker < 0:
                    marker = end
                end += 1
            if first >= 0:
                kept[first] = kept[last] = True
                totals[last] = total
            if marker >= 0:
                kept[marker] = True
            start = end
        for k in range(offsets[i], offsets[i + 1]):
            out += kept[k]
        out_offsets[i + 1] = out
