"""Chunks of floats: the XOR encoding of Prometheus.

    n       2 bytes
    first   time as a zigzag varint of bytes, 64 bits of the value
    second  time since the first as a varint of bytes, value
    others  difference of that difference, value

A difference of differences is 0, or 10 and 14 bits, 110 and 17, 1110 and 20, 1111 and 64. A value
is compared with the one before: 0 if it is the same; 10 and the bits of the window that differ; or
11, the zeros before the new window (5 bits), its size (6 bits, 0 for 64) and its bits.

Time is in ms; it is to ascend strictly. Values keep their bits, stale markers too.
"""

from dataclasses import dataclass

import numpy as np

from storage.chunks.bits import (
    SPARE_BYTES,
    fits,
    peek,
    read_bits,
    read_varint,
    signed,
    zigzag,
    zigzagged,
)
from storage.chunks.chunks import COUNT_BYTES, OK, TIME_ORDER, TRUNCATED, Chunks, sample_counts
from storage.kernels.arrays import Bytes, Float64s, Int8s, Int64s, UInt64s, frozen
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, leading_zeros, store_word, swap_bytes, trailing_zeros

# A sample has at least a bit of time and a bit of value.
SAMPLE_BITS_MIN = 2
# At most: 4 + 64 of time, 2 + 5 + 6 + 64 of value; the first one and the count have less than 32.
SAMPLE_BYTES_MAX, FIRST_BYTES_MAX = 19, 32
CHUNK_SAMPLES_MAX = 0xFFFF
NO_WINDOW = 0xFF
LEADING_MAX = 31


@dataclass(frozen=True, slots=True)
class DecodedFloats:
    """The samples of n chunks: those of chunk i are offsets[i]:offsets[i+1]. reasons: OK, or why
    the chunk has none."""

    offsets: Int64s
    timestamps: Int64s
    values: Float64s
    reasons: Int8s


@kernel_part
def read_step(base: Place, place: Place) -> tuple[np.int64, Place]:
    """A difference of differences of time, and the place behind it."""
    word = peek(base, place)
    if word >> np.uint64(63) == np.uint64(0):
        return np.int64(0), place + 1
    if word >> np.uint64(62) == np.uint64(0b10):
        count, first = 14, place + 2
    elif word >> np.uint64(61) == np.uint64(0b110):
        count, first = 17, place + 3
    elif word >> np.uint64(60) == np.uint64(0b1110):
        count, first = 20, place + 4
    else:
        count, first = 64, place + 4
    return signed(read_bits(base, first, count), count), first + count


@kernel_part
def read_value(
    base: Place, place: Place, before: np.uint64, leading: Place, size: Place
) -> tuple[np.uint64, Place, Place, Place]:
    """(bits of a value, its window as zeros before it and size, the place behind it)."""
    word = peek(base, place)
    if word >> np.uint64(63) == np.uint64(0):
        return before, leading, size, place + 1
    first = place + 2
    if word >> np.uint64(62) == np.uint64(0b11):
        head = np.int64(read_bits(base, first, 11))
        leading, size, first = head >> 6, head & 63, first + 11
        if size == 0:
            size = np.int64(64)
    # Before there is a window, and in damaged data, it may reach over the end of the value.
    size = max(np.int64(1), min(size, 64 - leading))
    changed = read_bits(base, first, size) << np.uint64(64 - leading - size)
    return before ^ changed, leading, size, first + size


@kernel_part
def read_chunk(
    base: Place,
    start: Place,
    end: Place,
    count: Place,
    first: Place,
    ends_twice: bool,
    timestamps: Int64s,
    value_bits: UInt64s,
) -> int:
    """Fill the columns from `first` on with the samples of one chunk; OK, or why they are damaged.
    start, end: in bits, behind the count; ends_twice: the first and the last time may come
    twice."""
    word, place = read_varint(base, start, end)
    if place < 0 or place + 64 > end:
        return TRUNCATED
    time, bits = zigzag(word), read_bits(base, place, 64)
    timestamps[first], value_bits[first] = time, bits
    place += 64
    step = np.int64(0)
    leading: Place = 0
    size: Place = 0
    for k in range(first + 1, first + count):
        if k == first + 1:
            word, place = read_varint(base, place, end)
            if place < 0:
                return TRUNCATED
            step = np.int64(word)
        else:
            change, place = read_step(base, place)
            step += change
        bits, leading, size, place = read_value(base, place, bits, leading, size)
        if place > end:
            return TRUNCATED
        is_end = k == first + 1 or k == first + count - 1
        if step < 0 or (step == 0 and not (ends_twice and is_end)):
            return TIME_ORDER
        time += step
        timestamps[k], value_bits[k] = time, bits
    return OK


@kernel
def read_floats(
    buffer: Bytes,
    starts: Int64s,
    ends: Int64s,
    counts: Int64s,
    ends_twice: bool,
    offsets: Int64s,
    timestamps: Int64s,
    value_bits: UInt64s,
    reasons: Int8s,
) -> None:
    """Fill the columns with the samples of all chunks that have no reason yet."""
    base = buffer.ctypes.data
    offsets[0] = 0
    for c in range(len(starts)):
        first = offsets[c]
        offsets[c + 1] = first
        if reasons[c] == OK and counts[c] > 0:
            begin, end = 8 * (starts[c] + COUNT_BYTES), 8 * ends[c]
            reasons[c] = read_chunk(
                base, begin, end, counts[c], first, ends_twice, timestamps, value_bits
            )
            if reasons[c] == OK:
                offsets[c + 1] = first + counts[c]


def decode_floats(chunks: Chunks, *, ends_twice: bool = False) -> DecodedFloats:
    """The samples of chunks of encoding XOR. ends_twice: the last time of a chunk may come twice,
    as that of a counter that was downsampled does, and the first one, where its window has no other
    sample."""
    counts, reasons = sample_counts(chunks, SAMPLE_BITS_MIN)
    offsets, room = np.empty(len(chunks) + 1, np.int64), int(counts.sum())
    timestamps, bits = np.empty(room, np.int64), np.empty(room, np.uint64)
    read_floats(
        frozen(chunks.buffer),
        chunks.starts,
        chunks.ends,
        counts,
        ends_twice,
        offsets,
        timestamps,
        bits,
        reasons,
    )
    end = offsets[-1]
    return DecodedFloats(offsets, timestamps[:end], bits[:end].view(np.float64), reasons)


@kernel_part
def push(
    base: Place, place: Place, word: np.uint64, free: Place, bits: np.uint64, count: Place
) -> tuple[Place, np.uint64, Place]:
    """Write `count` bits, 1 to 64 of them, which are the lowest and the only ones: (the byte that
    the word goes to, the word, how many of its bits are free). What is written goes to memory a
    whole word at a time: reading back what was just written in part would hold up the processor."""
    if count < free:
        return place, word | bits << np.uint64(free - count), free - count
    rest = count - free
    store_word(base, place, swap_bytes(word | bits >> np.uint64(rest)))
    if rest == 0:
        return place + 8, np.uint64(0), np.int64(64)
    return place + 8, bits << np.uint64(64 - rest), 64 - rest


@kernel_part
def step_bits(change: np.int64) -> tuple[np.uint64, Place]:
    """A difference of differences of time as bits, and how many; 0 of those that need 64."""
    bits = np.uint64(change)
    if change == 0:
        return np.uint64(0), np.int64(1)
    if fits(change, 14):
        return np.uint64(0b10 << 14) | bits & np.uint64((1 << 14) - 1), np.int64(2 + 14)
    if fits(change, 17):
        return np.uint64(0b110 << 17) | bits & np.uint64((1 << 17) - 1), np.int64(3 + 17)
    if fits(change, 20):
        return np.uint64(0b1110 << 20) | bits & np.uint64((1 << 20) - 1), np.int64(4 + 20)
    return np.uint64(0), np.int64(0)


@kernel_part
def value_bits_of(
    changed: np.uint64, leading: Place, trailing: Place
) -> tuple[np.uint64, Place, Place, Place, Place]:
    """(what a value begins with that differs in these bits, how many bits that are, how many
    follow, zeros before and behind the window)."""
    if changed == np.uint64(0):
        return np.uint64(0), np.int64(1), np.int64(0), leading, trailing
    before = min(leading_zeros(changed), np.int64(LEADING_MAX))
    behind = trailing_zeros(changed)
    if leading != NO_WINDOW and before >= leading and behind >= trailing:
        return np.uint64(0b10), np.int64(2), 64 - leading - trailing, leading, trailing
    size = 64 - before - behind
    head = np.uint64(0b11 << 11) | np.uint64(before << 6) | np.uint64(size & 63)
    return head, np.int64(13), size, before, behind


@kernel
def write_floats(
    offsets: Int64s, timestamps: Int64s, value_bits: UInt64s, out: Bytes, bounds: Int64s
) -> None:
    """Write a chunk for each offsets[i]:offsets[i+1] to bytes bounds[i]:bounds[i+1] of `out`, which
    has SPARE_BYTES more."""
    base = out.ctypes.data
    bounds[0] = 0
    for c in range(len(offsets) - 1):
        first, stop = offsets[c], offsets[c + 1]
        place: Place = bounds[c]
        word = np.uint64(stop - first) << np.uint64(48)
        free: Place = np.int64(48)
        step = np.int64(0)
        leading: Place = NO_WINDOW
        trailing: Place = 0
        for k in range(first, stop):
            if k == first:
                place, word, free = push_varint(base, place, word, free, zigzagged(timestamps[k]))
                place, word, free = push(base, place, word, free, value_bits[k], 64)
                continue
            last, step = step, timestamps[k] - timestamps[k - 1]
            head = np.uint64(0)
            count: Place = np.int64(0)
            if k == first + 1:
                place, word, free = push_varint(base, place, word, free, np.uint64(step))
            else:
                head, count = step_bits(step - last)
                if count == 0:
                    place, word, free = push(base, place, word, free, np.uint64(0b1111), 4)
                    change = np.uint64(step - last)
                    place, word, free = push(base, place, word, free, change, 64)
            changed = value_bits[k] ^ value_bits[k - 1]
            more, length, size, leading, trailing = value_bits_of(changed, leading, trailing)
            head = head << np.uint64(length) | more
            count += length
            rest = changed >> np.uint64(trailing)
            if size > 0 and count + size <= 64:
                head, count, size = head << np.uint64(size) | rest, count + size, np.int64(0)
            place, word, free = push(base, place, word, free, head, count)
            if size > 0:
                place, word, free = push(base, place, word, free, rest, size)
        # What is behind the chunk is written by the next one.
        store_word(base, place, swap_bytes(word))
        bounds[c + 1] = place + ((64 - free + 7) >> 3)


@kernel_part
def push_varint(
    base: Place, place: Place, word: np.uint64, free: Place, value: np.uint64
) -> tuple[Place, np.uint64, Place]:
    """Write a varint of bytes, as push() does."""
    while value >= np.uint64(0x80):
        byte = value & np.uint64(0x7F) | np.uint64(0x80)
        place, word, free = push(base, place, word, free, byte, 8)
        value >>= np.uint64(7)
    return push(base, place, word, free, value, 8)


def encode_floats(offsets: Int64s, timestamps: Int64s, values: Float64s) -> tuple[Bytes, Int64s]:
    """(bytes, bounds): chunk i is bytes[bounds[i]:bounds[i+1]] and has the samples offsets[i] to
    offsets[i+1], at most CHUNK_SAMPLES_MAX of ascending time."""
    assert np.diff(offsets).max(initial=0) <= CHUNK_SAMPLES_MAX, "BUG: a chunk of too many samples"
    chunks = len(offsets) - 1
    room = SAMPLE_BYTES_MAX * len(timestamps) + FIRST_BYTES_MAX * chunks + SPARE_BYTES
    out, bounds = np.empty(room, np.uint8), np.zeros(chunks + 1, np.int64)
    bits = np.ascontiguousarray(values).view(np.uint64)
    write_floats(offsets, np.ascontiguousarray(timestamps), bits, out, bounds)
    return out[: bounds[-1]], bounds
