"""The wire scanner against its plain-Python twin, on valid, damaged and hostile bodies."""

import struct

import numpy as np
import pytest
import snappy
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.wire import scan as wire
from receiver.wire.label_hash import BLOCK_BYTES, new_secret
from receiver.wire.scan import SCAN_ERRORS, SCANNED, TALLY_SIZE
from receiver.wire.v1.series import scan_write_request
from tests.shared import SHARED
from tests.twins.wire import v1 as naive_wire
from tests.twins.wire.v1 import encode_varint, label, message, sample, series, tag

# The first call compiles.
compiled = settings(deadline=None)

GUARD = 64
SECRET = new_secret()
BODIES_DIRECTORY = SHARED / "facts" / "bodies"


def scan(data: bytes, room: int = 400) -> naive_wire.Scan:
    """The kernel's result in the twin's form. The body lies between guard bytes that would be seen
    in the result if they were read as lengths."""
    padded = np.full(len(data) + 2 * GUARD, 0xFF, np.uint8)
    padded[GUARD : GUARD + len(data)] = np.frombuffer(data, np.uint8)
    buffer = padded[GUARD:]
    starts, ends = np.zeros(room, np.int64), np.zeros(room, np.int64)
    offsets = np.zeros(room + 1, np.int64)
    timestamps, bits = np.zeros(room, np.int64), np.zeros(room, np.uint64)
    tally = np.full(TALLY_SIZE, -1, np.int64)
    histograms, exemplars, metadata = (np.zeros((room, 3), np.int64) for _ in range(3))
    low, high = np.zeros(room, np.uint64), np.zeros(room, np.uint64)
    code = scan_write_request(
        buffer, len(data), starts, ends, offsets, timestamps, bits,
        histograms, exemplars, metadata, tally, SECRET, low, high,
    )  # fmt: skip
    if code != SCANNED:
        raise naive_wire.WireError(int(code), int(tally[wire.POSITION]))
    found = []
    for i in range(tally[wire.SERIES]):
        span = slice(offsets[i], offsets[i + 1])
        points = list(zip(timestamps[span].tolist(), bits[span].tolist(), strict=True))
        labels = data[starts[i] : ends[i]]
        assert (low[i], high[i]) == naive_wire.hash128(labels, SECRET.tolist(), BLOCK_BYTES)
        found.append((int(starts[i]), int(ends[i]), points))
    lists = zip(
        (exemplars, histograms, metadata),
        (wire.EXEMPLARS, wire.HISTOGRAMS, wire.METADATA),
        strict=True,
    )
    return naive_wire.Scan(found, *([(*row,) for row in x[: tally[n]].tolist()] for x, n in lists))


def outcome(function, data: bytes):
    try:
        return function(data)
    except naive_wire.WireError as error:
        return error.code, error.position


LABELS = st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=200)), max_size=4)
SAMPLES = st.lists(
    st.tuples(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, (1 << 64) - 1)), max_size=3
)
UNKNOWN = st.one_of(
    st.builds(lambda n, v: tag(n, 0) + encode_varint(v), st.integers(5, 4000), st.integers(0)),
    st.builds(lambda n, v: message(n, v), st.integers(5, 1 << 28), st.binary(max_size=5)),
    st.builds(lambda n, v: tag(n, 1) + v, st.integers(5, 99), st.binary(min_size=8, max_size=8)),
    st.builds(lambda n, v: tag(n, 5) + v, st.integers(5, 99), st.binary(min_size=4, max_size=4)),
    st.builds(lambda n, v: message(n, v), st.sampled_from([3, 4]), st.binary(max_size=3)),
)
BODIES = st.lists(
    st.one_of(
        st.builds(series, LABELS, SAMPLES, UNKNOWN),
        st.builds(lambda content: message(3, content), st.binary(max_size=4)),
        UNKNOWN,
    ),
    max_size=5,
).map(b"".join)


@compiled
@given(BODIES)
def test_valid_bodies_are_scanned_as_by_the_twin(data: bytes) -> None:
    assert outcome(scan, data) == outcome(naive_wire.scan, data)


@compiled
@given(BODIES, st.data())
def test_damaged_bodies_are_scanned_as_by_the_twin(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data or b"\x0a")
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = draw.draw(st.sampled_from([0, 1, 2, 0x0A, 0x12, 0x7F, 0x80, 0xFF]))
    assert outcome(scan, bytes(damaged)) == outcome(naive_wire.scan, bytes(damaged))


@compiled
@given(st.binary(max_size=60))
def test_any_bytes_are_scanned_as_by_the_twin(data: bytes) -> None:
    assert outcome(scan, data) == outcome(naive_wire.scan, data)


def test_a_body_cut_at_every_byte_is_scanned_as_by_the_twin() -> None:
    data = series([(b"__name__", b"up"), (b"job", b"x" * 140)], [(1, 2), (-3, 4)], message(3, b""))
    for size in range(len(data) + 1):
        assert outcome(scan, data[:size]) == outcome(naive_wire.scan, data[:size]), size


HUGE = (1 << 64) - 1
VALUE = tag(1, 1) + bytes(8)


@pytest.mark.parametrize(
    ("data", "code", "position"),
    [
        (b"\x0a", wire.TRUNCATED, 0),
        (b"\x0a" + encode_varint(HUGE), wire.LENGTH_TOO_LARGE, 0),
        (b"\x0a" + encode_varint(1 << 63), wire.LENGTH_TOO_LARGE, 0),
        (b"\x0a\x01", wire.LENGTH_TOO_LARGE, 0),
        (b"\x80" * 10 + b"\x01", wire.VARINT_TOO_LONG, 0),
        (b"\xff" * 9 + b"\x02", wire.VARINT_TOO_LONG, 0),
        (b"\xff" * 9 + b"\x01", wire.FIELD_NUMBER, 0),
        (b"\x02\x00", wire.FIELD_NUMBER, 0),
        (tag(1 << 29, 0) + b"\x00", wire.FIELD_NUMBER, 0),
        (b"\x08\x00", wire.WRONG_WIRE_TYPE, 0),
        (b"\x0b", wire.WRONG_WIRE_TYPE, 0),
        (tag(9, 3) + tag(9, 4), wire.WRONG_WIRE_TYPE, 0),
        (tag(9, 6), wire.WRONG_WIRE_TYPE, 0),
        (tag(9, 1) + b"\x00" * 7, wire.TRUNCATED, 0),
        (tag(9, 5) + b"\x00" * 3, wire.TRUNCATED, 0),
        (message(9, b"") + message(1, b"\x12\x05\x09\x00\x00\x00\x00"), wire.TRUNCATED, 6),
        (message(1, message(2, b"\x0a\x00")), wire.WRONG_WIRE_TYPE, 4),
        (message(1, message(2, b"\x11" + bytes(8))), wire.WRONG_WIRE_TYPE, 4),
        (message(1, message(2, b"\x10" + b"\xff" * 9 + b"\x7f")), wire.VARINT_TOO_LONG, 4),
        # What is damaged is refused as that, also where it has a wrong wire type.
        (b"\x08", wire.TRUNCATED, 0),
        (b"\x19" + bytes(7), wire.TRUNCATED, 0),
        (message(1, message(2, b"\x0a\x09")), wire.LENGTH_TOO_LARGE, 4),
        # Behind a value: a timestamp that ends nowhere, is too long or of a wrong wire type.
        (message(1, message(2, VALUE + b"\x10")), wire.TRUNCATED, 13),
        (message(1, message(2, VALUE + b"\x10\x80")), wire.TRUNCATED, 13),
        (message(1, message(2, VALUE + b"\x10" + b"\xff" * 11)), wire.VARINT_TOO_LONG, 13),
        (message(1, message(2, VALUE + b"\x12\x00")), wire.WRONG_WIRE_TYPE, 13),
        (message(1, message(2, VALUE + b"\x10\x05\x12\x00")), wire.WRONG_WIRE_TYPE, 15),
        (message(1, b"\x08\x00"), wire.WRONG_WIRE_TYPE, 2),
        (message(1, b"\x0a\x05ab"), wire.LENGTH_TOO_LARGE, 2),
        # The length of a label reaches beyond its series, but not beyond the body.
        (message(1, b"\x0a\x05ab") + b"\x00" * 9, wire.LENGTH_TOO_LARGE, 2),
        (message(1, b"\x0a" + encode_varint(HUGE - 3)), wire.LENGTH_TOO_LARGE, 2),
    ],
)
def test_a_hostile_body_is_refused_at_its_byte(data: bytes, code: int, position: int) -> None:
    assert outcome(scan, data) == (code, position)
    assert outcome(naive_wire.scan, data) == (code, position)
    assert code in SCAN_ERRORS


@pytest.mark.parametrize(
    ("content", "timestamp", "bits"),
    [
        (b"", 0, 0),
        (b"\x10\x05", 5, 0),
        (b"\x10\x05\x10\x06", 6, 0),
        (b"\x10" + encode_varint(-1), -1, 0),
        (b"\x10\x85\x80\x00", 5, 0),
        (b"\x09" + struct.pack("<Q", 0x7FF0000000000002), 0, 0x7FF0000000000002),
        (b"\x09" + bytes(8) + b"\x18\x07\x10\x02", 2, 0),
        (VALUE + b"\x10\x05", 5, 0),
        (b"\x10\x05" + VALUE, 5, 0),
        (VALUE + b"\x10\x05\x10\x06\x09\x07" + bytes(7), 6, 7),
        (VALUE + b"\x90\x00\x05", 5, 0),
        (VALUE + b"\x10\x05" + tag(4, 2) + b"\x01\x10", 5, 0),
    ],
)
def test_the_fields_of_a_sample(content: bytes, timestamp: int, bits: int) -> None:
    assert scan(message(1, message(2, content))).series == [(2, 2, [(timestamp, bits)])]


def test_the_label_region_is_from_the_first_to_the_last_label() -> None:
    one, two = label(b"a", b"b"), label(b"c", b"d")
    content = message(7, b"x") + one + sample(1, 2) + two + message(3, b"")
    start = 2 + len(message(7, b"x"))
    end = 2 + len(content) - len(message(3, b""))
    assert scan(message(1, content)).series == [(start, end, [(1, 2)])]


def test_columns_too_short_are_filled_and_counted_on() -> None:
    data = b"".join(series([(b"a", b"b")], [(i, i), (i, 2 * i)]) for i in range(5))
    starts, ends = np.full(4, -1, np.int64), np.full(4, -1, np.int64)
    offsets = np.full(3, -1, np.int64)
    timestamps, bits = np.full(7, -1, np.int64), np.full(7, 9, np.uint64)
    tally = np.zeros(TALLY_SIZE, np.int64)
    buffer = np.frombuffer(data, np.uint8)
    none = np.zeros((0, 3), np.int64)
    low, high = np.full(4, 7, np.uint64), np.full(4, 8, np.uint64)
    code = scan_write_request(
        buffer, len(data), starts[:2], ends[:2], offsets, timestamps[:3], bits[:3],
        none, none, none, tally, SECRET, low[:2], high[:2],
    )  # fmt: skip
    assert (code, tally[wire.SERIES], tally[wire.SAMPLES]) == (SCANNED, 5, 10)
    assert offsets.tolist() == [0, 2, 4]
    assert starts[2:].tolist() == ends[2:].tolist() == [-1, -1]
    assert low[2:].tolist() == [7, 7]
    assert high[2:].tolist() == [8, 8]
    assert timestamps.tolist() == [0, 0, 1, -1, -1, -1, -1]
    assert bits.tolist() == [0, 0, 1, 9, 9, 9, 9]


def test_real_bodies_are_scanned_as_by_the_twin() -> None:
    bodies = sorted(BODIES_DIRECTORY.glob("rw1-*.bin"))
    if not bodies:
        pytest.skip(f"no bodies in {BODIES_DIRECTORY}; set CUPOLA_SHARED")
    assert len(bodies) == 6
    for path in bodies:
        data = snappy.decompress(path.read_bytes())
        found = scan(data, room=2_000)
        assert found == naive_wire.scan(data)
        assert len(found.series) > 400
