"""Contradictions: samples that give way to another value of their moment when runs are merged.

Two samples of one moment are equal by the rule that holds when they are written: floats by their
bits, histograms by their fingerprints, and start timestamps do not count.
"""

import numpy as np

from storage.histograms.fingerprints import fingerprints
from storage.kernels.arrays import Bools, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.samples.samples import Samples
from storage.segments.merging import Runs


def contradictions(runs: Runs, merged: Samples) -> Int64s:
    """Where in the runs, in their order, the samples are that are not in `merged`, which merge()
    made of them, and are not equal to what it has at their moments."""
    left_out = len(runs.samples) - len(merged)
    losers, winners = np.empty(left_out, np.int64), np.empty(left_out, np.int64)
    if not left_out:
        return losers
    samples, taken = runs.samples, np.zeros(len(merged), np.bool_)
    found = find_losers(
        runs.items, samples.offsets, samples.timestamps, samples.values.view(np.uint64),
        merged.offsets, merged.timestamps, merged.values.view(np.uint64),
        samples.natives is not None, taken, losers, winners,
    )  # fmt: skip
    losers, winners = losers[:found], winners[:found]
    if samples.natives is None:
        return losers
    lost, of_histograms = keys_at(samples, losers)
    standing, are_histograms = keys_at(merged, winners)
    differ: Bools = (lost != standing) | (of_histograms != are_histograms)
    return losers[np.flatnonzero(differ)]


def keys_at(samples: Samples, places: Int64s) -> tuple[UInt64s, Bools]:
    """What is compared of the samples at these places, and which are histograms."""
    keys = samples.values[places].view(np.uint64)
    assert samples.natives is not None, "BUG: no histograms among samples that had some"
    natives = samples.natives.at(places)
    mask = natives.mask
    keys[mask] = fingerprints(natives.histograms, natives.rows[mask].astype(np.int64))
    return keys, mask


@kernel
def find_losers(
    items: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    merged_offsets: Int64s,
    merged_timestamps: Int64s,
    merged_bits: UInt64s,
    all_of_them: bool,
    taken: Bools,
    losers: Int64s,
    winners: Int64s,
) -> int:
    """The samples of runs at whose moments an earlier run has one, and where that is in what the
    runs were merged into; returns how many.

    Run r is of series items[r] of the merged ones. all_of_them: also those of equal bits. taken: a
    place for each of the merged samples, all False at first.
    """
    found = 0
    for r in range(len(items)):
        place, end = merged_offsets[items[r]], merged_offsets[items[r] + 1]
        for k in range(offsets[r], offsets[r + 1]):
            while place < end and merged_timestamps[place] < timestamps[k]:
                place += 1
            if place == end:
                break
            if not taken[place]:
                taken[place] = True
                continue
            differs = all_of_them or bits[k] != merged_bits[place]
            if differs and found < len(losers):  # rows that do not ascend could be more
                losers[found], winners[found] = k, place
                found += 1
    return found
