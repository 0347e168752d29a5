"""Protobuf messages taken apart and put together in Python, field by field, for rare work.

What is done for every request is a kernel (receiver/wire/scan.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from receiver.errors import CorruptBody

SHORT_VARINTS = tuple(bytes((value,)) for value in range(0x80))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message: where it starts, where its content does, and where it ends."""

    number: int
    wire_type: int
    start: int
    first: int
    end: int


def fields(body: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of start:end. Raises CorruptBody, which a body that was decoded before never
    does."""
    at = start
    while at < end:
        tag, first = read_varint(body, at, end)
        wire_type, after = tag & 7, first
        if wire_type == 0:
            _, after = read_varint(body, first, end)
        elif wire_type == 2:
            length, first = read_varint(body, first, end)
            after = first + length
        else:
            after = first + (8 if wire_type == 1 else 4)
        if after > end:
            raise CorruptBody(f"corrupt body at byte {at}: a field longer than its message")
        yield Field(tag >> 3, wire_type, at, first, after)
        at = after


def read_varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at a place, and the place behind it. Raises CorruptBody."""
    value = 0
    for k, byte in enumerate(body[at : min(end, at + 10)]):
        value |= (byte & 0x7F) << (7 * k)
        if byte < 0x80:
            return value, at + k + 1
    raise CorruptBody(f"corrupt body at byte {at}: a number without an end")


def encode_varint(value: int) -> bytes:
    """A number as the unsigned 64-bit one of the same bits."""
    if 0 <= value < 0x80:
        return SHORT_VARINTS[value]
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def number_field(number: int, value: int) -> bytes:
    """A varint field; nothing for 0, which is what is read where it is missing."""
    return encode_varint(number << 3) + encode_varint(value) if value else b""


def message_field(number: int, content: bytes | bytearray) -> bytes:
    return encode_varint(number << 3 | 2) + encode_varint(len(content)) + content
