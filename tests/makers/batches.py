"""Batches for tests of the storage, made on the real path: a body is encoded and decoded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from receiver.wire.decoder import WriteDecoder
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch
from tests.makers.bodies.v1 import encode

DECODER = WriteDecoder()
Written = Sequence[tuple[Mapping[str, str], Sequence[tuple[int, float]]]]


def batch_of(series: Written) -> Batch:
    """A batch of (labels, [(timestamp ms, value), ...]); its buffers are its own."""
    return DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, encode(series))


def raw_batch(body: bytes) -> Batch:
    """A batch of an uncompressed write request of any bytes the scanner takes."""
    import snappy

    payload = snappy.compress(body)
    return DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field shorter than 128 bytes."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def label(name: bytes, value: bytes) -> bytes:
    return field(1, field(1, name) + field(2, value))


def series_of(*labels: bytes) -> bytes:
    """A write request of one series with these label fields and one sample (7 at 1 ms)."""
    sample = field(2, b"\x09" + bytes(6) + b"\x1c\x40" + b"\x10\x01")
    content = b"".join(labels) + sample
    size = len(content)
    prefix = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return b"\x0a" + prefix + content
