"""Windows that are taken out of series: those that a cut has a moment of, since a part of a window
cannot be taken out of its sums."""

import numpy as np

from storage.downsampling.aggregates import Aggregates, KeptHistograms, take_rows
from storage.downsampling.kept import as_they_are
from storage.downsampling.windows import window_ends
from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel
from storage.samples.cuts import Cuts


def without_windows(aggregates: Aggregates, cuts: Cuts, resolution_ms: int) -> Aggregates:
    """What no cut touches. Row i of the aggregates is row i of the cuts.

    A window goes if a cut has a moment between its first and last float, or its end; of histograms
    only those at both ends are known, so that a moment anywhere in the window will do.
    """
    if not len(cuts.starts):
        return aggregates
    kept = aggregates.histograms
    if kept is not None:
        samples = kept.samples
        ends = window_ends(samples.timestamps, resolution_ms)
        kept = take_kept(kept, untouched(samples.offsets, ends - resolution_ms + 1, ends, cuts))
    ended = aggregates.stale_ms != 0
    lasts = np.where(ended, aggregates.stale_ms, aggregates.last_ms)
    stays = untouched(aggregates.offsets, aggregates.first_ms, lasts, cuts)
    rows = take_rows(aggregates.rows, np.flatnonzero(stays))
    return Aggregates.of(offsets_of(aggregates.offsets, stays), rows, kept)


def untouched(offsets: Int64s, firsts: Int64s, lasts: Int64s, cuts: Cuts) -> Bools:
    """Which of the rows, that reach from firsts[k] to lasts[k], no cut touches."""
    stays = np.ones(len(firsts), np.bool_)
    find_untouched(offsets, firsts, lasts, cuts.offsets, cuts.starts, cuts.ends, stays)
    return stays


def offsets_of(offsets: Int64s, stays: Bools) -> Int64s:
    """Those of what stays."""
    before = np.concatenate([[0], np.cumsum(stays)]).astype(np.int64)
    left: Int64s = before[offsets]
    return left


def take_kept(kept: KeptHistograms, stays: Bools) -> KeptHistograms | None:
    if stays.all():
        return kept
    places = np.flatnonzero(stays)
    if not len(places):
        return None
    samples = as_they_are(kept.samples, offsets_of(kept.samples.offsets, stays), places)
    return KeptHistograms(samples, kept.counts[places])


@kernel
def find_untouched(
    offsets: Int64s,
    firsts: Int64s,
    lasts: Int64s,
    cut_offsets: Int64s,
    starts: Int64s,
    ends: Int64s,
    stays: Bools,
) -> None:
    """stays[k]: no cut of its series has a moment of [firsts[k], lasts[k]]."""
    for i in range(len(offsets) - 1):
        for k in range(offsets[i], offsets[i + 1]):
            for cut in range(cut_offsets[i], cut_offsets[i + 1]):
                if starts[cut] <= lasts[k] and ends[cut] >= firsts[k]:
                    stays[k] = False
                    break
