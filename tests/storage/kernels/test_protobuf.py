"""The parts that read the wire format, each in a kernel of its own, against the plain reader."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.kernels import protobuf
from storage.kernels.arrays import Bytes
from storage.kernels.jit import kernel


@kernel
def varint(buffer: Bytes, start: int, end: int) -> tuple[np.uint64, int]:
    return protobuf.read_varint(buffer.ctypes.data, start, end)  # type: ignore[return-value]


@kernel
def field(buffer: Bytes, start: int, end: int) -> tuple[np.uint64, np.uint64, int]:
    """(number, wire type, place behind the whole field or minus the error)."""
    number, wire_type, place = protobuf.read_tag(buffer.ctypes.data, start, end)
    if place >= 0:
        place = protobuf.skip_field(buffer.ctypes.data, place, end, wire_type)
    return number, wire_type, np.int64(place)  # type: ignore[return-value]


def array(content: bytes) -> Bytes:
    """With 0xff behind, which must never be read."""
    return np.frombuffer(content + b"\xff" * 16, np.uint8)


def plain_varint(content: bytes) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(content):
        if place == 9 and byte > 1:
            return 0, -protobuf.VARINT_TOO_LONG
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, place + 1
    return 0, -protobuf.TRUNCATED


@given(st.binary(max_size=12) | st.lists(st.integers(128, 255), max_size=12).map(bytes))
def test_varints(content: bytes) -> None:
    assert varint(array(content), 0, len(content)) == plain_varint(content)


def plain_field(content: bytes) -> tuple[int, int, int]:
    tag, place = plain_varint(content)
    if place < 0:
        return 0, 0, place
    number, wire_type = tag >> 3, tag & 7
    if not 1 <= number < 1 << 29:
        return 0, 0, -protobuf.FIELD_NUMBER
    if wire_type == 0:
        _, after = plain_varint(content[place:])
        return number, wire_type, after if after < 0 else place + after
    if wire_type in (1, 5):
        after = place + (8 if wire_type == 1 else 4)
        fits = after <= len(content)
        return number, wire_type, after if fits else -protobuf.TRUNCATED
    if wire_type == 2:
        length, after = plain_varint(content[place:])
        if after < 0:
            return number, wire_type, after
        end = place + after + length
        return number, wire_type, end if end <= len(content) else -protobuf.LENGTH_TOO_LARGE
    return number, wire_type, -protobuf.WRONG_WIRE_TYPE


@given(st.binary(max_size=16))
def test_fields(content: bytes) -> None:
    assert field(array(content), 0, len(content)) == plain_field(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # 2^64 - 1 bytes
        b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",  # 2^63 bytes
        b"\x0a\xff\xff\xff\xff\x07ab",  # 2^31 - 1 bytes
    ],
)
def test_enormous_lengths_do_not_overflow(content: bytes) -> None:
    assert field(array(content), 0, len(content))[2] == -protobuf.LENGTH_TOO_LARGE
