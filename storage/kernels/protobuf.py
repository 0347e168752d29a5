"""The protobuf wire format, as parts of kernels: tags, varints, lengths and fields to skip.

Shared by the scanner of request bodies and the reader of label messages. Bytes are read at an
address plus a place; errors come back as negative places, so that a hot loop has one comparison for
both.

Invariants:
* No byte at or behind `end` is read: a length is compared, unsigned, with what is left before it is
  used, and a varint ends with its message or after 10 bytes.
* Group wire types and field numbers outside 1..2^29-1 are refused.
"""

import numpy as np

from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_byte

# Errors; a place < 0 is minus one of them.
TRUNCATED = 1
VARINT_TOO_LONG = 2
WRONG_WIRE_TYPE = 3
LENGTH_TOO_LARGE = 4
FIELD_NUMBER = 5

VARINT, FIXED64, LENGTH, FIXED32 = (np.uint64(number) for number in (0, 1, 2, 5))
FIELD_NUMBER_MAX = np.uint64((1 << 29) - 1)


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
def read_tag(base: Place, start: Place, end: Place) -> tuple[np.uint64, np.uint64, Place]:
    """(field number, wire type, place behind) of a tag, or (0, 0, minus the error)."""
    tag, place = read_varint(base, start, end)
    if place < 0:
        return np.uint64(0), np.uint64(0), place
    number = tag >> np.uint64(3)
    if number == np.uint64(0) or number > FIELD_NUMBER_MAX:
        return np.uint64(0), np.uint64(0), -FIELD_NUMBER
    return number, tag & np.uint64(7), place


@kernel_part
def read_length(base: Place, start: Place, end: Place) -> tuple[Place, Place]:
    """(first place, end) of what a length prefix announces, or (0, minus the error)."""
    length, place = read_varint(base, start, end)
    if place < 0:
        return 0, place
    if length > np.uint64(end - place):
        return 0, -LENGTH_TOO_LARGE
    return place, place + np.int64(length)


@kernel_part
def skip_field(base: Place, start: Place, end: Place, wire_type: np.uint64) -> Place:
    """The place behind a field's value, or minus the error."""
    if wire_type == LENGTH:
        return read_length(base, start, end)[1]
    if wire_type == VARINT:
        return read_varint(base, start, end)[1]
    if wire_type == FIXED64:
        return start + 8 if end - start >= 8 else -TRUNCATED
    if wire_type == FIXED32:
        return start + 4 if end - start >= 4 else -TRUNCATED
    return -WRONG_WIRE_TYPE
