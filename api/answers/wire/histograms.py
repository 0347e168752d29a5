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
from storage.kernels.arrays import Bools, Bytes, Float64s, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, store_word

# The fields in the order of FIELD_TYPES; 0 for one that a message does not have.
FIELD_TYPES = (
    *(VARINT, FIXED64, FIXED64, VARINT, FIXED64, VARINT, FIXED64),
    *(LENGTH, LENGTH, LENGTH, LENGTH, LENGTH, LENGTH, VARINT, LENGTH),
)
COUNT_INT, COUNT_FLOAT, SUM, SCHEMA, THRESHOLD, ZERO_INT, ZERO_FLOAT = range(7)
NEGATIVE, POSITIVE, RESET_HINT, BOUNDS = 7, 10, 13, 14
# Of the three fields of a side.
SPANS, DELTAS, COUNTS = range(3)


def fields(*numbers: int) -> UInt64s:
    """The tags of fields with these numbers."""
    pairs = zip(numbers, FIELD_TYPES, strict=True)
    return np.array([number << 3 | kind if number else 0 for number, kind in pairs], np.uint64)


# Those of remote write and remote read, and those of scrapes.
REMOTE_FIELDS = fields(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16)
CLIENT_FIELDS = fields(1, 4, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0, 0)
SPAN_OFFSET, SPAN_LENGTH = tag(1, VARINT), tag(2, VARINT)
HEAD_BYTES_MAX, BUCKET_BYTES_MAX, BOUND_BYTES = 128, 36, 8


@dataclass(frozen=True, slots=True)
class HistogramMessages:
    """Histogram i is content[starts[i]:starts[i+1]], without a tag and a time."""

    starts: Int64s
    content: Bytes

    @classmethod
    def of(
        cls, histograms: Histograms, rows: Int64s, tags: UInt64s = REMOTE_FIELDS
    ) -> "HistogramMessages":
        chosen = take(histograms, rows)
        columns, count = columns_of(chosen), len(chosen)
        buckets = len(chosen.positive.counts) + len(chosen.negative.counts)
        bounds = BOUND_BYTES * len(chosen.bounds.values)
        out = room_for(HEAD_BYTES_MAX * count + BUCKET_BYTES_MAX * buckets + bounds + PADDING)
        starts = np.zeros(count + 1, np.int64)
        write_messages(columns, whole_rows(columns), tags, out, starts)
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
def put_plain(out: Place, at: Place, c: Columns, row: Place, whole: bool, tags: UInt64s) -> Place:
    """All of a histogram but its buckets, bounds and hint."""
    if whole:
        at = put_number(out, at, tags[COUNT_INT], np.uint64(c.counts[row]))
    else:
        at = put_fixed(out, at, tags[COUNT_FLOAT], c.counts.view(np.uint64)[row])
    at = put_fixed(out, at, tags[SUM], c.sums.view(np.uint64)[row])
    at = put_number(out, at, tags[SCHEMA], zigzagged(c.schemas[row]))
    at = put_fixed(out, at, tags[THRESHOLD], c.zero_thresholds.view(np.uint64)[row])
    if whole:
        return put_number(out, at, tags[ZERO_INT], np.uint64(c.zero_counts[row]))
    return put_fixed(out, at, tags[ZERO_FLOAT], c.zero_counts.view(np.uint64)[row])


@kernel_part
def put_side(
    out: Place,
    at: Place,
    row: Place,
    whole: bool,
    offsets: Int64s,
    indexes: Int32s,
    counts: Float64s,
    tags: UInt64s,
) -> Place:
    """The buckets of one side, if there are any."""
    first, end = offsets[row], offsets[row + 1]
    if first == end:
        return at
    at = put_spans(out, at, tags[SPANS], indexes, first, end)
    if whole:
        return put_deltas(out, at, tags[DELTAS], counts, first, end)
    return put_reals(out, at, tags[COUNTS], counts, first, end)


@kernel
def write_messages(
    c: Columns, are_whole: Bools, tags: UInt64s, content: Bytes, starts: Int64s
) -> None:
    """All histograms, one behind the other."""
    out = content.ctypes.data
    at: Place = 0
    for row in range(len(are_whole)):
        whole = are_whole[row]
        at = put_plain(out, at, c, row, whole, tags)
        at = put_side(
            out, at, row, whole,
            c.negative_offsets, c.negative_indexes, c.negative_counts, tags[NEGATIVE:],
        )  # fmt: skip
        at = put_side(
            out, at, row, whole,
            c.positive_offsets, c.positive_indexes, c.positive_counts, tags[POSITIVE:],
        )  # fmt: skip
        if c.hints[row] and tags[RESET_HINT]:
            at = put_number(out, at, tags[RESET_HINT], np.uint64(c.hints[row]))
        first, end = c.bound_offsets[row], c.bound_offsets[row + 1]
        if first < end and tags[BOUNDS]:
            # The tag of this field has two bytes.
            at = put_varint(out, at, tags[BOUNDS]) - 1
            at = put_reals(out, at, tags[BOUNDS] >> np.uint64(7), c.bounds, first, end)
        starts[row + 1] = at
