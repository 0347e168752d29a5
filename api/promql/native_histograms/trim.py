"""The kernel of `</` and `>/`: native histograms without the observations above or below a bound.

A bucket with the bound inside is cut: how much of it stays is interpolated. The count and the sum
of what stays are estimated anew, from the middles of the buckets, as soon as anything is cut off;
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
    if linear:
        return (lower + upper) / 2
    middle = math.sqrt(lower * upper)
    return -middle if upper <= 0 else middle


@float_kernel
def cut(
    lower: float, upper: float, bound: float, keep_below: bool, linear: bool
) -> tuple[float, float]:
    """(the share of a bucket that stays, where its observations are) of a bucket of finite bounds
    or of exponential ones."""
    if keep_below:
        if upper <= bound:
            return 1.0, middle_of(lower, upper, linear)
        if lower < bound:
            share = share_below(bound, lower, upper, linear)
            return share, middle_of(lower, bound, linear)
    else:
        if lower >= bound:
            return 1.0, middle_of(lower, upper, linear)
        if upper > bound:
            share = 1 - share_below(bound, lower, upper, linear)
            return share, middle_of(bound, upper, linear)
    return 0.0, 0.0


@float_kernel
def cut_custom(lower: float, upper: float, bound: float, keep_below: bool) -> tuple[float, float]:
    """The same for custom buckets, whose first and last one are endless.

    Nothing is interpolated in an endless bucket, with one exception: a first one that ends above
    zero is taken to begin there, unless what is below a negative bound is to go.
    """
    if lower == -np.inf and upper == np.inf:
        kept = bound == np.inf if keep_below else bound == -np.inf
        return (1.0, 0.0) if kept else (0.0, 0.0)
    if upper == np.inf:
        if keep_below:
            return (1.0, lower) if bound == np.inf else (0.0, 0.0)
        return (0.0, 0.0) if bound == np.inf or math.isnan(bound) else (1.0, max(lower, bound))
    if lower > -np.inf:
        return cut(lower, upper, bound, keep_below, True)
    if bound == -np.inf:
        return (0.0, 0.0) if keep_below else (1.0, min(upper / 2, upper))
    if upper > 0:
        if not keep_below and bound < 0:
            return 0.0, 0.0
        return cut(0.0, upper, bound, keep_below, True)
    if keep_below:
        return (0.0, 0.0) if math.isnan(bound) else (1.0, min(upper, bound))
    return (1.0, upper) if bound == -np.inf else (0.0, 0.0)


@float_kernel
def cut_bucket(
    c: Columns, row: int, index: int, sign: int, bound: float, keep_below: bool
) -> tuple[float, float]:
    """(share, place) of a bucket; sign: 1 or -1, the side it is on."""
    schema = c.schemas[row]
    if schema == CUSTOM_SCHEMA:
        bounds = c.bounds[c.bound_offsets[row] : c.bound_offsets[row + 1]]
        lower, upper = upper_bound(index - 1, schema, bounds), upper_bound(index, schema, bounds)
        return cut_custom(lower, upper, bound, keep_below)
    inner, outer = bound_of(index - 1, schema), bound_of(index, schema)
    if sign > 0:
        return cut(inner, outer, bound, keep_below, False)
    return cut(-outer, -inner, bound, keep_below, False)


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
            indexes = c.positive_indexes if sign > 0 else c.negative_indexes
            counts = positive if sign > 0 else negative
            for j in range(offsets[row], offsets[row + 1]):
                share, place = cut_bucket(c, row, int(indexes[j]), sign, bound, keep_below)
                kept = counts[j] * share if share != 1.0 else counts[j]
                trimmed[k] |= kept != counts[j]
                counts[j] = kept
                total += kept
                sum_ += place * kept if kept != 0 else 0.0
        zero, width = c.zero_counts[row], c.zero_thresholds[row]
        if zero > 0:
            side = one_sided(c, row)
            lower, upper = 0.0 if side > 0 else -width, 0.0 if side < 0 else width
            share, place = cut(lower, upper, bound, keep_below, True)
            kept = zero * share if share != 1.0 else zero
            trimmed[k] |= kept != zero
            zero = kept
            total += kept
            sum_ += place * kept
        numbers[0, k] = total if trimmed[k] else c.counts[row]
        numbers[1, k] = sum_ if trimmed[k] else c.sums[row]
        numbers[2, k] = zero
    return positive, negative, trimmed
