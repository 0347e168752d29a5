"""The native histograms of a request, checked, and their buckets by absolute index, as kernels.

What receiver.wire.histogram_fields reads of a message is compared with itself here. A span says how
many buckets follow each other, and how far after the end of the one before it it begins. Integer
buckets are stored as differences to the one before.

Invariant: no work is done for a bucket that is not in the message, however long its spans say they
are.
"""

import numpy as np

from receiver.wire.histogram_fields import (
    COUNT_FLOAT,
    COUNT_INT,
    IS_FLOAT,
    SCHEMA,
    SUM,
    ZERO_COUNT_FLOAT,
    ZERO_COUNT_INT,
    ZERO_IS_FLOAT,
    ZERO_THRESHOLD,
    count_all,
    read_repeated,
    zigzag,
)
from receiver.wire.scan import MESSAGE_END, MESSAGE_START
from storage.histograms.columns import CUSTOM_SCHEMA, SCHEMA_MAX, SCHEMA_MIN
from storage.kernels.arrays import Bytes, Float64s, Int8s, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place
from storage.reasons import (
    BOUNDS_INFINITE,
    BOUNDS_NAN,
    BOUNDS_NOT_CUSTOM,
    BOUNDS_ORDER,
    BOUNDS_TOO_FEW,
    BUCKET_NEGATIVE,
    COUNT_MISMATCH,
    COUNT_NEGATIVE,
    COUNT_TOO_SMALL,
    CUSTOM_NEGATIVE,
    CUSTOM_ZERO_COUNT,
    CUSTOM_ZERO_THRESHOLD,
    INDEX_RANGE,
    OK,
    SCHEMA_UNKNOWN,
    SPAN_MISMATCH,
    SPAN_OFFSET,
    TOO_MANY_BUCKETS,
    ZERO_COUNT_NEGATIVE,
)

# Wider schemas, which a later standard may use, are narrowed to SCHEMA_MAX.
WIRE_SCHEMA_MAX = 52
INDEX_MIN, INDEX_MAX = -(1 << 31), (1 << 31) - 1


@kernel_part
def check_bounds(bounds: Float64s, count: int) -> int:
    """Why custom bounds are refused, which are to be finite and to ascend, or OK."""
    before = -np.inf
    for k in range(count):
        if np.isnan(bounds[k]):
            return BOUNDS_NAN
        if bounds[k] <= before:
            return BOUNDS_ORDER
        before = bounds[k]
    return BOUNDS_INFINITE if before == np.inf else OK


@kernel_part
def check_spans(
    spans: Int64s, side: int, count: int, buckets: int, schema: Place, bounds: int
) -> int:
    """Why the spans of one side with so many buckets are refused, or OK."""
    total = reach = np.int64(0)
    custom = schema == CUSTOM_SCHEMA
    for k in range(count):
        if spans[side, k, 0] < 0 and (k > 0 or custom):
            return SPAN_OFFSET
        total += spans[side, k, 1]
        reach += spans[side, k, 0] + spans[side, k, 1]
        if not custom and not INDEX_MIN <= reach <= INDEX_MAX:
            return INDEX_RANGE
    if total != buckets:
        return SPAN_MISMATCH
    return BOUNDS_TOO_FEW if custom and reach > bounds + 1 else OK


@kernel_part
def schema_of(row: UInt64s) -> np.int64:
    return np.int64(np.int32(zigzag(row[SCHEMA] & np.uint64(0xFFFFFFFF))))


@kernel_part
def check_form(row: UInt64s, spans: Int64s, bounds: Float64s, found: Int64s) -> int:
    """Why everything but the counts is refused, or OK. row: a row of read_scalars()."""
    schema = schema_of(row)
    custom = schema == CUSTOM_SCHEMA
    if not custom and not SCHEMA_MIN <= schema <= WIRE_SCHEMA_MAX:
        return SCHEMA_UNKNOWN
    if custom:
        reason = check_bounds(bounds, found[4])
        if reason != OK:
            return reason
    for side in range(2):
        reason = check_spans(spans, side, found[2 * side], found[2 * side + 1], schema, found[4])
        if reason != OK:
            return reason
    if not custom:
        return BOUNDS_NOT_CUSTOM if found[4] > 0 else OK
    zero = row[ZERO_COUNT_FLOAT] if row[IS_FLOAT] else row[ZERO_COUNT_INT]
    if row[ZERO_IS_FLOAT] == row[IS_FLOAT] and zero << np.uint64(row[IS_FLOAT]) != 0:
        return CUSTOM_ZERO_COUNT
    if row[ZERO_THRESHOLD] << np.uint64(1) != 0:
        return CUSTOM_ZERO_THRESHOLD
    return CUSTOM_NEGATIVE if found[0] + found[1] > 0 else OK


@kernel_part
def fill_side(
    side: int,
    is_float: bool,
    shift: Place,
    spans: Int64s,
    span_count: int,
    numbers: UInt64s,
    float_numbers: Float64s,
    indexes: Int32s,
    counts: Float64s,
    begin: int,
) -> tuple[int, np.uint64]:
    """Write the buckets of one side that are not empty from position `begin` on.

    Indexes are those of a schema narrowed by `shift`. Returns the position behind the last one, or
    -1 if a bucket is negative, and the sum of integer counts.
    """
    at = begin
    total = np.uint64(0)
    running = np.int64(0)
    index = np.int64(0)
    k = 0
    for s in range(span_count):
        index += spans[side, s, 0]
        for _ in range(spans[side, s, 1]):
            running += np.int64(numbers[side, k])
            count = float_numbers[side, k] if is_float else np.float64(running)
            k += 1
            if count < 0:
                return -1, total
            total += np.uint64(running)
            target = ((index - 1) >> shift) + 1
            index += 1
            if count == 0:
                continue
            if at > begin and indexes[side, at - 1] == target:
                counts[side, at - 1] += count
                continue
            indexes[side, at], counts[side, at] = target, count
            at += 1
    return at, total


@kernel_part
def check_count(row: UInt64s, total: np.uint64) -> int:
    """Why an integer histogram with `total` observations in its buckets is refused, or OK."""
    if row[ZERO_IS_FLOAT] == np.uint64(0):
        total += row[ZERO_COUNT_INT]
    magnitude = row[SUM] << np.uint64(1)
    if magnitude > np.uint64(0xFFE0000000000000):  # the sum is NaN: that of a NaN is in no bucket
        return COUNT_TOO_SMALL if total > row[COUNT_INT] else OK
    return COUNT_MISMATCH if total != row[COUNT_INT] else OK


@kernel_part
def check_signs(row: UInt64s) -> int:
    """Why the counts of a float histogram, which need not add up, are refused, or OK."""
    if is_below_zero(row[COUNT_FLOAT]):
        return COUNT_NEGATIVE
    has_zero = row[ZERO_IS_FLOAT] != np.uint64(0)
    return ZERO_COUNT_NEGATIVE if has_zero and is_below_zero(row[ZERO_COUNT_FLOAT]) else OK


@kernel_part
def is_below_zero(bits: np.uint64) -> bool:
    """Whether the float of these bits is; neither -0 nor any NaN is."""
    return bool(np.uint64(0x8000000000000000) < bits <= np.uint64(0xFFF0000000000000))


@kernel
def fill_buckets(
    buffer: Bytes,
    places: Int64s,
    words: UInt64s,
    buckets_max: int,
    spans: Int64s,
    numbers: UInt64s,
    float_numbers: Float64s,
    bound_bits: UInt64s,
    bounds: Float64s,
    found: Int64s,
    offsets: Int64s,
    indexes: Int32s,
    counts: Float64s,
    bound_offsets: Int64s,
    bound_values: Float64s,
    reasons: Int8s,
) -> None:
    """Check the histograms that read_scalars() read into `words` and write their buckets.

    spans: int64[2, m, 2], numbers: uint64[2, m], bound_bits: uint64[m] and found: int64[5] are room
    for one histogram of m entries, which are at most 2 * buckets_max; float_numbers and bounds are
    the same memory as numbers and bound_bits. offsets: int64[2, n+1], indexes and counts:
    [2, buckets], side 0 is the negative one; columns are large enough for all. reasons[h] is why
    histogram h is refused; it then has no buckets.
    """
    base = buffer.ctypes.data
    offsets[0, 0] = offsets[1, 0] = bound_offsets[0] = 0
    for h in range(len(places)):
        row = words[h]
        offsets[0, h + 1], offsets[1, h + 1] = offsets[0, h], offsets[1, h]
        bound_offsets[h + 1] = bound_offsets[h]
        # Spans, buckets and bounds; more spans than buckets would be of length 0.
        if count_all(row) > np.uint64(2 * buckets_max):
            reasons[h] = TOO_MANY_BUCKETS
            continue
        is_float = row[IS_FLOAT] != np.uint64(0)
        start, end = places[h, MESSAGE_START], places[h, MESSAGE_END]
        read_repeated(base, start, end, is_float, spans, numbers, bound_bits, found)
        if found[1] + found[3] + found[4] > buckets_max:
            reasons[h] = TOO_MANY_BUCKETS
            continue
        reasons[h] = check_form(row, spans, bounds, found)
        if reasons[h] != OK:
            continue
        shift = max(np.int64(0), schema_of(row) - SCHEMA_MAX)
        total = np.uint64(0)
        for side in range(2):
            last, side_total = fill_side(
                side, is_float, shift, spans, found[2 * side], numbers, float_numbers,
                indexes, counts, offsets[side, h],
            )  # fmt: skip
            total += side_total
            offsets[side, h + 1] = last
        if offsets[0, h + 1] < 0 or offsets[1, h + 1] < 0:
            reasons[h] = BUCKET_NEGATIVE
        else:
            reasons[h] = check_signs(row) if is_float else check_count(row, total)
        if reasons[h] != OK:
            offsets[0, h + 1], offsets[1, h + 1] = offsets[0, h], offsets[1, h]
            continue
        for k in range(found[4]):
            bound_values[bound_offsets[h] + k] = bounds[k]
        bound_offsets[h + 1] += found[4]
