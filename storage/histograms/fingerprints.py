"""The fingerprint of a native histogram: 64 bits that set a repetition apart from a contradiction.

It covers every bit of what was observed: schema, count, sum, zero bucket, buckets and bounds, but
not the counter reset hint, which depends on the histograms around. It stands where a float's bits
stand when samples of one moment are compared, and in the series tables of segments
(docs/formats/segments.md), so it may only change together with their format. It is no protection
against one who prepares two histograms of equal fingerprints: only his own data would suffer.
"""

import numpy as np

from storage.histograms.columns import Histograms
from storage.kernels.arrays import Int8s, Int32s, Int64s, UInt64s
from storage.kernels.hashing import fold_multiply
from storage.kernels.jit import kernel, kernel_part

# Odd constants with half of their bits set, from the digits of pi.
SEED = np.uint64(0x243F6A8885A308D3)
FACTOR = np.uint64(0x13198A2E03707345)


def fingerprints(histograms: Histograms, rows: Int64s) -> UInt64s:
    """The fingerprint of each of the rows."""
    found = np.empty(len(rows), np.uint64)
    h = histograms
    fingerprint_rows(
        rows, h.schemas, h.counts.view(np.uint64), h.sums.view(np.uint64),
        h.zero_thresholds.view(np.uint64), h.zero_counts.view(np.uint64),
        h.positive.offsets, h.positive.indexes, h.positive.counts.view(np.uint64),
        h.negative.offsets, h.negative.indexes, h.negative.counts.view(np.uint64),
        h.bounds.offsets, h.bounds.values.view(np.uint64), found,
    )  # fmt: skip
    return found


@kernel_part
def fold(state: np.uint64, word: np.uint64) -> np.uint64:
    return fold_multiply(state ^ word, FACTOR)


@kernel
def fingerprint_rows(
    rows: Int64s,
    schemas: Int8s,
    counts: UInt64s,
    sums: UInt64s,
    zero_thresholds: UInt64s,
    zero_counts: UInt64s,
    positive_offsets: Int64s,
    positive_indexes: Int32s,
    positive_counts: UInt64s,
    negative_offsets: Int64s,
    negative_indexes: Int32s,
    negative_counts: UInt64s,
    bound_offsets: Int64s,
    bounds: UInt64s,
    found: UInt64s,
) -> None:
    """found[i] = fingerprint of row rows[i]. Floats come as their bits."""
    for i in range(len(rows)):
        row = rows[i]
        state = fold(SEED, np.uint64(schemas[row] + 128))
        state = fold(state, counts[row])
        state = fold(state, sums[row])
        state = fold(state, zero_thresholds[row])
        state = fold(state, zero_counts[row])
        first, end = positive_offsets[row], positive_offsets[row + 1]
        state = fold(state, np.uint64(end - first))
        for k in range(first, end):
            state = fold(state, np.uint64(np.int64(positive_indexes[k]) + (1 << 32)))
            state = fold(state, positive_counts[k])
        first, end = negative_offsets[row], negative_offsets[row + 1]
        state = fold(state, np.uint64(end - first))
        for k in range(first, end):
            state = fold(state, np.uint64(np.int64(negative_indexes[k]) + (1 << 32)))
            state = fold(state, negative_counts[k])
        for k in range(bound_offsets[row], bound_offsets[row + 1]):
            state = fold(state, bounds[k])
        found[i] = state
