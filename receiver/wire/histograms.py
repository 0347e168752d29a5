"""The native histograms of a request: wire messages to columns, as kernels.

Two passes: read_scalars() reads the plain fields and counts the entries of the repeated ones, so
that columns of the right size can be made; fill_buckets() checks the histograms and writes their
buckets by absolute index. Messages are those of remote write 1.0 and 2.0:

    Histogram   count_int = 1, count_float = 2, sum = 3, schema = 4, zero_threshold = 5,
                zero_count_int = 6, zero_count_float = 7, negative_spans = 8, negative_deltas = 9,
                negative_counts = 10, positive_spans = 11, positive_deltas = 12,
                positive_counts = 13, reset_hint = 14, timestamp = 15, custom_values = 16,
                start_timestamp = 17
    BucketSpan  offset = 1 (sint32), length = 2 (uint32)

A span says how many buckets follow each other, and how far after the end of the one before it it
begins. Integer buckets are told as differences to the one before.

Invariants:
* A histogram is of integers or of floats by the last count on the wire; what is told in the other
  kind is ignored.
* No work is done for a bucket that is not in the message, however long its spans say they are.
* Repeated numbers are taken packed or one by one.
"""

import numpy as np

from receiver.wire.scan import MESSAGE_END, MESSAGE_START, SCANNED
from storage.histograms.columns import CUSTOM_SCHEMA, SCHEMA_MAX, SCHEMA_MIN
from storage.histograms.problems import (
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
    SCHEMA_UNKNOWN,
    SOUND,
    SPAN_MISMATCH,
    SPAN_OFFSET,
    TOO_MANY_BUCKETS,
    ZERO_COUNT_NEGATIVE,
)
from storage.kernels.arrays import Bytes, Float64s, Int8s, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import (
    FIXED64,
    LENGTH,
    TRUNCATED,
    TYPE_BITS,
    TYPE_MASK,
    VARINT,
    WRONG_WIRE_TYPE,
    read_field,
    read_varint,
    tag_of,
)
from storage.kernels.words import Place, load_word

COUNT_INT, COUNT_FLOAT, SUM, SCHEMA = 1, 2, 3, 4
ZERO_THRESHOLD, ZERO_COUNT_INT, ZERO_COUNT_FLOAT = 5, 6, 7
NEGATIVE_SPANS, NEGATIVE_DELTAS, NEGATIVE_COUNTS = 8, 9, 10
POSITIVE_SPANS, POSITIVE_DELTAS, POSITIVE_COUNTS = 11, 12, 13
RESET_HINT, TIMESTAMP, CUSTOM_VALUES, START_TIMESTAMP = 14, 15, 16, 17
FIELD_MAX = 17
# The wire type of each field, by its number; of a repeated one, that of a single entry.
WIRE_TYPES = np.array([9, 0, 1, 1, 0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 0, 0, 1, 0], np.uint64)

# The columns of the words of a histogram, uint64[n, WORDS]: its plain fields as they came, by their
# numbers, then whether count and zero count are floats, then how often each repeated field occurs.
IS_FLOAT, ZERO_IS_FLOAT = 18, 19
ENTRIES = 20  # + field number - NEGATIVE_SPANS
WORDS = ENTRIES + CUSTOM_VALUES - NEGATIVE_SPANS + 1

# Wider schemas, which a later standard may use, are narrowed to SCHEMA_MAX.
WIRE_SCHEMA_MAX = 52
INDEX_MIN, INDEX_MAX = -(1 << 31), (1 << 31) - 1
HINTS = 4

# Of a BucketSpan.
OFFSET, SPAN_LENGTH, SPAN_KNOWN_END = tag_of(1, VARINT), tag_of(2, VARINT), tag_of(3)


@kernel_part
def is_repeated(number: Place) -> bool | np.bool:
    return NEGATIVE_SPANS <= number <= POSITIVE_COUNTS or number == CUSTOM_VALUES


@kernel_part
def check_span(base: Place, start: Place, end: Place) -> Place:
    """SCANNED if the BucketSpan message is whole, or the error."""
    place: Place = start
    while place < end:
        tag, _, _, after = read_field(base, place, end)
        if after < 0:
            return -after
        if tag < SPAN_KNOWN_END and tag & TYPE_MASK != VARINT:
            return WRONG_WIRE_TYPE
        place = after
    return SCANNED


@kernel_part
def count_entries(base: Place, tag: np.uint64, start: Place, end: Place) -> Place:
    """How many numbers or spans are in the value at start:end of a known field, or minus the
    error."""
    number, wire_type = np.int64(tag >> TYPE_BITS), tag & TYPE_MASK
    single = WIRE_TYPES[number]
    if wire_type == single and single != LENGTH:
        return np.int64(1)
    if wire_type != LENGTH or not is_repeated(number):
        return np.int64(-WRONG_WIRE_TYPE)
    if single == LENGTH:
        error = check_span(base, start, end)
        return np.int64(1) if error == SCANNED else np.int64(-error)
    if single == FIXED64:
        return (end - start) >> 3 if (end - start) & 7 == 0 else np.int64(-TRUNCATED)
    count = np.int64(0)
    place = start
    while place < end:
        _, place = read_varint(base, place, end)
        if place < 0:
            return np.int64(place)
        count += 1
    return count


@kernel_part
def zigzag(word: np.uint64) -> np.int64:
    """The signed number that a sint64 is on the wire."""
    return np.int64(word >> np.uint64(1)) ^ -np.int64(word & np.uint64(1))


@kernel
def read_scalars(buffer: Bytes, places: Int64s, words: UInt64s) -> tuple[Place, Place]:
    """Read the plain fields of the histograms at `places` into rows of `words` and count the rest.

    Returns (SCANNED, 0) or (the error, its place).
    """
    base = buffer.ctypes.data
    for h in range(len(places)):
        for column in range(WORDS):
            words[h, column] = np.uint64(0)
        place: Place = places[h, MESSAGE_START]
        end = places[h, MESSAGE_END]
        while place < end:
            tag, word, first, after = read_field(base, place, end)
            if after < 0:
                return -after, place
            number = np.int64(tag >> TYPE_BITS)
            if number > FIELD_MAX:
                place = after
                continue
            entries = count_entries(base, tag, first, after)
            if entries < 0:
                return -entries, place
            if is_repeated(number):
                words[h, ENTRIES + number - NEGATIVE_SPANS] += np.uint64(entries)
            else:
                words[h, number] = word
                if number in (COUNT_INT, COUNT_FLOAT):
                    words[h, IS_FLOAT] = np.uint64(number == COUNT_FLOAT)
                elif number in (ZERO_COUNT_INT, ZERO_COUNT_FLOAT):
                    words[h, ZERO_IS_FLOAT] = np.uint64(number == ZERO_COUNT_FLOAT)
            place = after
    return SCANNED, 0


@kernel_part
def read_span(base: Place, start: Place, end: Place) -> tuple[np.int64, np.int64]:
    """(offset, length) of the whole BucketSpan message at start:end."""
    offset = np.int64(0)
    length = np.int64(0)
    place: Place = start
    while place < end:
        tag, word, _, place = read_field(base, place, end)
        # As the schema says: of 32 bits, whatever is on the wire.
        if tag == OFFSET:
            offset = np.int64(np.int32(zigzag(word & np.uint64(0xFFFFFFFF))))
        elif tag == SPAN_LENGTH:
            length = np.int64(word & np.uint64(0xFFFFFFFF))
    return offset, length


@kernel_part
def read_repeated(
    base: Place,
    start: Place,
    end: Place,
    is_float: bool,
    spans: Int64s,
    counts: UInt64s,
    bound_bits: UInt64s,
    found: Int64s,
) -> None:
    """Read the spans, bucket numbers and bounds of the whole histogram at start:end.

    spans: int64[2, n, 2]; counts: uint64[2, n], deltas or float bits; side 0 is the negative one.
    found: spans and counts of the negative and of the positive side, then bounds.
    """
    for k in range(len(found)):
        found[k] = 0
    place: Place = start
    while place < end:
        tag, _, first, after = read_field(base, place, end)
        number = np.int64(tag >> TYPE_BITS)
        place = after
        if not is_repeated(number):
            continue
        side = np.int64(number >= POSITIVE_SPANS)
        if number in (NEGATIVE_SPANS, POSITIVE_SPANS):
            offset, length = read_span(base, first, after)
            n = found[2 * side]
            spans[side, n, 0], spans[side, n, 1] = offset, length
            found[2 * side] = n + 1
        elif number == CUSTOM_VALUES:
            for at in range(first, after, 8):
                bound_bits[found[4]] = load_word(base, at)
                found[4] += 1
        elif is_float and number in (NEGATIVE_COUNTS, POSITIVE_COUNTS):
            for at in range(first, after, 8):
                counts[side, found[2 * side + 1]] = load_word(base, at)
                found[2 * side + 1] += 1
        elif not is_float and number in (NEGATIVE_DELTAS, POSITIVE_DELTAS):
            while first < after:
                word, first = read_varint(base, first, after)
                counts[side, found[2 * side + 1]] = np.uint64(zigzag(word))
                found[2 * side + 1] += 1


@kernel_part
def check_bounds(bounds: Float64s, count: int) -> int:
    """The problem of ascending, finite custom bounds, or SOUND."""
    before = -np.inf
    for k in range(count):
        if np.isnan(bounds[k]):
            return BOUNDS_NAN
        if bounds[k] <= before:
            return BOUNDS_ORDER
        before = bounds[k]
    return BOUNDS_INFINITE if before == np.inf else SOUND


@kernel_part
def check_spans(
    spans: Int64s, side: int, count: int, buckets: int, schema: Place, bounds: int
) -> int:
    """The problem of the spans of one side with so many buckets, or SOUND."""
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
    return BOUNDS_TOO_FEW if custom and reach > bounds + 1 else SOUND


@kernel_part
def schema_of(row: UInt64s) -> np.int64:
    return np.int64(np.int32(zigzag(row[SCHEMA] & np.uint64(0xFFFFFFFF))))


@kernel_part
def check_form(row: UInt64s, spans: Int64s, bounds: Float64s, found: Int64s) -> int:
    """The problem of everything but the counts, or SOUND. row: a row of read_scalars()."""
    schema = schema_of(row)
    custom = schema == CUSTOM_SCHEMA
    if not custom and not SCHEMA_MIN <= schema <= WIRE_SCHEMA_MAX:
        return SCHEMA_UNKNOWN
    if custom:
        problem = check_bounds(bounds, found[4])
        if problem != SOUND:
            return problem
    for side in range(2):
        problem = check_spans(spans, side, found[2 * side], found[2 * side + 1], schema, found[4])
        if problem != SOUND:
            return problem
    if not custom:
        return BOUNDS_NOT_CUSTOM if found[4] > 0 else SOUND
    zero = row[ZERO_COUNT_FLOAT] if row[IS_FLOAT] else row[ZERO_COUNT_INT]
    if row[ZERO_IS_FLOAT] == row[IS_FLOAT] and zero << np.uint64(row[IS_FLOAT]) != 0:
        return CUSTOM_ZERO_COUNT
    if row[ZERO_THRESHOLD] << np.uint64(1) != 0:
        return CUSTOM_ZERO_THRESHOLD
    return CUSTOM_NEGATIVE if found[0] + found[1] > 0 else SOUND


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
    """The problem of an integer histogram's count with `total` observations in its buckets."""
    if row[ZERO_IS_FLOAT] == np.uint64(0):
        total += row[ZERO_COUNT_INT]
    magnitude = row[SUM] << np.uint64(1)
    if magnitude > np.uint64(0xFFE0000000000000):  # the sum is NaN: that of a NaN is in no bucket
        return COUNT_TOO_SMALL if total > row[COUNT_INT] else SOUND
    return COUNT_MISMATCH if total != row[COUNT_INT] else SOUND


@kernel_part
def check_signs(row: UInt64s) -> int:
    """The problem of the counts of a float histogram, which need not add up."""
    if is_below_zero(row[COUNT_FLOAT]):
        return COUNT_NEGATIVE
    has_zero = row[ZERO_IS_FLOAT] != np.uint64(0)
    return ZERO_COUNT_NEGATIVE if has_zero and is_below_zero(row[ZERO_COUNT_FLOAT]) else SOUND


@kernel_part
def is_below_zero(bits: np.uint64) -> bool:
    """Whether the float of these bits is; neither -0 nor any NaN is."""
    return bool(np.uint64(0x8000000000000000) < bits <= np.uint64(0xFFF0000000000000))


@kernel_part
def count_all(row: UInt64s) -> np.uint64:
    """How many entries all repeated fields of a histogram have together."""
    total = np.uint64(0)
    for column in range(ENTRIES, WORDS):
        total += row[column]
    return total


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
    problems: Int8s,
) -> None:
    """Check the histograms that read_scalars() read into `words` and write their buckets.

    spans: int64[2, m, 2], numbers: uint64[2, m], bound_bits: uint64[m] and found: int64[5] are room
    for one histogram of m entries, which are at most 2 * buckets_max; float_numbers and bounds are
    the same memory as numbers and bound_bits. offsets: int64[2, n+1], indexes and counts:
    [2, buckets], side 0 is the negative one; columns are large enough for all. problems[h] is why
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
            problems[h] = TOO_MANY_BUCKETS
            continue
        is_float = row[IS_FLOAT] != np.uint64(0)
        start, end = places[h, MESSAGE_START], places[h, MESSAGE_END]
        read_repeated(base, start, end, is_float, spans, numbers, bound_bits, found)
        if found[1] + found[3] + found[4] > buckets_max:
            problems[h] = TOO_MANY_BUCKETS
            continue
        problems[h] = check_form(row, spans, bounds, found)
        if problems[h] != SOUND:
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
            problems[h] = BUCKET_NEGATIVE
        else:
            problems[h] = check_signs(row) if is_float else check_count(row, total)
        if problems[h] != SOUND:
            offsets[0, h + 1], offsets[1, h + 1] = offsets[0, h], offsets[1, h]
            continue
        for k in range(found[4]):
            bound_values[bound_offsets[h] + k] = bounds[k]
        bound_offsets[h + 1] += found[4]
