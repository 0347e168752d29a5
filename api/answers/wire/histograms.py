"""Native histograms as the protobuf messages of remote write and remote read, all but their time.

Where all counts are whole it is a histogram of integers, whose buckets are stated as differences to
the one before, else of floats.
"""

from dataclasses import dataclass

import numpy as np

from api.answers.wire.fields import (
    FIXED64,
    LENGTH,
    PADDING,
    VARINT,
    put_fixed,
    put_head,
    put_number,
    put_varint,
    room_for,
    tag,
    varint_size,
)
from storage.chunks.bits import zigzagged
from storage.chunks.histogram_writer import whole_rows
from storage.histograms.columns import Histograms
from storage.histograms.histograms import Columns, columns_of, take
from storage.kernels.arrays import Bools, Bytes, Float64s, Int32s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, store_word

COUNT_INT, COUNT_FLOAT, SUM = tag(1, VARINT), tag(2, FIXED64), tag(3, FIXED64)
SCHEMA, THRESHOLD = tag(4, VARINT), tag(5, FIXED64)
ZERO_INT, ZERO_FLOAT = tag(6, VARINT), tag(7, FIXED64)
NEGATIVE_SPANS, NEGATIVE_DELTAS, NEGATIVE_COUNTS = tag(8, LENGTH), tag(9, LENGTH), tag(10, LENGTH)
POSITIVE_SPANS, POSITIVE_DELTAS, POSITIVE_COUNTS = tag(11, LENGTH), tag(12, LENGTH), tag(13, LENGTH)
RESET_HINT = tag(14, VARINT)
SPAN_OFFSET, SPAN_LENGTH = tag(1, VARINT), tag(2, VARINT)
# The tag of field 16 has two bytes.
BOUNDS = np.uint64(16 << 3 | LENGTH)
HEAD_BYTES_MAX, BUCKET_BYTES_MAX, BOUND_BYTES = 128, 36, 8


@dataclass(frozen=True, slots=True)
class HistogramMessages:
    """Histogram i is content[starts[i]:starts[i+1]], without a tag and a time."""

    starts: Int64s
    content: Bytes

    @classmethod
    def of(cls, histograms: Histograms, rows: Int64s) -> "HistogramMessages":
        chosen = take(histograms, rows)
        columns, count = columns_of(chosen), len(chosen)
        buckets = len(chosen.positive.counts) + len(chosen.negative.counts)
        bounds = BOUND_BYTES * len(chosen.bounds.values)
        out = room_for(HEAD_BYTES_MAX * count + BUCKET_BYTES_MAX * buckets + bounds + PADDING)
        starts = np.zeros(count + 1, np.int64)
        write_messages(columns, whole_rows(columns), out, starts)
        return cls(starts, out)


@kernel_part
def put_spans(
    out: Place, at: Place, field: np.uint64, indexes: Int32s, first: Place, end: Place
) -> Place:
    """A message for each run of successive indexes."""
    before = np.int64(0)
    while first < end:
        start, length = np.int64(indexes[first]), np.int64(1)
        while first + length < end and indexes[first + length] == start + length:
            length += 1
        offset = zigzagged(start - before)
        size = 2 + varint_size(offset) + varint_size(np.uint64(length))
        at = put_head(out, at, field, size)
        at = put_number(out, at, SPAN_OFFSET, offset)
        at = put_number(out, at, SPAN_LENGTH, np.uint64(length))
        before = start + length
        first += length
    return at


@kernel_part
def put_deltas(
    out: Place, at: Place, field: np.uint64, counts: Float64s, first: Place, end: Place
) -> Place:
    """The packed differences of whole counts."""
    size: Place = 0
    before = np.int64(0)
    for k in range(first, end):
        size += varint_size(zigzagged(np.int64(counts[k]) - before))
        before = np.int64(counts[k])
    at, before = put_head(out, at, field, size), np.int64(0)
    for k in range(first, end):
        at = put_varint(out, at, zigzagged(np.int64(counts[k]) - before))
        before = np.int64(counts[k])
    return at


@kernel_part
def put_reals(
    out: Place, at: Place, field: np.uint64, numbers: Float64s, first: Place, end: Place
) -> Place:
    """Packed floats."""
    at, words = put_head(out, at, field, 8 * (end - first)), numbers.view(np.uint64)
    for k in range(first, end):
        store_word(out, at, words[k])
        at += 8
    return at


@kernel_part
def put_plain(out: Place, at: Place, c: Columns, row: Place, whole: bool) -> Place:
    """All of a histogram but its buckets, bounds and hint."""
    if whole:
        at = put_number(out, at, COUNT_INT, np.uint64(c.counts[row]))
    else:
        at = put_fixed(out, at, COUNT_FLOAT, c.counts.view(np.uint64)[row])
    at = put_fixed(out, at, SUM, c.sums.view(np.uint64)[row])
    at = put_number(out, at, SCHEMA, zigzagged(c.schemas[row]))
    at = put_fixed(out, at, THRESHOLD, c.zero_thresholds.view(np.uint64)[row])
    if whole:
        return put_number(out, at, ZERO_INT, np.uint64(c.zero_counts[row]))
    return put_fixed(out, at, ZERO_FLOAT, c.zero_counts.view(np.uint64)[row])


@kernel
def write_messages(c: Columns, are_whole: Bools, content: Bytes, starts: Int64s) -> None:
    """All histograms, one behind the other."""
    out = content.ctypes.data
    at: Place = 0
    for row in range(len(are_whole)):
        whole = are_whole[row]
        at = put_plain(out, at, c, row, whole)
        first, end = c.negative_offsets[row], c.negative_offsets[row + 1]
        if first < end:
            at = put_spans(out, at, NEGATIVE_SPANS, c.negative_indexes, first, end)
            if whole:
                at = put_deltas(out, at, NEGATIVE_DELTAS, c.negative_counts, first, end)
            else:
                at = put_reals(out, at, NEGATIVE_COUNTS, c.negative_counts, first, end)
        first, end = c.positive_offsets[row], c.positive_offsets[row + 1]
        if first < end:
            at = put_spans(out, at, POSITIVE_SPANS, c.positive_indexes, first, end)
            if whole:
                at = put_deltas(out, at, POSITIVE_DELTAS, c.positive_counts, first, end)
            else:
                at = put_reals(out, at, POSITIVE_COUNTS, c.positive_counts, first, end)
        if c.hints[row]:
            at = put_number(out, at, RESET_HINT, np.uint64(c.hints[row]))
        first, end = c.bound_offsets[row], c.bound_offsets[row + 1]
        if first < end:
            at = put_varint(out, at, BOUNDS) - 1
            at = put_reals(out, at, BOUNDS >> np.uint64(7), c.bounds, first, end)
        starts[row + 1] = at
