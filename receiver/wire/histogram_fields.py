"""The fields of native histograms: wire messages to words and numbers, as kernels.

read_scalars() reads the plain fields of all histograms of a request and counts the entries of the
repeated ones, so that columns of the right size can be made; read_repeated() reads those of one
histogram. Messages are those of remote write 1.0 and 2.0:

    Histogram   count_int = 1, count_float = 2, sum = 3, schema = 4, zero_threshold = 5,
                zero_count_int = 6, zero_count_float = 7, negative_spans = 8, negative_deltas = 9,
                negative_counts = 10, positive_spans = 11, positive_deltas = 12,
                positive_counts = 13, reset_hint = 14, timestamp = 15, custom_values = 16,
                start_timestamp = 17
    BucketSpan  offset = 1 (sint32), length = 2 (uint32)

Invariants:
* A histogram is of integers or of floats by the last count on the wire; what is stated in the other
  kind is ignored.
* Repeated numbers are taken packed or one by one.
"""

import numpy as np

from receiver.wire.scan import MESSAGE_END, MESSAGE_START, SCANNED
from storage.kernels.arrays import Bytes, Int64s, UInt64s
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
def count_all(row: UInt64s) -> np.uint64:
    """How many entries all repeated fields of a histogram have together."""
    total = np.uint64(0)
    for column in range(ENTRIES, WORDS):
        total += row[column]
    return total
