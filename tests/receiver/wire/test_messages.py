"""Messages field by field, against the plain twin of the wire scanner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import CorruptBody
from receiver.wire.messages import (
    encode_varint,
    fields,
    message_field,
    number_field,
    read_varint,
    zigzag,
)
from tests.makers.bodies.rich import integer
from tests.makers.bodies.rich import zigzag as naive_zigzag
from tests.twins.wire import v1 as naive

numbers = st.integers(0, (1 << 64) - 1)


@given(numbers)
def test_numbers_survive_their_encoding(value: int) -> None:
    encoded = encode_varint(value)
    assert encoded == naive.encode_varint(value)
    assert read_varint(b"x" + encoded, 1, 1 + len(encoded)) == (value, 1 + len(encoded))


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 1 << 29))
def test_signed_numbers(value: int, number: int) -> None:
    assert encode_varint(value) == naive.encode_varint(value % (1 << 64))
    assert zigzag(value) == naive_zigzag(value)
    assert number_field(number, value) == integer(number, value % (1 << 64))


contents = st.one_of(
    st.binary(max_size=200).map(lambda content: (2, content)),
    numbers.map(lambda value: (0, encode_varint(value))),
    st.binary(min_size=8, max_size=8).map(lambda content: (1, content)),
    st.binary(min_size=4, max_size=4).map(lambda content: (5, content)),
)


@given(st.lists(st.tuples(st.integers(1, 1000), contents), max_size=8))
def test_fields_are_found(written: list[tuple[int, tuple[int, bytes]]]) -> None:
    body = b"".join(
        naive.tag(number, kind) + (encode_varint(len(content)) if kind == 2 else b"") + content
        for number, (kind, content) in written
    )
    found = list(fields(body, 0, len(body)))
    assert [(f.number, f.wire_type, body[f.first : f.end]) for f in found] == [
        (number, kind, content) for number, (kind, content) in written
    ]
    assert b"".join(body[f.start : f.end] for f in found) == body


def test_a_field_of_bytes() -> None:
    assert message_field(4, b"x" * 200) == naive.message(4, b"x" * 200)


@pytest.mark.parametrize(
    "body", [b"\x0a\x05ab", b"\x0a", b"\x08\x80", b"\x08" + b"\x80" * 11, b"\x09ab"]
)
def test_what_is_cut_off_is_corrupt(body: bytes) -> None:
    with pytest.raises(CorruptBody, match="corrupt body at byte"):
        list(fields(body, 0, len(body)))
