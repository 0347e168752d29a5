"""The protobuf wire format, as parts of kernels: varints and whole fields.

Shared by the scanners of request bodies and the readers of label messages. A message is read field
by field, and what to do with one is decided by its tag, field number and wire type in one:

    VALUE, TIMESTAMP, KNOWN_END = tag_of(1, FIXED64), tag_of(2, VARINT), tag_of(3)
    while place < end:
        tag, word, first, after = read_field(base, place, end)
        if after < 0:
            return -after, place
        if tag == VALUE:
            bits = word
        elif tag == TIMESTAMP:
            timestamp = word
        elif tag < KNOWN_END:
            return WRONG_WIRE_TYPE, place
        place = after

Bytes are read at an address plus a place; errors come back as negative places, so that a hot loop
has one comparison for both.

Invariants:
* No byte at or behind `end` is read: a length is compared, unsigned, with what is left before it is
  used, and a varint ends with its message or after 10 bytes.
* Group wire types and field numbers outside 1..2^29-1 are refused.
* What is damaged is refused before a wire type that the field cannot have: a scanner looks at
  `after` first, because the rest says nothing of a damaged field.
"""

import numpy as np

from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_byte, load_word

# Errors; a place < 0 is minus one of them.
TRUNCATED = 1
VARINT_TOO_LONG = 2
WRONG_WIRE_TYPE = 3
LENGTH_TOO_LARGE = 4
FIELD_NUMBER = 5

VARINT, FIXED64, LENGTH, FIXED32 = (np.uint64(number) for number in (0, 1, 2, 5))
TYPE_BITS = np.uint64(3)
TYPE_MASK = np.uint64(7)
FIELD_NUMBER_MAX = (1 << 29) - 1


def tag_of(number: int, wire_type: np.uint64 = VARINT) -> np.uint64:
    """The tag of a field. Without a wire type, the least one that the field number can have."""
    return np.uint64(number << 3 | int(wire_type))


TAG_MIN, TAG_END = tag_of(1), tag_of(FIELD_NUMBER_MAX + 1)


@kernel_part
def read_varint(base: Place, start: Place, end: Place) -> tuple[np.uint64, Place]:
    """A varint and the place behind it, or (0, minus the error)."""
    if start >= end:
        return np.uint64(0), -TRUNCATED
    value = load_byte(base, start)
    if value < np.uint64(0x80):
        return value, start + 1
    value &= np.uint64(0x7F)
    shift = np.uint64(7)
    for place in range(start + 1, end):
        byte = load_byte(base, place)
        if shift == np.uint64(63) and byte > np.uint64(1):
            return np.uint64(0), -VARINT_TOO_LONG
        value |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            return value, place + 1
        shift += np.uint64(7)
    return np.uint64(0), -TRUNCATED


@kernel_part
def read_value(
    base: Place, start: Place, end: Place, wire_type: np.uint64
) -> tuple[np.uint64, Place, Place]:
    """(word, first place, place behind) of a value, as read_field() returns them."""
    word = np.uint64(0)
    if wire_type == LENGTH:
        length, first = read_varint(base, start, end)
        if first < 0:
            return word, first, first
        if length > np.uint64(end - first):
            return word, first, -LENGTH_TOO_LARGE
        return word, first, first + np.int64(length)
    if wire_type == VARINT:
        word, after = read_varint(base, start, end)
        return word, start, after
    if wire_type == FIXED64:
        if end - start < 8:
            return word, start, -TRUNCATED
        return load_word(base, start), start, start + 8
    if wire_type == FIXED32:
        return word, start, start + 4 if end - start >= 4 else -TRUNCATED
    return word, start, -WRONG_WIRE_TYPE


@kernel_part
def read_field(base: Place, start: Place, end: Place) -> tuple[np.uint64, np.uint64, Place, Place]:
    """(tag, word, first place of the value, place behind it or minus the error) of the field at
    start.

    word: the varint or the fixed 64 bits, otherwise 0. The value of a length-delimited field is its
    content, without the length.
    """
    tag, first = read_varint(base, start, end)
    if first > 0 and (tag < TAG_MIN or tag >= TAG_END):
        first = -FIELD_NUMBER
    if first < 0:
        return np.uint64(0), np.uint64(0), start, first
    word, first, after = read_value(base, first, end, tag & TYPE_MASK)
    return tag, word, first, after


@kernel_part
def is_mistyped(tag: np.uint64, wanted: np.uint64) -> bool | np.bool:
    """Whether a tag has the field number of the tag `wanted`, but another wire type."""
    return tag != wanted and tag ^ wanted <= TYPE_MASK
