"""The readers of histogram messages: every field against the plain-Python twin, and every error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.wire.histogram_fields import (
    COUNT_FLOAT,
    COUNT_INT,
    CUSTOM_VALUES,
    ENTRIES,
    IS_FLOAT,
    NEGATIVE_SPANS,
    POSITIVE_COUNTS,
    RESET_HINT,
    START_TIMESTAMP,
    TIMESTAMP,
    WORDS,
    ZERO_COUNT_FLOAT,
    ZERO_IS_FLOAT,
    read_repeated,
    read_scalars,
)
from receiver.wire.scan import LENGTH_TOO_LARGE, SCANNED, TRUNCATED, WRONG_WIRE_TYPE
from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.kernels.jit import kernel
from tests.makers.bodies.rich import WireHistogram, encode_histogram
from tests.twins.wire import histograms as naive_histograms
from tests.twins.wire.v1 import WireError, encode_varint, message, tag

REPEATED = [*range(NEGATIVE_SPANS, POSITIVE_COUNTS + 1), CUSTOM_VALUES]
PLAIN = [*range(COUNT_INT, NEGATIVE_SPANS), RESET_HINT, TIMESTAMP, START_TIMESTAMP]
GUARD = b"\xff" * 16

compiled = settings(deadline=None)


def scan(content: bytes) -> tuple[int, int, list[int]]:
    """(error or SCANNED, its place in the message, words) of a message between guards."""
    buffer = np.frombuffer(GUARD + content + GUARD, np.uint8)
    places = np.array([[0, len(GUARD), len(GUARD) + len(content)]])
    words = np.full((1, WORDS), 99, np.uint64)
    error, place = read_scalars(buffer, places, words)
    return int(error), int(place) - len(GUARD) if error else 0, words[0].tolist()


def plain_words(content: bytes) -> list[int]:
    """What the twin reads, in the form of a row of read_scalars()."""
    found = naive_histograms.read(content, 0, len(content))
    words = [0] * WORDS
    for number in PLAIN:
        last = found.get(number, [0])[-1]
        assert isinstance(last, int), f"field {number}"
        words[number] = last
    for number in REPEATED:
        words[ENTRIES + number - NEGATIVE_SPANS] = len(found.get(number, []))
    words[IS_FLOAT] = int(found[0][0] == COUNT_FLOAT)
    words[ZERO_IS_FLOAT] = int(found[0][1] == ZERO_COUNT_FLOAT)
    return words


NUMBERS = st.sampled_from([*PLAIN, *REPEATED, 18, 40])
VALUES = st.one_of(
    st.binary(max_size=9),
    st.binary(min_size=8, max_size=8),
    st.lists(st.integers(0, 300), max_size=4).map(lambda x: b"".join(map(encode_varint, x))),
)
FIELDS = st.one_of(
    st.builds(lambda n, v: tag(n, 0) + encode_varint(v), NUMBERS, st.integers(0, (1 << 64) - 1)),
    st.builds(lambda n, v: tag(n, 1) + v, NUMBERS, st.binary(min_size=8, max_size=8)),
    st.builds(message, NUMBERS, VALUES),
    st.builds(lambda v: message(8, tag(1, 0) + v), VALUES),
)


@compiled
@given(st.lists(FIELDS, max_size=4).map(b"".join) | st.binary(max_size=40))
def test_fields_are_read_as_by_the_twin(content: bytes) -> None:
    error, _, words = scan(content)
    try:
        expected = plain_words(content)
    except WireError:
        assert error != SCANNED
    else:
        assert (error, words) == (SCANNED, expected)


@pytest.mark.parametrize("number", PLAIN)
def test_a_plain_field_keeps_its_last_value(number: int) -> None:
    fixed = naive_histograms.PLAIN[number] == 1
    values = [(7).to_bytes(8, "little") if fixed else b"\x07", bytes(8) if fixed else b"\x00"]
    first, last = (tag(number, int(fixed)) + value for value in values)
    assert scan(last + first)[2][number] == 7
    assert scan(first + last)[2][number] == 0


@pytest.mark.parametrize(
    ("number", "packed", "single"),
    [
        (9, b"\x01\x80\x01\x03", tag(9, 0) + b"\x80\x01"),
        (12, b"\x01\x02\x03", tag(12, 0) + b"\x01"),
        (10, bytes(24), tag(10, 1) + bytes(8)),
        (13, bytes(24), tag(13, 1) + bytes(8)),
        (16, bytes(24), tag(16, 1) + bytes(8)),
    ],
)
def test_repeated_numbers_are_counted_packed_and_one_by_one(
    number: int, packed: bytes, single: bytes
) -> None:
    words = scan(message(number, packed) + single + message(number, b"") + single)[2]
    assert words[ENTRIES + number - NEGATIVE_SPANS] == 5
    assert sum(words) == 5


SPAN = tag(1, 0) + b"\x02" + tag(2, 0) + b"\x01"
SOUND = message(8, SPAN)


@pytest.mark.parametrize(
    ("content", "error", "place"),
    [
        (b"", SCANNED, 0),
        (SOUND, SCANNED, 0),
        (message(8, b""), SCANNED, 0),
        (message(11, SPAN + message(3, b"x") + tag(4, 5) + bytes(4)), SCANNED, 0),
        (message(18, b"x") + tag(400, 0) + b"\x01", SCANNED, 0),
        (SOUND + tag(8, 0) + b"\x01", WRONG_WIRE_TYPE, len(SOUND)),
        (SOUND + message(8, message(1, b"")), WRONG_WIRE_TYPE, len(SOUND)),
        (SOUND + message(11, tag(2, 5) + bytes(4)), WRONG_WIRE_TYPE, len(SOUND)),
        (SOUND + message(11, tag(3, 3)), WRONG_WIRE_TYPE, len(SOUND)),
        (SOUND + message(11, tag(1, 0)), TRUNCATED, len(SOUND)),
        (SOUND + message(11, tag(3, 2) + b"\x01"), LENGTH_TOO_LARGE, len(SOUND)),
        (tag(9, 1) + bytes(8), WRONG_WIRE_TYPE, 0),
        (tag(10, 0) + b"\x01", WRONG_WIRE_TYPE, 0),
        (tag(16, 5) + bytes(4), WRONG_WIRE_TYPE, 0),
        (message(9, b"\x01\x80"), TRUNCATED, 0),
        (message(10, bytes(9)), TRUNCATED, 0),
        (message(16, bytes(7)), TRUNCATED, 0),
        (message(1, b"\x01"), WRONG_WIRE_TYPE, 0),
        (SOUND + tag(3, 0) + b"\x01", WRONG_WIRE_TYPE, len(SOUND)),
        (tag(15, 1) + bytes(8), WRONG_WIRE_TYPE, 0),
        (tag(3, 1) + bytes(7), TRUNCATED, 0),
        # What is damaged is refused as that, also where it has a wrong wire type.
        (tag(3, 0) + b"\x80", TRUNCATED, 0),
        (tag(1, 2) + b"\x01", LENGTH_TOO_LARGE, 0),
        (tag(18, 2) + b"\x01", LENGTH_TOO_LARGE, 0),
    ],
)
def test_an_error_is_at_the_field_of_the_histogram(content: bytes, error: int, place: int) -> None:
    assert scan(content)[:2] == (error, place)


@kernel
def repeated(
    buffer: Bytes,
    start: int,
    end: int,
    is_float: bool,
    spans: Int64s,
    counts: UInt64s,
    bounds: UInt64s,
    found: Int64s,
) -> None:
    read_repeated(buffer.ctypes.data, start, end, is_float, spans, counts, bounds, found)


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize("is_float", [False, True])
def test_repeated_fields_are_read_by_side_and_kind(is_float: bool, unpacked: bool) -> None:
    one = WireHistogram(
        negative_spans=[(-7, 1), (0, 2)],
        negative=[5, -3, 9],
        positive_spans=[((1 << 31) - 1, 1)],
        positive=[70],
        custom_values=[1.0, 2.5],
        is_float=is_float,
    )
    content = encode_histogram(one, unpacked=unpacked)
    buffer = np.frombuffer(GUARD + content + GUARD, np.uint8)
    spans, counts = np.zeros((2, 4, 2), np.int64), np.zeros((2, 4), np.uint64)
    bounds, found = np.zeros(4, np.uint64), np.full(5, 9)
    end = len(GUARD) + len(content)
    repeated(buffer, len(GUARD), end, is_float, spans, counts, bounds, found)
    assert found.tolist() == [2, 3, 1, 1, 2]
    assert spans[0, :2].tolist() == [[-7, 1], [0, 2]]
    assert spans[1, :1].tolist() == [[(1 << 31) - 1, 1]]
    numbers = counts.view(np.float64 if is_float else np.int64)
    assert numbers[0].tolist() == [5, -3, 9, 0]
    assert numbers[1].tolist() == [70, 0, 0, 0]
    assert bounds.view(np.float64).tolist() == [1.0, 2.5, 0.0, 0.0]
    # Numbers of the other kind are passed over.
    repeated(buffer, len(GUARD), end, not is_float, spans, counts, bounds, found)
    assert found.tolist() == [2, 0, 1, 0, 2]
