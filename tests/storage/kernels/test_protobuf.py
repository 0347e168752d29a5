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
def read(buffer: Bytes, start: int, end: int) -> tuple[np.uint64, np.uint64, int, int]:
    return protobuf.read_field(buffer.ctypes.data, start, end)  # type: ignore[return-value]


def field(content: bytes, start: int = 0) -> tuple[int, int, int, int]:
    """What read_field() returns of content[start:]; of a damaged field the error only."""
    found = read(array(content), start, len(content))
    return found if found[3] > 0 else damaged(-found[3])


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


def damaged(error: int) -> tuple[int, int, int, int]:
    return 0, 0, 0, -error


def plain_field(content: bytes) -> tuple[int, int, int, int]:
    """What read_field() returns of the field that begins with the first byte."""
    tag, first = plain_varint(content)
    if first < 0:
        return damaged(-first)
    if not 1 <= tag >> 3 < 1 << 29:
        return damaged(protobuf.FIELD_NUMBER)
    number, size = plain_varint(content[first:])
    rest = len(content) - first
    match tag & 7:
        case 0:
            return (tag, number, first, first + size) if size > 0 else damaged(-size)
        case 2 if size < 0:
            return damaged(-size)
        case 2:
            begin = first + size
            fits = number <= len(content) - begin
            return (tag, 0, begin, begin + number) if fits else damaged(protobuf.LENGTH_TOO_LARGE)
        case 1 if rest >= 8:
            word = int.from_bytes(content[first : first + 8], "little")
            return tag, word, first, first + 8
        case 5 if rest >= 4:
            return tag, 0, first, first + 4
        case 1 | 5:
            return damaged(protobuf.TRUNCATED)
    return damaged(protobuf.WRONG_WIRE_TYPE)


def tag_bytes(number: int, wire_type: int) -> bytes:
    tag = number << 3 | wire_type
    return bytes(
        tag >> shift & 0x7F | (0x80 if tag >> shift + 7 else 0)
        for shift in range(0, max(tag.bit_length(), 1), 7)
    )


TAGS = st.builds(tag_bytes, st.integers(0, 40) | st.integers(0, 1 << 30), st.integers(0, 7))
VALUES = st.binary(max_size=16) | st.lists(st.integers(126, 130), max_size=12).map(bytes)


@given(st.binary(max_size=24) | st.builds(bytes.__add__, TAGS, VALUES))
def test_any_bytes_are_read_as_by_the_twin(content: bytes) -> None:
    assert field(content) == plain_field(content)


@given(st.builds(bytes.__add__, TAGS, VALUES), st.integers(1, 9))
def test_places_are_those_of_the_buffer(content: bytes, start: int) -> None:
    tag, word, first, after = plain_field(content)
    moved = (tag, word, first + start, after + start) if after > 0 else damaged(-after)
    assert field(b"\x0a" * start + content, start) == moved


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x08\x96\x01rest", (0x08, 150, 1, 3)),
        (b"\x11\x01\x00\x00\x00\x00\x00\x00\x80rest", (0x11, (1 << 63) + 1, 1, 9)),
        (b"\x1a\x02abrest", (0x1A, 0, 2, 4)),
        (b"\x1a\x00", (0x1A, 0, 2, 2)),
        (b"\x25abcdrest", (0x25, 0, 1, 5)),
        # A tag in more bytes than it needs is the same tag.
        (b"\x88\x80\x00\x05", (0x08, 5, 3, 4)),
        (b"\xff\xff\xff\xff\x0f", damaged(protobuf.WRONG_WIRE_TYPE)),
        (b"\xf8\xff\xff\xff\x0f\x07", ((1 << 32) - 8, 7, 5, 6)),  # the last field number
        (b"\x80\x80\x80\x80\x10\x07", damaged(protobuf.FIELD_NUMBER)),
        (b"\x00\x07", damaged(protobuf.FIELD_NUMBER)),
        (b"\x07\x07", damaged(protobuf.FIELD_NUMBER)),
        (b"\x0b", damaged(protobuf.WRONG_WIRE_TYPE)),
        (b"\x0c", damaged(protobuf.WRONG_WIRE_TYPE)),
        (b"\x0e\x01", damaged(protobuf.WRONG_WIRE_TYPE)),
        (b"", damaged(protobuf.TRUNCATED)),
        (b"\x80", damaged(protobuf.TRUNCATED)),
        (b"\x08", damaged(protobuf.TRUNCATED)),
        (b"\x09abcdefg", damaged(protobuf.TRUNCATED)),
        (b"\x0d123", damaged(protobuf.TRUNCATED)),
        (b"\x0a", damaged(protobuf.TRUNCATED)),
        (b"\x0a\x01", damaged(protobuf.LENGTH_TOO_LARGE)),
        (b"\x08" + b"\xff" * 9 + b"\x02", damaged(protobuf.VARINT_TOO_LONG)),
    ],
)
def test_the_field_at_a_place(content: bytes, expected: tuple[int, int, int, int]) -> None:
    assert field(content) == expected
    assert plain_field(content) == expected


def test_tags_have_number_and_wire_type_in_one() -> None:
    assert [int(protobuf.tag_of(n, protobuf.LENGTH)) for n in (1, 16, (1 << 29) - 1)] == [
        0x0A,
        0x82,
        (1 << 32) - 6,
    ]
    # Without a wire type, behind all of the fields before and before all of its own.
    assert protobuf.tag_of(4, protobuf.FIXED32) < protobuf.tag_of(5) == 40


@pytest.mark.parametrize(
    ("tag", "wanted", "expected"),
    [
        (0x0A, 0x0A, False),
        (0x08, 0x0A, True),
        (0x0F, 0x0A, True),
        (0x12, 0x0A, False),
        (0x0A, 0x12, False),
        (0x1_0000_000A, 0x0A, False),
        ((1 << 64) - 1, 0x0A, False),
    ],
)
def test_a_mistyped_tag_is_of_the_field_wanted(tag: int, wanted: int, expected: bool) -> None:
    assert bool(protobuf.is_mistyped(np.uint64(tag), np.uint64(wanted))) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # 2^64 - 1 bytes
        b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",  # 2^63 bytes
        b"\x0a\xff\xff\xff\xff\x07ab",  # 2^31 - 1 bytes
    ],
)
def test_enormous_lengths_do_not_overflow(content: bytes) -> None:
    assert field(content) == damaged(protobuf.LENGTH_TOO_LARGE)
