"""Snappy blocks and zstd frames, declared lengths and bombs."""

from __future__ import annotations

import cramjam
import pytest

from receiver.errors import CorruptBody, TooLarge
from receiver.wire.buffers import DecodeBuffers
from receiver.wire.compression import SNAPPY, ZSTD, declared_bytes, uncompress
from tests.makers.bodies.rich import compress

TEXT = b"remote write " * 500


def undeclared(data: bytes) -> bytes:
    """A zstd frame that does not tell its length, as streaming encoders make it."""
    encoder = cramjam.zstd.Compressor()
    encoder.compress(data)
    return bytes(encoder.finish())


def unpacked(encoding: str, payload: bytes, bytes_max: int = 1 << 20) -> bytes:
    buffers = DecodeBuffers()
    size = declared_bytes(encoding, payload)
    written = uncompress(encoding, payload, buffers, size, bytes_max)
    return bytes(buffers.body[:written])


@pytest.mark.parametrize(
    ("payload", "length"),
    [(b"\x00", 0), (b"\x7f", 127), (b"\x80\x01", 128), (b"\xff\xff\xff\xff\x0f", (1 << 32) - 1)],
)
def test_declared_length_of_snappy(payload: bytes, length: int) -> None:
    assert declared_bytes(SNAPPY, payload + b"rest") == length


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"\x20\x07", 7),
        (b"\x00\x58", None),
        (b"\x40\x58\x01\x00", 257),
        (b"\x60\x00\x00", 256),
        (b"\x80\x58\x01\x02\x03\x04", 0x04030201),
        (b"\xa0\x01\x02\x03\x04", 0x04030201),
        (b"\xe0" + b"\xff" * 8, (1 << 64) - 1),
        (b"\x63\xd1\xd2\xd3\xd4\x05\x00", 261),  # behind the number of a dictionary
    ],
)
def test_declared_length_of_zstd(header: bytes, length: int | None) -> None:
    assert declared_bytes(ZSTD, b"\x28\xb5\x2f\xfd" + header) == length


@pytest.mark.parametrize(
    ("encoding", "payload"),
    [
        *((SNAPPY, p) for p in (b"", b"\x80", b"\xff" * 5, b"\xff" * 4 + b"\x10", b"\x80" * 9)),
        *((ZSTD, p) for p in (b"", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\xe0\x01", TEXT)),
    ],
)
def test_a_body_without_a_header_is_corrupt(encoding: str, payload: bytes) -> None:
    with pytest.raises(CorruptBody):
        declared_bytes(encoding, payload)


@pytest.mark.parametrize("data", [b"", b"x", TEXT, bytes(1 << 18)])
def test_bodies_are_uncompressed(data: bytes) -> None:
    assert unpacked(SNAPPY, compress(data)) == data
    assert unpacked(ZSTD, compress(data, "zstd")) == data
    assert unpacked(ZSTD, undeclared(data)) == data


@pytest.mark.parametrize("encoding", [SNAPPY, ZSTD])
def test_a_body_cut_or_longer_than_declared_is_corrupt(encoding: str) -> None:
    payload = compress(TEXT, encoding)
    for damaged in (payload[:-1], payload[: len(payload) // 2], payload + b"\x01\x02\x03"):
        with pytest.raises(CorruptBody):
            unpacked(encoding, damaged)


def test_a_frame_that_is_followed_by_another_is_corrupt() -> None:
    with pytest.raises(CorruptBody):
        unpacked(ZSTD, compress(TEXT, "zstd") * 2)


def test_a_frame_that_declares_less_or_more_than_it_holds_is_corrupt() -> None:
    payload = bytearray(compress(bytes(1_000), "zstd"))
    for length in (999, 1_001):
        payload[5:7] = (length - 256).to_bytes(2, "little")
        assert declared_bytes(ZSTD, bytes(payload)) == length
        with pytest.raises(CorruptBody):
            unpacked(ZSTD, bytes(payload))


def test_a_bomb_of_undeclared_length_takes_no_more_than_the_limit() -> None:
    bomb = undeclared(bytes(1 << 24))
    buffers = DecodeBuffers()
    with pytest.raises(TooLarge, match=r"more than 1048576 .* \(write.max-decoded-bytes\)"):
        uncompress(ZSTD, bomb, buffers, None, 1 << 20)
    assert len(buffers.body) == 1 << 20
    assert unpacked(ZSTD, bomb, 1 << 24) == bytes(1 << 24)


def test_damage_of_undeclared_length_is_corrupt_and_not_too_large() -> None:
    with pytest.raises(CorruptBody):
        unpacked(ZSTD, undeclared(TEXT)[:-3])
