"""Messages in Thrift's compact protocol are read as a slow reader of them reads them."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.thrift import DAMAGED, DEPTH_MAX, FIELDS, gather_entries, read_message

# (kind, value): numbers, texts, lists of a kind, structs as (field, kind, value)
Value = tuple[int, Any]


def zigzag(number: int) -> bytes:
    return varint((number << 1) ^ (number >> 63))


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def written(kind: int, value: Any) -> bytes:
    match kind:
        case 1 | 2:
            return b""
        case 3:
            return bytes([value])
        case 4 | 5 | 6:
            return zigzag(value)
        case 7:
            return bytes(8)
        case 8:
            return varint(len(value)) + value
        case 9:
            element, items = value
            size = len(items)
            head = bytes([size << 4 | element]) if size < 15 else bytes([0xF0 | element])
            count = b"" if size < 15 else varint(size)
            inner = [bytes([item]) if element == 1 else written(element, item) for item in items]
            return head + count + b"".join(inner)
    return struct(value)


def struct(fields: list[tuple[int, int, Any]]) -> bytes:
    out, last = b"", 0
    for field, kind, value in fields:
        jump = field - last
        out += bytes([jump << 4 | kind]) if 0 < jump < 16 else bytes([kind]) + zigzag(field)
        out += written(kind, value)
        last = field
    return out + b"\0"


def expected(fields: list[tuple[int, int, Any]], place: int = 0) -> list[tuple[int, int]]:
    """(place, number) of each entry, in order."""
    found = []
    for field, kind, value in fields:
        found += entries(place * FIELDS + field, kind, value)
    return found


def entries(place: int, kind: int, value: Any) -> list[tuple[int, int]]:
    match kind:
        case 1 | 2:
            return [(place, int(kind == 1))]
        case 7:
            return [(place, 0)]
        case 8:
            return [(place, len(value))]
        case 9:
            element, items = value
            if element == 1:
                return [(place, len(items)), *((place, int(item == 1)) for item in items)]
            inner = [entry for item in items for entry in entries(place, element, item)]
            return [(place, len(items)), *inner]
        case 12:
            return [(place, 0), *expected(value, place)]
    return [(place, value)]


INT64 = st.integers(-(2**63), 2**63 - 1)
SCALARS = {
    1: st.none(),
    2: st.none(),
    3: st.integers(0, 255),
    5: st.integers(-(2**31), 2**31 - 1),
    6: INT64,
    7: st.none(),
    8: st.binary(max_size=20),
}


def fields_of(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[list[tuple[int, int, Any]]]:
    numbered = st.tuples(st.integers(1, FIELDS - 1), inner)
    unique = st.lists(numbered, max_size=6, unique_by=lambda entry: entry[0])
    return unique.map(lambda found: [(f, *value) for f, value in sorted(found)])


def lists_of(structs: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    booleans = st.lists(st.sampled_from([1, 2]), max_size=20).map(lambda items: (1, items))
    numbers = st.lists(INT64, max_size=20).map(lambda items: (6, items))
    texts = st.lists(st.binary(max_size=3), max_size=3).map(lambda items: (8, items))
    return st.one_of(booleans, numbers, texts, st.lists(structs, max_size=3).map(lambda s: (12, s)))


def deeper(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    structs = fields_of(inner)
    return st.one_of(
        structs.map(lambda found: (12, found)), lists_of(structs).map(lambda found: (9, found))
    )


SCALAR = st.one_of(*(values.map(lambda v, k=kind: (k, v)) for kind, values in SCALARS.items()))  # type: ignore[misc]
MESSAGES = fields_of(st.recursive(SCALAR, deeper, max_leaves=12))


def read(data: bytes, size: int = 1000) -> tuple[list[tuple[int, int]], list[int], int]:
    found = np.empty((size, 3), np.int64)
    count, end = read_message(np.frombuffer(data, np.uint8), 0, len(data), found)
    kept = found[: min(count, size)].tolist()
    return [(place, number) for place, number, _ in kept], [at for *_, at in kept], end


@settings(max_examples=200, deadline=None)
@given(MESSAGES, st.binary(max_size=3))
def test_messages_are_read(fields: list[tuple[int, int, Any]], behind: bytes) -> None:
    data = struct(fields)
    found, _, end = read(data + behind)
    assert found == expected(fields)
    assert end == len(data)


def test_texts_are_found_where_they_are() -> None:
    data = struct([(3, 8, b"name"), (4, 12, [(2, 8, b"inner")])])
    found, places, _ = read(data)
    texts = [data[at : at + size] for (_, size), at in zip(found, places, strict=True)]
    assert (texts[0], texts[2]) == (b"name", b"inner")


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.randoms())
def test_damage_is_never_read_beyond(
    fields: list[tuple[int, int, Any]], draw: random.Random
) -> None:
    data = bytearray(struct(fields))
    cut = draw.randrange(len(data))
    assert read(bytes(data[:cut]))[2] == DAMAGED
    data[cut] = draw.randrange(256)
    assert read(bytes(data))[2] <= len(data)


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"\x1c" * (DEPTH_MAX - 1) + b"\0" * DEPTH_MAX, 2 * DEPTH_MAX - 1),
        (b"\x1c" * DEPTH_MAX + b"\0" * (DEPTH_MAX + 1), DAMAGED),
        (b"\x16" + b"\xff" * 10 + b"\x01\0", DAMAGED),
        (b"\x19\xfc\xff\xff\xff\xff\x0f\0", DAMAGED),
        (b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0", DAMAGED),
        (b"\x1e\0", DAMAGED),
    ],
    ids=["deep", "too deep", "endless number", "long list", "long text", "unknown kind"],
)
def test_limits(data: bytes, end: int) -> None:
    assert read(data)[2] == end


def test_entries_that_do_not_fit_are_counted() -> None:
    data = struct([(i, 6, i) for i in range(1, 9)])
    found = np.empty((3, 3), np.int64)
    assert read_message(np.frombuffer(data, np.uint8), 0, len(data), found) == (8, len(data))


def test_entries_are_sorted_by_what_they_belong_to() -> None:
    places = [(5, 1, 10), (1, 1, 11), (7, 70, 12), (5, 2, 13), (6, 60, 14), (9, 0, 15), (5, 0, 16)]
    found = np.array(places, np.int64)
    out = np.full((3, 2, 2), -1, np.int64)
    assert gather_entries(found, 5, np.array([6, 7]), out) == 3
    assert out.tolist() == [[[-1, -1], [70, 12]], [[60, 14], [-1, -1]], [[-1, -1], [-1, -1]]]
    assert gather_entries(found, 5, np.array([6, 7]), out[:1]) == 3
