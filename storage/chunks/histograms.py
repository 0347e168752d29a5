"""Chunks of native histograms, of integers and of floats, to columns.

Behind the head of a chunk (storage.chunks.layouts) comes a histogram after the other:

    integers  time, count, zero count, sum, positive buckets, negative buckets
    floats    the same, each but the time as 64 bits

An integer is a number of variable length: of the first histogram itself, of later ones the
difference of differences, those of the first being 0. A bucket of integers is stated as what it has
more than the bucket before it. Sums, and all numbers of floats, are values as in
storage.chunks.floats, each with a window of its own. A stale marker has no buckets.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from storage.chunks.bits import read_bits, read_signed, read_unsigned
from storage.chunks.chunks import (
    FLOAT_HISTOGRAM,
    LAYOUT,
    OK,
    TIME_ORDER,
    TRUNCATED,
    Chunks,
    sample_counts,
)
from storage.chunks.floats import read_value
from storage.chunks.layouts import (
    BOUNDS,
    HINT,
    LAYOUT_COLUMNS,
    NEGATIVE,
    POSITIVE,
    SCHEMA,
    read_layout,
    read_layouts,
)
from storage.histograms.columns import HINT_GAUGE, HINT_NOT_RESET, Histograms
from storage.histograms.histograms import Columns, histograms_of
from storage.kernels.arrays import (
    Bools,
    Bytes,
    Float64s,
    Int8s,
    Int32s,
    Int64s,
    UInt64s,
    frozen,
)
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.stale import STALE_NAN_BITS
from storage.kernels.words import Place

# A histogram has at least a bit of time, of count, of zero count and of sum.
SAMPLE_BITS_MIN = 4
STALE = np.uint64(STALE_NAN_BITS)
# Numbers of a histogram before its buckets: count, zero count, sum.
COUNT, ZERO, SUM, PLAIN = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class DecodedHistograms:
    """The histograms of n chunks, a row for each: those of chunk i are offsets[i]:offsets[i+1].
    reasons: OK, or why the chunk has none."""

    offsets: Int64s
    timestamps: Int64s
    histograms: Histograms
    reasons: Int8s


class Scratch(NamedTuple):
    """What is known of the histogram before, and of its chunk: numbers in the order of a sample.

    numbers, steps: integers and their latest differences; words, windows: bits and, for each, the
    zeros before its window and the window's size; reals: the same memory as words, as floats.
    """

    numbers: Int64s
    steps: Int64s
    words: UInt64s
    windows: Int64s
    reals: Float64s
    positive: Int32s
    negative: Int32s
    bounds: Float64s
    layout: Int64s
    room: Float64s


@kernel_part
def read_real(base: Place, place: Place, k: Place, is_first: bool, s: Scratch) -> Place:
    """Read number k as a float; the place behind it."""
    if is_first:
        s.words[k] = read_bits(base, place, 64)
        return place + 64
    word, leading, size, after = read_value(
        base, place, s.words[k], s.windows[k, 0], s.windows[k, 1]
    )
    s.words[k], s.windows[k, 0], s.windows[k, 1] = word, leading, size
    return after


@kernel_part
def read_integer(base: Place, place: Place, k: Place, is_first: bool, s: Scratch) -> Place:
    """Read number k as an integer; the place behind it."""
    if is_first and k < SUM:
        word, after = read_unsigned(base, place)
        s.numbers[k] = np.int64(word)
        return after
    change, after = read_signed(base, place)
    if is_first:
        s.numbers[k] = change
    else:
        s.steps[k] += change
        s.numbers[k] += s.steps[k]
    return after


@kernel_part
def read_numbers(
    base: Place, place: Place, end: Place, is_float: bool, is_first: bool, s: Scratch
) -> Place:
    """Read all of a histogram but its time; the place behind it, -1 if that is past the end."""
    count = PLAIN + s.layout[POSITIVE] + s.layout[NEGATIVE]
    for k in range(count):
        if k == PLAIN and s.words[SUM] == STALE:
            break
        if is_float or k == SUM:
            place = read_real(base, place, k, is_first, s)
        else:
            place = read_integer(base, place, k, is_first, s)
        if place > end:
            return np.int64(-1)
    return place


@kernel_part
def store_side(
    is_float: bool,
    s: Scratch,
    first: Place,
    count: Place,
    own_indexes: Int32s,
    indexes: Int32s,
    counts: Float64s,
    at: Place,
) -> Place:
    """Write the buckets of one side that are not empty from `at` on; the place behind the last, -1
    if there is no room for them."""
    running = np.int64(0)
    for k in range(count):
        running += s.numbers[first + k]
        bucket = s.reals[first + k] if is_float else np.float64(running)
        if bucket == 0:
            continue
        if at >= len(counts):
            return np.int64(-1)
        indexes[at], counts[at] = own_indexes[k], bucket
        at += 1
    return at


@kernel_part
def store_buckets(c: Columns, row: Place, is_float: bool, s: Scratch) -> int:
    """Write the buckets and bounds of a row; OK, or LAYOUT if there is no room for them."""
    positives, negatives = s.layout[POSITIVE], s.layout[NEGATIVE]
    bounds = s.layout[BOUNDS]
    if s.words[SUM] == STALE:
        positives = negatives = bounds = np.int64(0)
    up = store_side(
        is_float, s, PLAIN, positives, s.positive,
        c.positive_indexes, c.positive_counts, c.positive_offsets[row],
    )  # fmt: skip
    down = store_side(
        is_float, s, PLAIN + s.layout[POSITIVE], negatives, s.negative,
        c.negative_indexes, c.negative_counts, c.negative_offsets[row],
    )  # fmt: skip
    if up < 0 or down < 0:
        return LAYOUT
    c.positive_offsets[row + 1], c.negative_offsets[row + 1] = up, down
    first = c.bound_offsets[row]
    for k in range(bounds):
        c.bounds[first + k] = s.bounds[k]
    c.bound_offsets[row + 1] = first + bounds
    return OK


@kernel_part
def store_plain(
    c: Columns, row: Place, threshold: float, is_float: bool, is_first: bool, s: Scratch
) -> None:
    """Write all of a row but its buckets and bounds; of a stale marker the sum alone."""
    c.sums.view(np.uint64)[row] = s.words[SUM]
    hint = s.layout[HINT]
    c.hints[row] = hint if is_first or hint == HINT_GAUGE else HINT_NOT_RESET
    c.schemas[row] = 0
    c.zero_thresholds[row] = c.counts[row] = c.zero_counts[row] = 0.0
    if s.words[SUM] == STALE:
        return
    c.schemas[row], c.zero_thresholds[row] = s.layout[SCHEMA], threshold
    if is_float:
        c.counts[row], c.zero_counts[row] = s.reals[COUNT], s.reals[ZERO]
    else:
        c.counts[row] = np.float64(np.uint64(s.numbers[COUNT]))
        c.zero_counts[row] = np.float64(np.uint64(s.numbers[ZERO]))


@kernel_part
def read_chunk(
    base: Place,
    start: Place,
    end: Place,
    is_float: bool,
    first: Place,
    count: Place,
    timestamps: Int64s,
    c: Columns,
    s: Scratch,
) -> int:
    """Fill rows from `first` on with the histograms of one chunk; OK, or why they are damaged."""
    threshold, place = read_layout(
        base, start, end, s.layout, s.positive, s.negative, s.bounds, s.room
    )
    s.steps[:] = 0
    s.numbers[:] = 0
    s.windows[:] = 0
    time = step = np.int64(0)
    for row in range(first, first + count):
        change, place = read_signed(base, place)
        step = step + change if row > first else np.int64(0)
        time += step if row > first else change
        place = read_numbers(base, place, end, is_float, row == first, s)
        if place < 0:
            return TRUNCATED
        if row > first and step <= 0:
            return TIME_ORDER
        timestamps[row] = time
        store_plain(c, row, threshold, is_float, row == first, s)
        if store_buckets(c, row, is_float, s) != OK:
            return LAYOUT
    return OK


@kernel
def read_histograms(
    buffer: Bytes,
    starts: Int64s,
    ends: Int64s,
    are_floats: Bools,
    samples: Int64s,
    layouts: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    c: Columns,
    reasons: Int8s,
) -> None:
    """Fill the columns with the histograms of all chunks that have no reason yet, without gaps."""
    base = buffer.ctypes.data
    buckets = bounds = np.int64(0)
    for k in range(len(layouts)):
        buckets = max(buckets, layouts[k, POSITIVE] + layouts[k, NEGATIVE])
        bounds = max(bounds, layouts[k, BOUNDS])
    width = PLAIN + buckets
    words = np.empty(width, np.uint64)
    s = Scratch(
        np.empty(width, np.int64), np.empty(width, np.int64),
        words, np.empty((width, 2), np.int64), words.view(np.float64),
        np.empty(width, np.int32), np.empty(width, np.int32), np.empty(bounds, np.float64),
        np.empty(LAYOUT_COLUMNS, np.int64), np.empty(1, np.float64),
    )  # fmt: skip
    offsets[0] = 0
    for k in range(len(starts)):
        first = offsets[k]
        offsets[k + 1] = first
        if reasons[k] == OK and samples[k] > 0:
            reasons[k] = read_chunk(
                base, 8 * starts[k], 8 * ends[k], are_floats[k], first, samples[k],
                timestamps, c, s,
            )  # fmt: skip
            if reasons[k] == OK:
                offsets[k + 1] = first + samples[k]


def decode_histograms(chunks: Chunks) -> DecodedHistograms:
    """The histograms of chunks of encoding HISTOGRAM or FLOAT_HISTOGRAM."""
    samples, reasons = sample_counts(chunks, SAMPLE_BITS_MIN)
    buffer = frozen(chunks.buffer)
    layouts = np.empty((len(chunks), LAYOUT_COLUMNS), np.int64)
    read_layouts(buffer, chunks.starts, chunks.ends, layouts, reasons)
    samples[reasons != OK] = 0
    # A bucket has a bit at least, and a stale marker none: so many can there be.
    bits = 8 * (chunks.ends - chunks.starts)
    positive, negative = (
        int(np.minimum(samples * layouts[:, side], bits)[samples > 0].sum())
        for side in (POSITIVE, NEGATIVE)
    )
    rows = int(samples.sum())
    c = make_columns(rows, positive, negative, int((samples * layouts[:, BOUNDS]).sum()))
    offsets, timestamps = np.zeros(len(chunks) + 1, np.int64), np.empty(rows, np.int64)
    if rows:
        read_histograms(
            buffer, chunks.starts, chunks.ends, chunks.encodings == FLOAT_HISTOGRAM,
            samples, layouts, offsets, timestamps, c, reasons,
        )  # fmt: skip
    count = int(offsets[-1])
    return DecodedHistograms(offsets, timestamps[:count], histograms_of(cut(c, count)), reasons)


def make_columns(rows: int, positive: int, negative: int, bounds: int) -> Columns:
    """Columns with room for so many; the offsets of the first row are 0."""
    return Columns(
        np.empty(rows, np.int64), np.empty(rows, np.int64),
        np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows),
        np.zeros(rows + 1, np.int64), np.empty(positive, np.int32), np.empty(positive),
        np.zeros(rows + 1, np.int64), np.empty(negative, np.int32), np.empty(negative),
        np.zeros(rows + 1, np.int64), np.empty(bounds),
    )  # fmt: skip


def cut(c: Columns, rows: int) -> Columns:
    """The first rows, and their buckets and bounds."""
    up, down, bounds = (
        offsets[: rows + 1] for offsets in (c.positive_offsets, c.negative_offsets, c.bound_offsets)
    )
    return Columns(
        c.schemas[:rows], c.hints[:rows], c.counts[:rows],
        c.sums[:rows], c.zero_thresholds[:rows], c.zero_counts[:rows],
        up, c.positive_indexes[: up[-1]], c.positive_counts[: up[-1]],
        down, c.negative_indexes[: down[-1]], c.negative_counts[: down[-1]],
        bounds, c.bounds[: bounds[-1]],
    )  # fmt: skip
