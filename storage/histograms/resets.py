"""Whether a histogram of a counter has been reset since the one before it in its series.

A counter histogram only grows: its count, its zero bucket, and every bucket. It may get coarser,
and its zero bucket may get wider, but not the other way round. Histograms with custom buckets are
compared over the bounds they have in common.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.histograms.buckets import bound_of, reduced_index
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_NOT_RESET, HINT_RESET, Histograms
from storage.histograms.histograms import Columns, columns_of, rows_of
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s
from storage.kernels.jit import float_kernel


@float_kernel
def bounds_match(a: Columns, a_row: int, b: Columns, b_row: int) -> bool:
    """Whether two histograms have the same custom bounds."""
    start, other = a.bound_offsets[a_row], b.bound_offsets[b_row]
    length = a.bound_offsets[a_row + 1] - start
    if b.bound_offsets[b_row + 1] - other != length:
        return False
    j = 0
    while j < length and a.bounds[start + j] == b.bounds[other + j]:
        j += 1
    return bool(j == length)


@float_kernel
def widened_zero(c: Columns, row: int, threshold: float) -> tuple[float, float]:
    """(count, threshold) of the zero bucket if it were at least that wide.

    It swallows the buckets inside; one that is inside in part makes it wider still.
    """
    schema = int(c.schemas[row])
    while True:
        count = c.zero_counts[row]
        for j in range(c.positive_offsets[row], c.positive_offsets[row + 1]):
            index = c.positive_indexes[j]
            if bound_of(index - 1, schema) >= threshold:
                break
            count += c.positive_counts[j]
            if bound_of(index, schema) > threshold:
                threshold = bound_of(index, schema)
                break
        again = False
        for j in range(c.negative_offsets[row], c.negative_offsets[row + 1]):
            index = c.negative_indexes[j]
            if bound_of(index - 1, schema) >= threshold:
                break
            count += c.negative_counts[j]
            if bound_of(index, schema) > threshold:
                # What was said of the positive buckets holds no longer.
                threshold = bound_of(index, schema)
                again = True
                break
        if not again:
            return count, threshold


@float_kernel
def any_bucket_fell(
    offsets: Int64s,
    indexes: Int32s,
    counts: Float64s,
    before: int,
    row: int,
    shift: int,
    schema: int,
    threshold: float,
) -> bool:
    """Whether a bucket of `before`, made coarser by `shift`, holds more than that of `row`.

    Buckets below the threshold are in the zero bucket.
    """
    i, end = offsets[row], offsets[row + 1]
    j, stop = offsets[before], offsets[before + 1]
    inside = True
    while j < stop:
        index = reduced_index(indexes[j], shift)
        count = counts[j]
        j += 1
        while j < stop and reduced_index(indexes[j], shift) == index:
            count += counts[j]
            j += 1
        if inside and bound_of(index, schema) <= threshold:
            continue
        inside = False
        while i < end and indexes[i] < index:
            i += 1
        if i < end and indexes[i] == index:
            if counts[i] < count:
                return True
        elif count != 0:
            return True
    return False


@float_kernel
def any_custom_bucket_fell(c: Columns, before: int, row: int) -> bool:
    """The same for custom buckets, merged between the bounds that both have."""
    i, end = c.positive_offsets[row], c.positive_offsets[row + 1]
    j, stop = c.positive_offsets[before], c.positive_offsets[before + 1]
    first, first_before = c.bound_offsets[row], c.bound_offsets[before]
    length = c.bound_offsets[row + 1] - first
    length_before = c.bound_offsets[before + 1] - first_before
    a = b = 0
    while a <= length and b <= length_before:
        bound = c.bounds[first + a] if a < length else np.inf
        bound_before = c.bounds[first_before + b] if b < length_before else np.inf
        if bound < bound_before:
            a += 1
        elif bound > bound_before:
            b += 1
        else:
            count = count_before = 0.0
            while i < end and c.positive_indexes[i] <= a:
                count += c.positive_counts[i]
                i += 1
            while j < stop and c.positive_indexes[j] <= b:
                count_before += c.positive_counts[j]
                j += 1
            if count < count_before:
                return True
            a += 1
            b += 1
    return False


@float_kernel
def has_fallen(c: Columns, before: int, row: int) -> bool:
    """Whether the numbers of a histogram say that it was reset."""
    if c.counts[row] < c.counts[before]:
        return True
    schema, schema_before = int(c.schemas[row]), int(c.schemas[before])
    if (schema == CUSTOM_SCHEMA) != (schema_before == CUSTOM_SCHEMA):
        return True
    if schema == CUSTOM_SCHEMA:
        return any_custom_bucket_fell(c, before, row)
    threshold = c.zero_thresholds[row]
    if schema > schema_before or threshold < c.zero_thresholds[before]:
        return True
    zero_count, widened = c.zero_counts[before], threshold
    if threshold != c.zero_thresholds[before]:
        zero_count, widened = widened_zero(c, before, threshold)
    # A threshold inside a bucket of the histogram before cannot come of growing.
    if widened != threshold or c.zero_counts[row] < zero_count:
        return True
    shift = schema_before - schema
    return any_bucket_fell(
        c.positive_offsets,
        c.positive_indexes,
        c.positive_counts,
        before,
        row,
        shift,
        schema,
        threshold,
    ) or any_bucket_fell(
        c.negative_offsets,
        c.negative_indexes,
        c.negative_counts,
        before,
        row,
        shift,
        schema,
        threshold,
    )


@float_kernel
def find_histogram_resets(c: Columns, before_rows: Int64s, rows: Int64s) -> Bools:
    """Whether each histogram is a reset against the one before: its hint, or else its numbers.

    A row before of -1 means none, and so no reset.
    """
    resets = np.zeros(len(rows), np.bool_)
    for k in range(len(rows)):
        hint = c.hints[rows[k]]
        if before_rows[k] < 0 or hint == HINT_NOT_RESET:
            continue
        resets[k] = hint == HINT_RESET or has_fallen(c, before_rows[k], rows[k])
    return resets


def detect_resets(h: Histograms, before_rows: NDArray[Any], rows: NDArray[Any]) -> Bools:
    """Whether the histogram at each of the rows is a reset against the one at before_rows.

    The hints RESET and NOT_RESET decide; with the others the numbers do. No row before (-1): no
    reset.
    """
    return find_histogram_resets(columns_of(h), rows_of(before_rows), rows_of(rows))
