"""Native histograms to chunks: where a chunk ends, what its histograms share, and its bits.

The reverse of storage.chunks.histograms, by the same grammar. A chunk has the buckets that any of
its histograms has. It is of integers if all its counts are whole, of floats otherwise.

A reader takes each histogram but the first of a chunk for one that follows the one before without a
reset. So a chunk ends before one whose hint says otherwise, before another schema, zero threshold,
custom bounds or kind (gauge or counter), behind a stale marker, and when it is full.
"""

import math
from dataclasses import dataclass

import numpy as np

from storage.chunks.bits import SPARE_BYTES, put, put_signed, put_unsigned, put_word
from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM
from storage.chunks.floats import NO_WINDOW, put_value
from storage.chunks.histograms import PLAIN, STALE, SUM
from storage.chunks.layouts import BOUND_UNITS, THRESHOLD_BITS, THRESHOLD_POWER
from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    Histograms,
)
from storage.histograms.histograms import Columns, columns_of
from storage.kernels.arrays import Bools, Bytes, Float64s, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place

# As many samples as Prometheus puts into one.
CHUNK_ROWS_MAX = 120
# Of a chunk at most: its head, a span, a bound; and of a number of a histogram.
HEAD_BYTES, SPAN_BYTES, BOUND_BYTES, NUMBER_BYTES = 40, 18, 10, 10
# The flags of a chunk by the hint of its first histogram.
FLAGS = np.array([0b00, 0b10, 0b01, 0b11], np.uint64)
WHOLE_MAX, BOUND_UNITS_MAX = 2.0**53, 33_554_430.0


@kernel_part
def is_stale(c: Columns, row: Place) -> bool:
    return bool(c.sums.view(np.uint64)[row] == STALE)


@kernel_part
def have_same_bounds(c: Columns, a: Place, b: Place) -> bool:
    first, other = c.bound_offsets[a], c.bound_offsets[b]
    size = c.bound_offsets[a + 1] - first
    if c.bound_offsets[b + 1] - other != size:
        return False
    same = np.int64(0)
    while same < size and c.bounds[first + same] == c.bounds[other + same]:
        same += 1
    return bool(same == size)


@kernel_part
def goes_on(c: Columns, first: Place, row: Place) -> bool:
    """Whether a row may follow in the chunk that begins with the row `first`."""
    if is_stale(c, row):
        return True
    if is_stale(c, row - 1):
        return False
    is_gauge = c.hints[row] == HINT_GAUGE
    if is_gauge != (c.hints[first] == HINT_GAUGE):
        return False
    if not is_gauge and c.hints[row] != HINT_NOT_RESET:
        return False
    if c.schemas[row] != c.schemas[first]:
        return False
    if c.zero_thresholds[row] != c.zero_thresholds[first]:
        return False
    return have_same_bounds(c, first, row)


@kernel
def cut_rows(offsets: Int64s, rows_max: int, c: Columns, bounds: Int64s, series: Int64s) -> Place:
    """Fill bounds, the rows at which chunks begin, and series, the number of the first chunk of
    each series; how many chunks there are. bounds has room for one of each row, and one more."""
    chunks = np.int64(0)
    for s in range(len(offsets) - 1):
        series[s] = chunks
        first = offsets[s]
        for row in range(offsets[s], offsets[s + 1]):
            if row > offsets[s] and row - first < rows_max and goes_on(c, first, row):
                continue
            first = row
            bounds[chunks] = row
            chunks += 1
    bounds[chunks] = offsets[-1]
    series[len(offsets) - 1] = chunks
    return chunks


@kernel_part
def union(offsets: Int64s, indexes: Int32s, first: Place, stop: Place, out: Int32s) -> Place:
    """Write the indexes of all buckets of the rows first:stop, ascending; how many they are."""
    begin, end = offsets[first], offsets[stop]
    own = np.sort(indexes[begin:end])
    count = np.int64(0)
    for k in range(len(own)):
        if k == 0 or own[k] != own[k - 1]:
            if count < len(out):
                out[count] = own[k]
            count += 1
    return count


@kernel
def measure_chunks(bounds: Int64s, c: Columns, rooms: Int64s, floats: Bools) -> Place:
    """Fill rooms, the bytes that each chunk needs at most, and floats, whether it is of floats; the
    numbers of the widest histogram."""
    widest: Place = 0
    none = np.empty(0, np.int32)
    for k in range(len(rooms)):
        first, stop = bounds[k], bounds[k + 1]
        buckets = union(c.positive_offsets, c.positive_indexes, first, stop, none)
        buckets += union(c.negative_offsets, c.negative_indexes, first, stop, none)
        own_bounds = c.bound_offsets[first + 1] - c.bound_offsets[first]
        numbers = (stop - first) * (1 + PLAIN + buckets)
        rooms[k] = (
            HEAD_BYTES + SPAN_BYTES * buckets + BOUND_BYTES * own_bounds + NUMBER_BYTES * numbers
        )
        widest = max(widest, PLAIN + buckets)
        floats[k] = not (
            are_whole(c.counts, first, stop)
            and are_whole(c.zero_counts, first, stop)
            and are_whole(c.positive_counts, c.positive_offsets[first], c.positive_offsets[stop])
            and are_whole(c.negative_counts, c.negative_offsets[first], c.negative_offsets[stop])
        )
    return widest


@kernel_part
def are_whole(values: Float64s, first: Place, stop: Place) -> bool:
    whole = first
    while whole < stop:
        value = values[whole]
        if not 0 <= value <= WHOLE_MAX or np.floor(value) != value:
            break
        whole += 1
    return bool(whole == stop)


@kernel_part
def put_threshold(base: Place, place: Place, threshold: float, bits: np.uint64) -> Place:
    if bits == np.uint64(0):
        return place + 8
    fraction, power = math.frexp(threshold)
    if fraction == 0.5 and 1 <= power + THRESHOLD_POWER < THRESHOLD_BITS:
        return put(base, place, np.uint64(power + THRESHOLD_POWER), 8)
    return put_word(base, put(base, place, np.uint64(THRESHOLD_BITS), 8), bits, 64)


@kernel_part
def put_spans(base: Place, place: Place, indexes: Int32s, count: Place) -> Place:
    """Write the runs of neighbours among the first `count` indexes."""
    spans = np.int64(0)
    for j in range(count):
        spans += 1 if j == 0 or indexes[j] != indexes[j - 1] + 1 else 0
    place = put_unsigned(base, place, np.uint64(spans))
    end: Place = 0
    k: Place = 0
    while k < count:
        first = k
        while k + 1 < count and indexes[k + 1] == indexes[k] + 1:
            k += 1
        k += 1
        place = put_unsigned(base, place, np.uint64(k - first))
        place = put_signed(base, place, np.int64(indexes[first]) - end)
        end = np.int64(indexes[k - 1]) + 1
    return place


@kernel_part
def put_bounds(base: Place, place: Place, c: Columns, row: Place) -> Place:
    first, stop = c.bound_offsets[row], c.bound_offsets[row + 1]
    place = put_unsigned(base, place, np.uint64(stop - first))
    for k in range(first, stop):
        units = c.bounds[k] * BOUND_UNITS
        if 0 <= units <= BOUND_UNITS_MAX and np.floor(units) == units:
            place = put_unsigned(base, place, np.uint64(units) + np.uint64(1))
        else:
            place = put_word(base, place + 1, c.bounds.view(np.uint64)[k], 64)
    return place


@kernel_part
def fill_side(
    offsets: Int64s,
    indexes: Int32s,
    counts: Float64s,
    row: Place,
    layout: Int32s,
    size: Place,
    out: Float64s,
    at: Place,
) -> None:
    """Write the counts of all buckets of a layout to `at` on, 0 for those that the row lacks."""
    k, stop = offsets[row], offsets[row + 1]
    for j in range(size):
        out[at + j] = 0.0
        if k < stop and indexes[k] == layout[j]:
            out[at + j] = counts[k]
            k += 1


@kernel_part
def put_integers(
    base: Place,
    place: Place,
    is_first: bool,
    count: Place,
    positives: Place,
    reals: Float64s,
    numbers: Int64s,
    steps: Int64s,
    sums: Int64s,
    sum_bits: np.uint64,
    changed: np.uint64,
) -> Place:
    """Write the numbers of a histogram of integers; numbers and steps are those of the one before,
    and are changed. sums: the window of the sum. count: of numbers, PLAIN for a stale marker."""
    before = np.int64(0)
    for k in range(count):
        if k == SUM:
            if is_first:
                place = put_word(base, place, sum_bits, 64)
            else:
                sums[0], sums[1], place = put_value(base, place, changed, sums[0], sums[1])
            continue
        number = np.int64(reals[k])
        if k >= PLAIN:
            # Buckets are stated as what they have more than the one before, on each side.
            whole = number
            number -= before if k != PLAIN and k != PLAIN + positives else 0
            before = whole
        if is_first and k < SUM:
            place = put_unsigned(base, place, np.uint64(number))
        elif is_first:
            place = put_signed(base, place, number)
        elif count == PLAIN:
            place += 1  # a stale marker says nothing of counts
        else:
            step = number - numbers[k]
            place = put_signed(base, place, step - steps[k])
            steps[k] = step
        numbers[k] = number
    return place


@kernel_part
def put_reals(
    base: Place,
    place: Place,
    is_first: bool,
    count: Place,
    bits: UInt64s,
    before: UInt64s,
    windows: Int64s,
) -> Place:
    """Write the numbers of a histogram of floats."""
    for k in range(count):
        if is_first:
            place = put_word(base, place, bits[k], 64)
        else:
            leading, trailing, place = put_value(
                base, place, bits[k] ^ before[k], windows[k, 0], windows[k, 1]
            )
            windows[k, 0], windows[k, 1] = leading, trailing
        before[k] = bits[k]
    return place


@kernel_part
def put_rows(
    base: Place,
    place: Place,
    first: Place,
    stop: Place,
    is_float: bool,
    timestamps: Int64s,
    c: Columns,
    positive: Int32s,
    positives: Place,
    negative: Int32s,
    negatives: Place,
    width: Place,
) -> Place:
    """Write the rows first:stop behind the head of their chunk; the place behind them."""
    numbers, steps = np.zeros(width, np.int64), np.zeros(width, np.int64)
    bits, before = np.zeros(width, np.uint64), np.zeros(width, np.uint64)
    reals = bits.view(np.float64)
    windows = np.full((width, 2), NO_WINDOW, np.int64)
    step = np.int64(0)
    for row in range(first, stop):
        if row == first:
            place = put_signed(base, place, timestamps[row])
        else:
            last, step = step, timestamps[row] - timestamps[row - 1]
            place = put_signed(base, place, step - last)
        stale = is_stale(c, row)
        reals[0] = 0.0 if stale else c.counts[row]
        reals[1] = 0.0 if stale else c.zero_counts[row]
        bits[SUM] = c.sums.view(np.uint64)[row]
        if not stale:
            fill_side(
                c.positive_offsets, c.positive_indexes, c.positive_counts, row,
                positive, positives, reals, PLAIN,
            )  # fmt: skip
            fill_side(
                c.negative_offsets, c.negative_indexes, c.negative_counts, row,
                negative, negatives, reals, PLAIN + positives,
            )  # fmt: skip
        count = PLAIN if stale else PLAIN + positives + negatives
        if is_float:
            place = put_reals(base, place, row == first, count, bits, before, windows)
        else:
            changed = bits[SUM] ^ before[SUM]
            place = put_integers(
                base, place, row == first, count, positives, reals,
                numbers, steps, windows[SUM], bits[SUM], changed,
            )  # fmt: skip
            before[SUM] = bits[SUM]
    return place


@kernel
def write_chunks(
    bounds: Int64s,
    timestamps: Int64s,
    c: Columns,
    floats: Bools,
    width: Place,
    out: Bytes,
    places: Int64s,
) -> None:
    """Write the chunk of each bounds[i]:bounds[i+1] to bytes places[i]:places[i+1] of `out`, all of
    which are 0."""
    base = out.ctypes.data
    positive, negative = np.empty(width, np.int32), np.empty(width, np.int32)
    places[0] = 0
    for k in range(len(bounds) - 1):
        first, stop = bounds[k], bounds[k + 1]
        positives = union(c.positive_offsets, c.positive_indexes, first, stop, positive)
        negatives = union(c.negative_offsets, c.negative_indexes, first, stop, negative)
        place = put(base, 8 * places[k], np.uint64(stop - first), 16)
        place = put(base, place, FLAGS[c.hints[first]] << np.uint64(6), 8)
        bits = c.zero_thresholds.view(np.uint64)[first]
        place = put_threshold(base, place, c.zero_thresholds[first], bits)
        place = put_signed(base, place, c.schemas[first])
        place = put_spans(base, place, positive, positives)
        place = put_spans(base, place, negative, negatives)
        if c.schemas[first] == CUSTOM_SCHEMA:
            place = put_bounds(base, place, c, first)
        place = put_rows(
            base, place, first, stop, floats[k], timestamps, c,
            positive, positives, negative, negatives, width,
        )  # fmt: skip
        places[k + 1] = (place + 7) >> 3


@dataclass(frozen=True, slots=True)
class EncodedHistograms:
    """n chunks: chunk i is data[places[i]:places[i+1]] of encoding encodings[i], and has the rows
    bounds[i]:bounds[i+1]; those of series s are the chunks series[s]:series[s+1]."""

    data: Bytes
    places: Int64s
    encodings: Int64s
    bounds: Int64s
    series: Int64s


def encode_histograms(
    offsets: Int64s, timestamps: Int64s, histograms: Histograms, *, rows_max: int = CHUNK_ROWS_MAX
) -> EncodedHistograms:
    """The chunks of series: the histograms offsets[i]:offsets[i+1] are those of series i, in order
    of time."""
    c = columns_of(histograms)
    bounds, series = np.empty(len(histograms) + 1, np.int64), np.empty(len(offsets), np.int64)
    chunks = cut_rows(offsets, rows_max, c, bounds, series)
    bounds = bounds[: chunks + 1]
    rooms, floats = np.empty(chunks, np.int64), np.empty(chunks, np.bool_)
    width = measure_chunks(bounds, c, rooms, floats)
    out = np.zeros(int(rooms.sum()) + SPARE_BYTES, np.uint8)
    places = np.empty(chunks + 1, np.int64)
    write_chunks(bounds, np.ascontiguousarray(timestamps), c, floats, width, out, places)
    encodings = np.where(floats, FLOAT_HISTOGRAM, HISTOGRAM).astype(np.int64)
    return EncodedHistograms(out[: places[-1]], places, encodings, bounds, series)
