"""Kernels that read the buckets of native histograms from the lowest to the highest.

The buckets of a row are spread out as (lower, upper, count) first: the negative ones from the one
furthest from zero on, the zero bucket if it holds anything, and the positive ones. What of a bucket
overlaps the zero bucket is cut off.
"""

import math

import numpy as np

from storage.histograms.buckets import bound_of, upper_bound
from storage.histograms.columns import CUSTOM_SCHEMA
from storage.histograms.histograms import Columns
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel

# What a quantile has to say of NaN observations, which are counted but in no bucket.
NAN_RESULT, NAN_SKEW = 1, 2
# Which deviation.
STDVAR, STDDEV = range(2)


@float_kernel
def room_of(c: Columns, rows: Int64s) -> int:
    """The most buckets that one of the rows can be spread into."""
    longest = 0
    for k in range(len(rows)):
        row = rows[k]
        positive = c.positive_offsets[row + 1] - c.positive_offsets[row]
        negative = c.negative_offsets[row + 1] - c.negative_offsets[row]
        longest = max(longest, positive + negative + 1)
    return longest


@float_kernel
def spread(c: Columns, row: int, out: Float64s) -> int:
    """Write the buckets of a row into out = (lowers, uppers, counts); returns how many."""
    schema, threshold, n = c.schemas[row], c.zero_thresholds[row], 0
    bounds = c.bounds[c.bound_offsets[row] : c.bound_offsets[row + 1]]
    start = c.negative_offsets[row]
    for back in range(c.negative_offsets[row + 1] - start):
        j = c.negative_offsets[row + 1] - 1 - back
        index = int(c.negative_indexes[j])
        upper = -bound_of(index - 1, schema)
        out[0, n] = -bound_of(index, schema)
        out[1, n] = -threshold if -threshold < upper < 0 else upper
        out[2, n] = c.negative_counts[j]
        n += 1
    if c.zero_counts[row] > 0:
        out[0, n], out[1, n], out[2, n] = -threshold, threshold, c.zero_counts[row]
        n += 1
    for j in range(c.positive_offsets[row], c.positive_offsets[row + 1]):
        index = int(c.positive_indexes[j])
        lower = upper_bound(index - 1, schema, bounds)
        out[0, n] = threshold if 0 < lower < threshold else lower
        out[1, n] = upper_bound(index, schema, bounds)
        out[2, n] = c.positive_counts[j]
        n += 1
    return n


@float_kernel
def one_sided(c: Columns, row: int) -> int:
    """1 if a histogram has only positive buckets besides that of zero, -1 if only negative ones."""
    positive = c.positive_offsets[row + 1] > c.positive_offsets[row]
    negative = c.negative_offsets[row + 1] > c.negative_offsets[row]
    return int(positive) - int(negative)


@float_kernel
def share_below(value: float, lower: float, upper: float, linear: bool) -> float:
    """Which part of a bucket lies below a value inside it: on a linear scale, or on a logarithmic
    one, on which all exponential buckets have the same width."""
    if linear:
        return (value - lower) / (upper - lower)
    log_lower, log_upper = math.log2(abs(lower)), math.log2(abs(upper))
    log_value = math.log2(abs(value))
    if value > 0:
        return (log_value - log_lower) / (log_upper - log_lower)
    return 1 - ((log_value - log_upper) / (log_lower - log_upper))


@float_kernel
def value_at(share: float, lower: float, upper: float, linear: bool) -> float:
    """The reverse of share_below."""
    if linear or (lower <= 0 and upper >= 0):
        return lower + (upper - lower) * share
    log_lower, log_upper = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return float(2.0 ** (log_lower + (log_upper - log_lower) * share))
    return -float(2.0 ** (log_upper + (log_lower - log_upper) * (1 - share)))


@float_kernel
def quantile_of_row(c: Columns, row: int, q: float, buckets: Float64s) -> tuple[float, int]:
    """(the q-quantile, NAN_RESULT or NAN_SKEW or 0); buckets is scratch.

    The rank is counted from the nearer end, but from the lower one if there may be NaN
    observations, which only a NaN sum can reveal. Where no bucket reaches the rank, as with
    negative counts, it is the upper bound of the last one. There is no skew if the buckets hold all
    observations: infinite ones of both signs make the sum NaN, too.
    """
    total = c.counts[row]
    if q < 0 or q > 1:
        return (-np.inf, 0) if q < 0 else (np.inf, 0)
    if total == 0 or math.isnan(q):
        return np.nan, 0
    n = spread(c, row, buckets)
    has_nan = math.isnan(c.sums[row])
    forward = has_nan or q < 0.5
    rank = q * total if forward else (1 - q) * total
    lower = upper = here = count = 0.0
    seen = 0
    while seen < n:
        j = seen if forward else n - 1 - seen
        lower, upper, here = buckets[0, j], buckets[1, j], buckets[2, j]
        count += here
        seen += 1
        if count >= rank:
            break
    custom = c.schemas[row] == CUSTOM_SCHEMA
    if custom and lower == -np.inf:
        if upper <= 0:
            return upper, 0
        lower = 0.0
    elif custom and upper == np.inf:
        return lower, 0
    elif not custom and lower < 0 and upper > 0:
        lower = 0.0 if one_sided(c, row) > 0 else lower
        upper = 0.0 if one_sided(c, row) < 0 else upper
    count = min(count, total)
    if count < rank:
        return (np.nan, NAN_RESULT) if has_nan else (upper, 0)
    rank = rank - (count - here) if forward else count - rank
    value = value_at(rank / here, lower, upper, custom)
    if not has_nan:
        return value, 0
    for j in range(seen, n):
        count += buckets[2, j]
    return value, NAN_SKEW if count < total else 0


@float_kernel
def quantiles_of_rows(c: Columns, rows: Int64s, q: Float64s) -> tuple[Float64s, Int64s]:
    """The quantiles of histograms, with what quantile_of_row notes."""
    out, notes = np.empty(len(rows)), np.zeros(len(rows), np.int64)
    buckets = np.empty((3, room_of(c, rows)))
    for k in range(len(rows)):
        out[k], notes[k] = quantile_of_row(c, rows[k], q[k], buckets)
    return out, notes


@float_kernel
def fraction_of_row(
    c: Columns, row: int, lower: float, upper: float, buckets: Float64s
) -> tuple[float, bool]:
    """(the share of the observations in [lower, upper], whether some are NaN and left out); buckets
    is scratch. NaN ones do not matter where there is no share: of a NaN bound or an empty range."""
    total = c.counts[row]
    if total == 0 or math.isnan(lower) or math.isnan(upper):
        return np.nan, False
    if lower >= upper:
        return 0.0, False
    custom, side = c.schemas[row] == CUSTOM_SCHEMA, one_sided(c, row)
    n = spread(c, row, buckets)
    has_nan = math.isnan(c.sums[row])
    if has_nan:
        # Only what is in the buckets has a value.
        known = 0.0
        for j in range(n):
            known += buckets[2, j]
    else:
        known = total
    rank = 0.0
    ranks = np.array([np.nan, np.nan])
    for j in range(n):
        start, end, here = buckets[0, j], buckets[1, j], buckets[2, j]
        around_zero = start <= 0 and end >= 0
        if around_zero:
            start = 0.0 if side > 0 else start
            end = 0.0 if side < 0 else end
        for edge in range(2):
            value = lower if edge == 0 else upper
            if not math.isnan(ranks[edge]):
                continue
            if start >= value:
                ranks[edge] = rank
            elif end > value:
                if not (custom or around_zero):
                    ranks[edge] = rank + here * share_below(value, start, end, False)
                elif start == -np.inf:
                    ranks[edge] = here
                else:
                    ranks[edge] = rank + here * (value - start) / (end - start)
        rank += here
    for edge in range(2):
        if math.isnan(ranks[edge]) or ranks[edge] > known:
            ranks[edge] = known
    return float((ranks[1] - ranks[0]) / total), bool(has_nan and known < total)


@float_kernel
def fractions_of_rows(
    c: Columns, rows: Int64s, lower: Float64s, upper: Float64s
) -> tuple[Float64s, Bools]:
    """(the shares of the observations of histograms within [lower, upper], where NaN observations
    are left out of them)."""
    out, excluded = np.empty(len(rows)), np.zeros(len(rows), np.bool_)
    buckets = np.empty((3, room_of(c, rows)))
    for k in range(len(rows)):
        out[k], excluded[k] = fraction_of_row(c, rows[k], lower[k], upper[k], buckets)
    return out, excluded


@float_kernel
def deviations_of_rows(op: int, c: Columns, rows: Int64s) -> Float64s:
    """The variances or standard deviations, as if all observations of a bucket were in its middle:
    the arithmetic one of custom buckets, the geometric one of others, and zero."""
    out = np.empty(len(rows))
    buckets = np.empty((3, room_of(c, rows)))
    for k in range(len(rows)):
        row = rows[k]
        mean = c.sums[row] / c.counts[row]
        total = lost = 0.0
        for j in range(spread(c, row, buckets)):
            lower, upper = buckets[0, j], buckets[1, j]
            middle = 0.0
            if c.schemas[row] == CUSTOM_SCHEMA:
                middle = (upper + lower) / 2.0
            elif lower > 0 or upper < 0:
                middle = math.sqrt(upper * lower)
                middle = -middle if upper < 0 else middle
            delta = middle - mean
            increment = buckets[2, j] * delta * delta
            t = total + increment
            larger, smaller = max(total, increment), min(total, increment)
            lost = 0.0 if math.isinf(t) else lost + ((larger - t) + smaller)
            total = t
        out[k] = (total + lost) / c.counts[row]
        if op == STDDEV:
            out[k] = math.sqrt(out[k])
    return out


@float_kernel
def lines_of_rows(c: Columns, rows: Int64s) -> tuple[Int64s, Float64s, Int64s]:
    """(offsets, (lowers, uppers, counts), which of them are zero buckets: 1, or first custom ones:
    2), of the buckets that are not empty."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    for k in range(len(rows)):
        row = rows[k]
        positive = c.positive_offsets[row + 1] - c.positive_offsets[row]
        negative = c.negative_offsets[row + 1] - c.negative_offsets[row]
        zero = 1 if c.zero_counts[row] > 0 else 0
        offsets[k + 1] = offsets[k] + positive + negative + zero
    lines, kinds = np.empty((3, offsets[-1])), np.zeros(offsets[-1], np.int64)
    for k in range(len(rows)):
        row, place = rows[k], offsets[k]
        spread(c, row, lines[:, place:])
        if c.schemas[row] == CUSTOM_SCHEMA:
            first = c.positive_offsets[row]
            if offsets[k + 1] > place and c.positive_indexes[first] == 0:
                kinds[place] = 2
        elif c.zero_counts[row] > 0:
            kinds[place + c.negative_offsets[row + 1] - c.negative_offsets[row]] = 1
    return offsets, lines, kinds
