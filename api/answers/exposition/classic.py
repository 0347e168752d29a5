"""Native histograms with custom buckets as the lines of classic ones.

A histogram with n bounds has n + 3 lines: a bucket for each bound and one for +Inf, each with the
observations up to it, then the sum and the count.
"""

from dataclasses import dataclass

import numpy as np

from storage.histograms.columns import Histograms
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.kernels.jit import kernel

BUCKET, SUM, COUNT = range(3)


@dataclass(frozen=True, slots=True)
class ClassicLines:
    """The lines of some histograms. owners: of which each is; kinds: BUCKET, SUM or COUNT; bounds:
    the upper ones of buckets."""

    owners: Int64s
    kinds: Int32s
    bounds: Float64s
    values: Float64s


def classic_lines(histograms: Histograms) -> ClassicLines:
    """The lines of histograms that all have custom buckets."""
    total = len(histograms.bounds.values) + 3 * len(histograms)
    owners, kinds = np.empty(total, np.int64), np.empty(total, np.int32)
    bounds, values = np.full(total, np.inf), np.empty(total, np.float64)
    fill_lines(
        histograms.bounds.offsets, histograms.bounds.values, histograms.positive.offsets,
        histograms.positive.indexes, histograms.positive.counts, histograms.sums,
        histograms.counts, owners, kinds, bounds, values,
    )  # fmt: skip
    return ClassicLines(owners, kinds, bounds, values)


@kernel
def fill_lines(
    bound_offsets: Int64s,
    uppers: Float64s,
    offsets: Int64s,
    indexes: Int32s,
    counts: Float64s,
    sums: Float64s,
    totals: Float64s,
    owners: Int64s,
    kinds: Int32s,
    bounds: Float64s,
    values: Float64s,
) -> None:
    """Fill the columns of all lines; bounds are +Inf before."""
    at = 0
    for row in range(len(sums)):
        first, end = bound_offsets[row], bound_offsets[row + 1]
        bucket, below = offsets[row], 0.0
        for k in range(first, end):
            while bucket < offsets[row + 1] and indexes[bucket] <= k - first:
                below += counts[bucket]
                bucket += 1
            owners[at], kinds[at], bounds[at], values[at] = row, BUCKET, uppers[k], below
            at += 1
        for kind, value in ((BUCKET, totals[row]), (SUM, sums[row]), (COUNT, totals[row])):
            owners[at], kinds[at], values[at] = row, kind, value
            at += 1
