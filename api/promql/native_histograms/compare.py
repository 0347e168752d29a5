"""Kernels that take native histograms one by one: scaling and comparing."""

import numpy as np

from storage.histograms.columns import CUSTOM_SCHEMA
from storage.histograms.histograms import Columns
from storage.histograms.resets import bounds_match
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s
from storage.kernels.jit import float_kernel


@float_kernel
def scaled_buckets(
    offsets: Int64s, indexes: Int32s, counts: Float64s, numbers: Float64s, divide: bool
) -> tuple[Int64s, Int32s, Float64s]:
    """The buckets of each histogram times its number, or divided by it; those that are empty then
    are left out, and all of those divided by zero."""
    out_offsets = np.zeros(len(offsets), np.int64)
    out_indexes, out_counts = np.empty(len(indexes), np.int32), np.empty(len(counts))
    place = 0
    for i in range(len(offsets) - 1):
        number = numbers[i]
        if not (divide and number == 0):
            for j in range(offsets[i], offsets[i + 1]):
                count = counts[j] / number if divide else counts[j] * number
                if count != 0:
                    out_indexes[place], out_counts[place] = indexes[j], count
                    place += 1
        out_offsets[i + 1] = place
    return out_offsets, out_indexes[:place].copy(), out_counts[:place].copy()


@float_kernel
def same_bits(a: float, b: float) -> bool:
    """Whether two numbers are the same: NaN is itself, and zeros have signs."""
    if a != a or b != b:
        return a != a and b != b
    return a == b and np.signbit(a) == np.signbit(b)


@float_kernel
def same_items(
    a_offsets: Int64s,
    a_indexes: Int32s,
    a_values: Float64s,
    a: int,
    b_offsets: Int64s,
    b_indexes: Int32s,
    b_values: Float64s,
    b: int,
) -> bool:
    """Whether two histograms have the same buckets on one side."""
    i, j = a_offsets[a], b_offsets[b]
    length = a_offsets[a + 1] - i
    if b_offsets[b + 1] - j != length:
        return False
    k = 0
    while (
        k < length
        and a_indexes[i + k] == b_indexes[j + k]
        and same_bits(a_values[i + k], b_values[j + k])
    ):
        k += 1
    return bool(k == length)


@float_kernel
def equal_histograms(a: Columns, a_rows: Int64s, b: Columns, b_rows: Int64s) -> Bools:
    """Whether pairs of histograms are the same, whatever their hints are."""
    out = np.zeros(len(a_rows), np.bool_)
    for k in range(len(a_rows)):
        i, j = a_rows[k], b_rows[k]
        out[k] = (
            a.schemas[i] == b.schemas[j]
            and same_bits(a.counts[i], b.counts[j])
            and same_bits(a.sums[i], b.sums[j])
            and a.zero_thresholds[i] == b.zero_thresholds[j]
            and same_bits(a.zero_counts[i], b.zero_counts[j])
            and (a.schemas[i] != CUSTOM_SCHEMA or bounds_match(a, i, b, j))
            and same_items(
                a.positive_offsets,
                a.positive_indexes,
                a.positive_counts,
                i,
                b.positive_offsets,
                b.positive_indexes,
                b.positive_counts,
                j,
            )
            and same_items(
                a.negative_offsets,
                a.negative_indexes,
                a.negative_counts,
                i,
                b.negative_offsets,
                b.negative_indexes,
                b.negative_counts,
                j,
            )
        )
    return out
