"""Columns of native histograms to chunks, of integers where all counts are whole, else of floats.

What a chunk looks like is said in storage.chunks.layouts and storage.chunks.histograms. The bucket
layout of a chunk is that of all its histograms together; a bucket that one of them lacks is 0.
Which histograms may share a chunk is up to storage.chunks.encoder.
"""

import math

import numpy as np

from storage.chunks.bits import (
    SPARE_BYTES,
    put,
    put_signed,
    put_unsigned,
    put_word,
)
from storage.chunks.floats import LEADING_MAX, NO_WINDOW
from storage.chunks.histograms import COUNT, PLAIN, STALE, SUM, ZERO
from storage.chunks.layouts import BOUND_UNITS, THRESHOLD_BITS, THRESHOLD_POWER
from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Histograms,
)
from storage.histograms.histograms import Columns, columns_of
from storage.kernels.arrays import Bools, Bytes, Float64s, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, leading_zeros, trailing_zeros

# At most, of a chunk but its buckets and bounds; of a number of variable length or a value, whose
# window is stated anew; and of a span, which has two numbers.
HEAD_BYTES_MAX, NUMBER_BYTES_MAX, SPAN_BYTES_MAX = 64, 10, 20
# The flags by hint.
FLAGS = np.zeros(4, np.uint64)
FLAGS[HINT_UNKNOWN], FLAGS[HINT_NOT_RESET], FLAGS[HINT_RESET], FLAGS[HINT_GAUGE] = 0, 1, 2, 3
# Whole numbers above it are not certain to be what was counted.
WHOLE_MAX = float(1 << 53)
# Custom bounds in thousandths are written as numbers up to this one.
BOUND_UNITS_MAX = 33_554_430.0
POWERS = 254


@kernel_part
def put_value(
    base: Place, place: Place, changed: np.uint64, leading: Place, trailing: Place
) -> tuple[Place, Place, Place]:
    """Write a value that differs in these bits; (zeros before and behind its window, the place
    behind it)."""
    if changed == np.uint64(0):
        return leading, trailing, place + 1
    before = min(leading_zeros(changed), np.int64(LEADING_MAX))
    behind = trailing_zeros(changed)
    if leading != NO_WINDOW and before >= leading and behind >= trailing:
        place = put(base, place, np.uint64(0b10), 2)
        size = 64 - leading - trailing
        return leading, trailing, put_word(base, place, changed >> np.uint64(trailing), size)
    size = 64 - before - behind
    place = put(base, place, np.uint64(0b11), 2)
    place = put(base, place, np.uint64(before), 5)
    place = put(base, place, np.uint64(size & 63), 6)
    return before, behind, put_word(base, place, changed >> np.uint64(behind), size)


@kernel_part
def is_whole(number: float) -> bool:
    return bool(0.0 <= number <= WHOLE_MAX and number == math.floor(number))


@kernel
def whole_rows(c: Columns) -> Bools:
    """Which histograms have whole counts only."""
    out = np.empty(len(c.counts), np.bool_)
    for row in range(len(out)):
        whole = is_whole(c.counts[row]) and is_whole(c.zero_counts[row])
        for k in range(c.positive_offsets[row], c.positive_offsets[row + 1]):
            whole &= is_whole(c.positive_counts[k])
        for k in range(c.negative_offsets[row], c.negative_offsets[row + 1]):
            whole &= is_whole(c.negative_counts[k])
        out[row] = whole
    return out


@kernel_part
def united(rows: Int64s, first: Place, stop: Place, offsets: Int64s, indexes: Int32s) -> Int32s:
    """The indexes that some of the rows[first:stop] have, ascending."""
    size = np.int64(0)
    for k in range(first, stop):
        size += offsets[rows[k] + 1] - offsets[rows[k]]
    found = np.empty(size, np.int32)
    at = np.int64(0)
    for k in range(first, stop):
        for i in range(offsets[rows[k]], offsets[rows[k] + 1]):
            found[at] = indexes[i]
            at += 1
    found.sort()
    count = np.int64(0)
    for k in range(size):
        if count == 0 or found[k] != found[count - 1]:
            found[count] = found[k]
            count += 1
    return found[:count]


@kernel_part
def put_threshold(base: Place, place: Place, threshold: float, bits: np.uint64) -> Place:
    """Write a zero threshold; bits: its own."""
    if threshold == 0.0:
        return put(base, place, np.uint64(0), 8)
    mantissa, exponent = math.frexp(threshold)
    power = exponent + THRESHOLD_POWER
    if mantissa == 0.5 and 1 <= power <= POWERS:
        return put(base, place, np.uint64(power), 8)
    place = put(base, place, np.uint64(THRESHOLD_BITS), 8)
    return put_word(base, place, bits, 64)


@kernel_part
def put_spans(base: Place, place: Place, indexes: Int32s) -> Place:
    """Write the runs of successive indexes."""
    spans = np.int64(0)
    for k in range(len(indexes)):
        if k == 0 or indexes[k] != indexes[k - 1] + 1:
            spans += 1
    place = put_unsigned(base, place, np.uint64(spans))
    end, first = np.int64(0), np.int64(0)
    while first < len(indexes):
        start, length = np.int64(indexes[first]), np.int64(1)
        while first + length < len(indexes) and indexes[first + length] == start + length:
            length += 1
        place = put_unsigned(base, place, np.uint64(length))
        place = put_signed(base, place, start - end)
        end = start + length
        first += length
    return place


@kernel_part
def put_bounds(base: Place, place: Place, c: Columns, row: Place) -> Place:
    first, end = c.bound_offsets[row], c.bound_offsets[row + 1]
    place = put_unsigned(base, place, np.uint64(end - first))
    words = c.bounds.view(np.uint64)
    for k in range(first, end):
        units = c.bounds[k] * BOUND_UNITS
        if 0.0 <= units <= BOUND_UNITS_MAX and units == math.floor(units):
            place = put_unsigned(base, place, np.uint64(np.int64(units)) + np.uint64(1))
        else:
            place = put_word(base, put(base, place, np.uint64(0), 1), words[k], 64)
    return place


@kernel_part
def put_layout(
    base: Place, place: Place, c: Columns, row: Place, positive: Int32s, negative: Int32s
) -> Place:
    """Write all of a chunk's head that follows its flags."""
    bits = c.zero_thresholds.view(np.uint64)[row]
    stale = c.sums.view(np.uint64)[row] == STALE
    threshold = 0.0 if stale else c.zero_thresholds[row]
    schema = np.int64(0) if stale else c.schemas[row]
    place = put_threshold(base, place, threshold, bits)
    place = put_signed(base, place, schema)
    place = put_spans(base, place, positive)
    place = put_spans(base, place, negative)
    if schema == CUSTOM_SCHEMA:
        place = put_bounds(base, place, c, row)
    return place


@kernel_part
def fill_side(
    own: Float64s,
    at: Place,
    layout: Int32s,
    row: Place,
    offsets: Int64s,
    indexes: Int32s,
    counts: Float64s,
) -> Place:
    """Write a row's counts in the layout to `own` from `at` on; the place behind them."""
    k, end = offsets[row], offsets[row + 1]
    for i in range(len(layout)):
        own[at] = 0.0
        if k < end and indexes[k] == layout[i]:
            own[at] = counts[k]
            k += 1
        at += 1
    return at


@kernel_part
def fill_numbers(
    c: Columns, row: Place, positive: Int32s, negative: Int32s, own: Float64s
) -> Place:
    """Write the numbers of a histogram in the order of a sample; how many there are."""
    stale = c.sums.view(np.uint64)[row] == STALE
    own[COUNT] = 0.0 if stale else c.counts[row]
    own[ZERO] = 0.0 if stale else c.zero_counts[row]
    own.view(np.uint64)[SUM] = c.sums.view(np.uint64)[row]
    if stale:
        return np.int64(PLAIN)
    at = fill_side(
        own, PLAIN, positive, row, c.positive_offsets, c.positive_indexes, c.positive_counts
    )
    return fill_side(
        own, at, negative, row, c.negative_offsets, c.negative_indexes, c.negative_counts
    )


@kernel_part
def put_real(
    base: Place, place: Place, k: Place, own: UInt64s, last: UInt64s, windows: Int64s
) -> Place:
    """Write number k as a float behind the one before; the place behind it."""
    leading, trailing, place = put_value(
        base, place, own[k] ^ last[k], windows[k, 0], windows[k, 1]
    )
    windows[k, 0], windows[k, 1] = leading, trailing
    last[k] = own[k]
    return place


@kernel_part
def put_integers(
    base: Place, place: Place, own: Float64s, count: Place, positives: Place, is_first: bool,
    numbers: Int64s, steps: Int64s, last: UInt64s, windows: Int64s,
) -> Place:  # fmt: skip
    """Write a histogram of whole numbers behind its time; the place behind it."""
    running = np.int64(0)
    words = own.view(np.uint64)
    for k in range(count):
        if k == SUM:
            if is_first:
                place, last[SUM] = put_word(base, place, words[SUM], 64), words[SUM]
            else:
                place = put_real(base, place, SUM, words, last, windows)
            continue
        number = np.int64(own[k])
        if k == PLAIN + positives:
            running = np.int64(0)
        if k >= PLAIN:
            number, running = number - running, number
        if is_first:
            if k < SUM:
                place = put_unsigned(base, place, np.uint64(number))
            else:
                place = put_signed(base, place, number)
            numbers[k], steps[k] = number, 0
        elif words[SUM] == STALE:
            # A marker states no counts: its differences are 0, whatever was counted before.
            place = put_signed(base, place, np.int64(0))
        else:
            step = number - numbers[k]
            place = put_signed(base, place, step - steps[k])
            numbers[k], steps[k] = number, step
    return place


@kernel_part
def put_floats(
    base: Place, place: Place, own: Float64s, count: Place, is_first: bool,
    last: UInt64s, windows: Int64s,
) -> Place:  # fmt: skip
    """Write a histogram of floats behind its time; the place behind it."""
    words = own.view(np.uint64)
    for k in range(count):
        if is_first:
            place, last[k] = put_word(base, place, words[k], 64), words[k]
        else:
            place = put_real(base, place, k, words, last, windows)
    return place


@kernel
def write_histograms(
    offsets: Int64s,
    rows: Int64s,
    timestamps: Int64s,
    are_whole: Bools,
    flags: UInt64s,
    c: Columns,
    out: Bytes,
    bounds: Int64s,
) -> None:
    """Write a chunk for each rows[offsets[i]:offsets[i+1]] to bytes bounds[i]:bounds[i+1] of `out`,
    all of which are 0. are_whole, flags: of each chunk."""
    base = out.ctypes.data
    bounds[0] = 0
    for chunk in range(len(offsets) - 1):
        first, stop = offsets[chunk], offsets[chunk + 1]
        positive = united(rows, first, stop, c.positive_offsets, c.positive_indexes)
        negative = united(rows, first, stop, c.negative_offsets, c.negative_indexes)
        width = PLAIN + len(positive) + len(negative)
        own, last = np.empty(width), np.zeros(width, np.uint64)
        numbers, steps = np.zeros(width, np.int64), np.zeros(width, np.int64)
        windows = np.zeros((width, 2), np.int64)
        windows[:, 0] = NO_WINDOW
        place = put(base, 8 * bounds[chunk], np.uint64(stop - first), 16)
        place = put(base, place, flags[chunk] << np.uint64(6), 8)
        place = put_layout(base, place, c, rows[first], positive, negative)
        time = step = np.int64(0)
        for k in range(first, stop):
            if k == first:
                place = put_signed(base, place, timestamps[k])
            else:
                place = put_signed(base, place, timestamps[k] - time - step)
                step = timestamps[k] - time
            time = timestamps[k]
            count = fill_numbers(c, rows[k], positive, negative, own)
            if are_whole[chunk]:
                place = put_integers(
                    base, place, own, count, len(positive), k == first,
                    numbers, steps, last, windows,
                )  # fmt: skip
            else:
                place = put_floats(base, place, own, count, k == first, last, windows)
        bounds[chunk + 1] = (place + 7) >> 3


def encode_histograms(
    offsets: Int64s, timestamps: Int64s, histograms: Histograms, rows: Int64s
) -> tuple[Bytes, Int64s, Bools]:
    """(bytes, bounds, which chunks are of integers): chunk i is bytes[bounds[i]:bounds[i+1]] and
    has the histograms rows[offsets[i]:offsets[i+1]], of one schema, zero threshold and bounds and
    of ascending times, among which no counter is reset; only stale markers follow one."""
    c = columns_of(histograms)
    firsts, lengths = offsets[:-1], np.diff(offsets)
    whole = (whole_rows(c) | (c.sums.view(np.uint64) == STALE))[rows]
    are_whole = np.logical_and.reduceat(whole, firsts) if len(firsts) else np.zeros(0, np.bool_)
    flags = FLAGS[c.hints[rows[firsts]]]
    buckets = np.diff(c.positive_offsets) + np.diff(c.negative_offsets)
    bound_counts = np.diff(c.bound_offsets)
    of_chunk = np.add.reduceat(buckets[rows], firsts) if len(firsts) else np.zeros(0, np.int64)
    room = int((of_chunk * (lengths + 1)).sum()) * NUMBER_BYTES_MAX
    room += int(of_chunk.sum()) * SPAN_BYTES_MAX
    room += int(bound_counts[rows[firsts]].sum()) * NUMBER_BYTES_MAX
    room += len(rows) * (PLAIN + 1) * NUMBER_BYTES_MAX + len(firsts) * HEAD_BYTES_MAX + SPARE_BYTES
    out, bounds = np.zeros(room, np.uint8), np.zeros(len(firsts) + 1, np.int64)
    write_histograms(offsets, rows, timestamps, are_whole, flags, c, out, bounds)
    return out[: bounds[-1]], bounds, are_whole
