"""The kernel of `</` and `>/`: native histograms without the observations above or below a bound.

A bucket with the bound inside is cut: how much of it stays is interpolated. The count and the sum
of what stays are estimated again, from the middles of the buckets, as soon as anything is cut off;
before that the histogram stays as it was.
"""

import math

import numpy as np

from api.promql.native_histograms.buckets import one_sided, share_below
from storage.histograms.buckets import bound_of, upper_bound
from storage.histograms.columns import CUSTOM_SCHEMA
from storage.histograms.histograms import Columns
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel


@float_kernel
def middle_of(lower: float, upper: float, linear: bool) -> float:
    """Where the observations of a bucket are taken to be."""
    if math.isinf(lower):
        return 0.0 if math.isinf(upper) else min(upper / 2, upper)
    if math.isinf(upper):
        return lower
    if linear:
        return (lower + upper) / 2
    middle = math.sqrt(lower * upper)
    return -middle if upper <= 0 else middle


@float_kernel
def cut(
    count: float, lower: float, upper: float, bound: float, keep_below: bool, linear: bool
) -> tuple[float, float]:
    """(the count that stays of a bucket, where its observations are); of a NaN bound nothing."""
    if (upper <= bound) if keep_below else (lower >= bound):
        return count, middle_of(lower, upper, linear)
    if not ((lower < bound) if keep_below else (upper > bound)):
        return 0.0, 0.0
    if lower == -np.inf or upper == np.inf:
        return cut_endless(count, lower, upper, bound, keep_below)
    below = count * share_below(bound, lower, upper, linear)
    if keep_below:
        return below, middle_of(lower, bound, linear)
    return count - below, middle_of(bound, upper, linear)


@float_kernel
def cut_endless(
    count: float, lower: float, upper: float, bound: float, keep_below: bool
) -> tuple[float, float]:
    """The same for an endless bucket with the bound inside.

    Nothing is interpolated there, with one exception: a first bucket that ends above zero is taken
    to begin at zero.
    """
    if upper == np.inf:
        return (count, bound) if lower > -np.inf and not keep_below else (0.0, 0.0)
    if keep_below:
        if upper <= 0:
            return count, bound
        return (count * bound / upper, bound / 2) if bound > 0 else (0.0, 0.0)
    return (count * (1 - bound / upper), (bound + upper) / 2) if bound >= 0 else (0.0, 0.0)


@float_kernel
def cut_zero(
    count: float, lower: float, upper: float, bound: float, keep_below: bool
) -> tuple[float, float]:
    """The same for the zero bucket, which a NaN bound makes NaN."""
    whole = (bound >= upper) if keep_below else (bound <= lower)
    if bound <= lower or bound >= upper:
        return (count, (lower + upper) / 2) if whole else (0.0, 0.0)
    if keep_below:
        return count * ((bound - lower) / (upper - lower)), (lower + bound) / 2
    return count * ((upper - bound) / (upper - lower)), (bound + upper) / 2


@float_kernel
def cut_bucket(
    c: Columns, row: int, j: int, sign: int, bound: float, keep_below: bool
) -> tuple[float, float]:
    """(count, place) of what stays of bucket j; sign: 1 or -1, the side it is on."""
    schema = c.schemas[row]
    count = c.positive_counts[j] if sign > 0 else c.negative_counts[j]
    index = int(c.positive_indexes[j] if sign > 0 else c.negative_indexes[j])
    if schema == CUSTOM_SCHEMA:
        bounds = c.bounds[c.bound_offsets[row] : c.bound_offsets[row + 1]]
        lower, upper = upper_bound(index - 1, schema, bounds), upper_bound(index, schema, bounds)
        return cut(count, lower, upper, bound, keep_below, True)
    inner, outer = bound_of(index - 1, schema), bound_of(index, schema)
    if sign > 0:
        return cut(count, inner, outer, bound, keep_below, False)
    return cut(count, -outer, -inner, bound, keep_below, False)


@float_kernel
def trim_rows(
    c: Columns, rows: Int64s, bounds: Float64s, keep_below: bool, numbers: Float64s
) -> tuple[Float64s, Float64s, Bools]:
    """(positive counts, negative counts, whether anything was cut off) of each row.

    The counts stand where those of c do; rows are distinct. numbers: float64[3, rows], gets the
    count, the sum and the count of the zero bucket.
    """
    positive, negative = c.positive_counts.copy(), c.negative_counts.copy()
    trimmed = np.zeros(len(rows), np.bool_)
    for k in range(len(rows)):
        row, bound = rows[k], bounds[k]
        total = sum_ = 0.0
        for sign in (1, -1):
            offsets = c.positive_offsets if sign > 0 else c.negative_offsets
            counts = positive if sign > 0 else negative
            for j in range(offsets[row], offsets[row + 1]):
                kept, place = cut_bucket(c, row, j, sign, bound, keep_below)
                trimmed[k] |= kept != counts[j]
                counts[j] = kept
                total += kept
                sum_ += place * kept if kept != 0 else 0.0
        zero, width = c.zero_counts[row], c.zero_thresholds[row]
        if zero > 0:
            side = one_sided(c, row)
            lower, upper = 0.0 if side > 0 else -width, 0.0 if side < 0 else width
            kept, place = cut_zero(zero, lower, upper, bound, keep_below)
            trimmed[k] |= kept != zero
            zero = kept
            total += kept
            sum_ += place * kept
        numbers[0, k] = total if trimmed[k] else c.counts[row]
        numbers[1, k] = sum_ if trimmed[k] else c.sums[row]
        numbers[2, k] = zero
    return positive, negative, trimmed
