"""Protobuf messages taken apart and put together in Python, field by field, for rare work.

What is done for every request is a kernel (receiver/wire.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from receiver.errors import CorruptBody


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
        tag, first = varint(body, at, end)
        wire_type, after = tag & 7, first
        if wire_type == 0:
            _, after = varint(body, first, end)
        elif wire_type == 2:
            length, first = varint(body, first, end)
            after = first + length
        else:
            after = first + (8 if wire_type == 1 else 4)
        if after > end:
            raise CorruptBody(f"corrupt body at byte {at}: a field longer than its message")
        yield Field(tag >> 3, wire_type, at, first, after)
        at = after


def varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at a place, and the place behind it. Raises CorruptBody."""
    value = 0
    for k, byte in enumerate(body[at : min(end, at + 10)]):
        value |= (byte & 0x7F) << (7 * k)
        if byte < 0x80:
            return value, at + k + 1
    raise CorruptBody(f"corrupt body at byte {at}: a number without an end")


def encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def length_delimited(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + encode_varint(len(content)) + content
