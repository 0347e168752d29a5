"""Records survive the way to bytes and back; any changed bit is noticed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.log import record as rec

RECORD = rec.Record(1, -5, "team-a", b"payload")


def encode(record: rec.Record) -> bytes:
    prefix = rec.make_prefix(record.kind, record.arrival_ms, record.tenant, record.payload)
    return prefix + record.payload


def decode(data: bytes) -> rec.Record | None:
    frame = rec.parse_frame(data[: rec.FRAME_BYTES])
    return None if frame is None else rec.parse_body(frame, data[rec.FRAME_BYTES :])


@settings(deadline=None)
@given(
    st.builds(
        rec.Record,
        kind=st.integers(0, 255),
        arrival_ms=st.integers(-(2**63), 2**63 - 1),
        tenant=st.text(st.characters(max_codepoint=127), max_size=150),
        payload=st.binary(max_size=300),
    )
)
def test_round_trip(record: rec.Record) -> None:
    assert decode(encode(record)) == record


def test_every_changed_bit_is_noticed() -> None:
    good = encode(RECORD)
    for position in range(len(good) * 8):
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        assert decode(bytes(bad)) is None, position


def test_every_cut_is_noticed() -> None:
    good = encode(RECORD)
    for length in range(len(good)):
        assert decode(good[:length]) is None, length


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_noise_is_no_record(noise: bytes) -> None:
    assert decode(noise) is None
    assert rec.parse_header(noise) is None


def test_bodies_that_were_made_wrong_are_refused() -> None:
    for body in (
        b"\x01" + bytes(8) + b"\xff" + b"short",
        b"\x01" + bytes(8) + b"\x01" + b"\xff" + b"tenant is not UTF-8",
    ):
        frame = rec.Frame(len(body), rec.xxh3_64_intdigest(body))
        assert rec.parse_body(frame, body) is None


@pytest.mark.parametrize("length", [0, rec.BODY_BYTES_MIN - 1, rec.BODY_BYTES_MAX + 1, 2**32 - 1])
def test_frame_refuses_impossible_lengths(length: int) -> None:
    assert rec.parse_frame(length.to_bytes(4, "little") + bytes(8)) is None


@pytest.mark.parametrize("version", [1, 2, 2**32 - 1])
def test_header_tells_its_version(version: int) -> None:
    assert rec.parse_header(rec.make_header(version)) == version


def test_header_notices_every_changed_bit() -> None:
    good = rec.make_header()
    assert len(good) == rec.HEADER_BYTES == 24
    for position in range(len(good) * 8):
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        assert rec.parse_header(bytes(bad)) is None, position
