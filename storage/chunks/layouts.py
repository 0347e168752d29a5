"""The head of a histogram chunk: what all its histograms share.

    n                2 bytes
    flags            1 byte, of which two bits say how the counters follow those of the chunk before
    zero threshold   1 byte: 0, or the power b - 243 of a half, or 255 and 64 bits behind it
    schema           signed
    positive spans   their number, and for each its length (unsigned) and its offset (signed)
    negative spans   the same
    custom bounds    only of custom buckets: their number, and for each 1000 * bound + 1 (unsigned),
                     or 0 and 64 bits

All numbers from the schema on are of variable length (storage.chunks.bits).
"""

import math

import numpy as np

from storage.chunks.bits import read_bits, read_signed, read_unsigned
from storage.chunks.chunks import COUNT_BYTES, LAYOUT, OK, TRUNCATED
from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    SCHEMA_MAX,
    SCHEMA_MIN,
)
from storage.kernels.arrays import Bytes, Float64s, Int8s, Int32s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place

# Buckets of a side, and custom bounds, that a chunk may have.
BUCKETS_MAX = 1 << 14
INDEX_MIN, INDEX_MAX = -(1 << 31), (1 << 31) - 1
THRESHOLD_BITS, THRESHOLD_POWER = 255, 243
BOUND_UNITS = 1000.0
# Hints by the two highest bits of the flags.
HINTS = np.array([HINT_UNKNOWN, HINT_NOT_RESET, HINT_RESET, HINT_GAUGE], np.int64)

# The columns of layouts, int64[n, 5].
POSITIVE, NEGATIVE, BOUNDS, SCHEMA, HINT = range(5)
LAYOUT_COLUMNS = 5


@kernel_part
def float_of(bits: np.uint64, room: Float64s) -> float:
    """The float of these bits; room: one place, overwritten."""
    room.view(np.uint64)[0] = bits
    return float(room[0])


@kernel_part
def read_threshold(base: Place, place: Place, room: Float64s) -> tuple[float, Place]:
    """The zero threshold and the place behind it."""
    code = np.int64(read_bits(base, place, 8))
    if code == 0:
        return 0.0, place + 8
    if code == THRESHOLD_BITS:
        return float_of(read_bits(base, place + 8, 64), room), place + 72
    return math.ldexp(0.5, int(code - THRESHOLD_POWER)), place + 8


@kernel_part
def read_spans(base: Place, place: Place, end: Place, indexes: Int32s) -> tuple[Place, Place]:
    """(buckets, the place behind the spans); writes the indexes of as many as there is room for.
    (0, minus the reason) if the spans are damaged."""
    spans, place = read_unsigned(base, place)
    if spans > np.uint64(BUCKETS_MAX):
        return np.int64(0), np.int64(-LAYOUT)
    count = np.int64(0)
    index = np.int64(0)
    for s in range(np.int64(spans)):
        length, place = read_unsigned(base, place)
        offset, place = read_signed(base, place)
        if place > end:
            return np.int64(0), np.int64(-TRUNCATED)
        if length > np.uint64(BUCKETS_MAX) or (s > 0 and offset < 0):
            return np.int64(0), np.int64(-LAYOUT)
        if not INDEX_MIN <= offset <= INDEX_MAX:
            return np.int64(0), np.int64(-LAYOUT)
        index += offset
        for _ in range(np.int64(length)):
            if count < len(indexes):
                indexes[count] = index
            count += 1
            index += 1
        if count > BUCKETS_MAX or not INDEX_MIN <= index <= INDEX_MAX:
            return np.int64(0), np.int64(-LAYOUT)
    return count, place


@kernel_part
def read_bounds(
    base: Place, place: Place, end: Place, bounds: Float64s, room: Float64s
) -> tuple[Place, Place]:
    """(custom bounds, the place behind them), as read_spans()."""
    word, place = read_unsigned(base, place)
    if word > np.uint64(BUCKETS_MAX):
        return np.int64(0), np.int64(-LAYOUT)
    count = np.int64(word)
    for k in range(count):
        units, place = read_unsigned(base, place)
        if units == np.uint64(0):
            bound = float_of(read_bits(base, place, 64), room)
            place += 64
        else:
            bound = np.float64(units - np.uint64(1)) / BOUND_UNITS
        if place > end:
            return np.int64(0), np.int64(-TRUNCATED)
        if k < len(bounds):
            bounds[k] = bound
    return count, place


@kernel_part
def read_layout(
    base: Place,
    start: Place,
    end: Place,
    layout: Int64s,
    positive: Int32s,
    negative: Int32s,
    bounds: Float64s,
    room: Float64s,
) -> tuple[float, Place]:
    """(zero threshold, place of the first sample in bits) of the chunk whose count is at the bit
    `start`; or (0, minus the reason). layout: int64[LAYOUT_COLUMNS], filled in; indexes and bounds
    are written as far as there is room for them."""
    place = start + 8 * COUNT_BYTES
    layout[HINT] = HINTS[np.int64(read_bits(base, place, 2))]
    threshold, place = read_threshold(base, place + 8, room)
    schema, place = read_signed(base, place)
    if place > end:
        return 0.0, np.int64(-TRUNCATED)
    if schema != CUSTOM_SCHEMA and not SCHEMA_MIN <= schema <= SCHEMA_MAX:
        return 0.0, np.int64(-LAYOUT)
    layout[SCHEMA] = schema
    layout[POSITIVE], place = read_spans(base, place, end, positive)
    if place < 0:
        return 0.0, place
    layout[NEGATIVE], place = read_spans(base, place, end, negative)
    if place < 0:
        return 0.0, place
    layout[BOUNDS] = 0
    if schema == CUSTOM_SCHEMA:
        layout[BOUNDS], place = read_bounds(base, place, end, bounds, room)
    return threshold, np.int64(-TRUNCATED) if place > end else place


@kernel
def read_layouts(
    buffer: Bytes, starts: Int64s, ends: Int64s, layouts: Int64s, reasons: Int8s
) -> None:
    """Fill layouts, int64[n, LAYOUT_COLUMNS], of all chunks that have no reason yet."""
    base = buffer.ctypes.data
    no_indexes, room = np.empty(0, np.int32), np.empty(1, np.float64)
    for c in range(len(starts)):
        layouts[c, :] = 0
        if reasons[c] == OK:
            _, place = read_layout(
                base, 8 * starts[c], 8 * ends[c], layouts[c],
                no_indexes, no_indexes, room[:0], room,
            )  # fmt: skip
            if place < 0:
                reasons[c] = -place
                layouts[c, :] = 0
