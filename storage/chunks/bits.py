"""Streams of bits, the highest bit of a byte first, as parts of kernels.

A stream is an address and a place in bits. Reading looks at a word of 64 bits at once, and so at
bytes behind the place; the reader compares the place with the end of its chunk after each group of
numbers whose bits together are fewer than those of SPARE_BYTES.

    prefix   bits of a number of variable length that follow
    0        0, and the number is 0
    10       3     110       6     1110      9     11110     12
    111110   18    1111110   25    11111110  56    11111111  64

A signed number of n bits is in -(2 ** (n - 1) - 1) to 2 ** (n - 1).

Invariants:
* Behind the last chunk of a buffer are SPARE_BYTES, whatever is in them.
* A place never goes back, and grows by at most 72 bits for each number.
"""

import numpy as np

from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_byte, load_word, store_word, swap_bytes

# More than the bits of a sample of floats, and of the word looked at behind them.
SPARE_BYTES = 40
WORD_BITS = 64
# Bits of a number of variable length by the count of ones in its prefix.
LENGTHS = np.array([0, 3, 6, 9, 12, 18, 25, 56, 64], np.int64)
PREFIX_ONES_MAX = 8
VARINT_BYTES_MAX = 10
# At most as many bits go into one word, whatever bit of a byte they begin at.
WRITTEN_BITS_MAX = 56


@kernel_part
def peek(base: Place, place: Place) -> np.uint64:
    """The 64 bits from `place` on."""
    byte = place >> 3
    shift = np.uint64(place & 7)
    word = swap_bytes(load_word(base, byte))
    return (word << shift) | (load_byte(base, byte + 8) >> (np.uint64(8) - shift))


@kernel_part
def read_bits(base: Place, place: Place, count: Place) -> np.uint64:
    """The next 1 to 64 bits, as a number."""
    return peek(base, place) >> np.uint64(WORD_BITS - count)


@kernel_part
def signed(bits: np.uint64, count: Place) -> np.int64:
    """The number that these bits are, if they may be negative."""
    if count < WORD_BITS and bits > np.uint64(1) << np.uint64(count - 1):
        return np.int64(bits) - (np.int64(1) << np.int64(count))
    return np.int64(bits)


@kernel_part
def read_prefix(base: Place, place: Place) -> tuple[Place, Place]:
    """(bits of the number of variable length, the place of the first of them)."""
    word = peek(base, place)
    ones = np.int64(0)
    while ones < PREFIX_ONES_MAX and (word >> np.uint64(63 - ones)) & np.uint64(1):
        ones += 1
    bits = ones + 1 if ones < PREFIX_ONES_MAX else ones
    return LENGTHS[ones], place + bits


@kernel_part
def read_unsigned(base: Place, place: Place) -> tuple[np.uint64, Place]:
    """A number of variable length that is not negative, and the place behind it."""
    count, first = read_prefix(base, place)
    if count == 0:
        return np.uint64(0), first
    return read_bits(base, first, count), first + count


@kernel_part
def read_signed(base: Place, place: Place) -> tuple[np.int64, Place]:
    """A number of variable length, and the place behind it."""
    count, first = read_prefix(base, place)
    if count == 0:
        return np.int64(0), first
    return signed(read_bits(base, first, count), count), first + count


@kernel_part
def read_varint(base: Place, place: Place, end: Place) -> tuple[np.uint64, Place]:
    """A varint of bytes, the lowest seven bits first, and the place behind it; (0, -1) if it does
    not end before `end` or within VARINT_BYTES_MAX."""
    value = np.uint64(0)
    shift = np.uint64(0)
    at = place
    for _ in range(VARINT_BYTES_MAX):
        if at + 8 > end:
            break
        byte = read_bits(base, at, 8)
        at += 8
        value |= (byte & np.uint64(0x7F)) << shift
        shift += np.uint64(7)
        if byte < np.uint64(0x80):
            return value, at
    return np.uint64(0), np.int64(-1)


@kernel_part
def zigzag(word: np.uint64) -> np.int64:
    """The signed number that a varint stands for."""
    return np.int64(word >> np.uint64(1)) ^ -np.int64(word & np.uint64(1))


@kernel_part
def zigzagged(number: np.int64) -> np.uint64:
    """The reverse of zigzag()."""
    return np.uint64((number << np.int64(1)) ^ (number >> np.int64(63)))


@kernel_part
def put(base: Place, place: Place, bits: np.uint64, count: Place) -> Place:
    """Write the lowest `count` of the bits, at most WRITTEN_BITS_MAX, where all bits are 0 so far;
    the place behind them."""
    if count == 0:
        return place
    byte = place >> 3
    shifted = (bits << np.uint64(WORD_BITS - count)) >> np.uint64(place & 7)
    store_word(base, byte, load_word(base, byte) | swap_bytes(shifted))
    return place + count


@kernel_part
def put_word(base: Place, place: Place, bits: np.uint64, count: Place) -> Place:
    """Like put(), of up to 64 bits."""
    if count <= 32:
        return put(base, place, bits, count)
    middle = put(base, place, bits >> np.uint64(32), count - 32)
    return put(base, middle, bits & np.uint64(0xFFFFFFFF), 32)


@kernel_part
def put_prefixed(base: Place, place: Place, bits: np.uint64, ones: Place) -> Place:
    """Write a number of variable length with so many ones in its prefix; the place behind it."""
    prefix = (np.uint64(1) << np.uint64(ones)) - np.uint64(1)
    if ones < PREFIX_ONES_MAX:
        place = put(base, place, prefix << np.uint64(1), ones + 1)
    else:
        place = put(base, place, prefix, ones)
    return put_word(base, place, bits, LENGTHS[ones])


@kernel_part
def put_unsigned(base: Place, place: Place, value: np.uint64) -> Place:
    """Write a number of variable length that is not negative; the place behind it."""
    ones = np.int64(0)
    while ones < PREFIX_ONES_MAX and value >> np.uint64(LENGTHS[ones]) != np.uint64(0):
        ones += 1
    return put_prefixed(base, place, value, ones)


@kernel_part
def fits(value: np.int64, count: Place) -> bool | np.bool:
    """Whether a number can be written as a signed one of so many bits, 0 being one of none."""
    if count == 0:
        return bool(value == 0)
    if count >= WORD_BITS:
        return True
    half = np.int64(1) << np.int64(count - 1)
    return -half < value <= half


@kernel_part
def put_signed(base: Place, place: Place, value: np.int64) -> Place:
    """Write a number of variable length; the place behind it."""
    ones = np.int64(0)
    while not fits(value, LENGTHS[ones]):
        ones += 1
    return put_prefixed(base, place, np.uint64(value), ones)
