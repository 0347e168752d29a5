"""Remote write 1.0 bodies in plain Python: what a sender makes and what a recording proxy reads.

Slow and simple on purpose: it checks the receiver's compiled scanner from outside.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

import snappy

Labels = tuple[tuple[str, str], ...]
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def encode(series: Sequence[tuple[Mapping[str, str], Sequence[tuple[int, float]]]]) -> bytes:
    """The snappy-compressed body of (labels, [(timestamp ms, value), ...]) for each series."""
    body = b"".join(_field(1, _time_series(labels, samples)) for labels, samples in series)
    return snappy.compress(body)


def decode(body: bytes) -> Iterator[tuple[Labels, int, int]]:
    """(sorted labels, timestamp ms, bits of the value) of every float sample of a body."""
    for number, content in fields_of(snappy.decompress(body)):
        if number == 1 and isinstance(content, bytes):
            yield from _decode_time_series(content)


def _time_series(labels: Mapping[str, str], samples: Sequence[tuple[int, float]]) -> bytes:
    pairs = [
        _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        for name, value in sorted(labels.items())
    ]
    points = [
        _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(timestamp % (1 << 64)))
        for timestamp, value in samples
    ]
    return b"".join(pairs + points)


def _decode_time_series(data: bytes) -> Iterator[tuple[Labels, int, int]]:
    pairs: list[tuple[str, str]] = []
    samples: list[tuple[int, int]] = []
    for number, content in fields_of(data):
        inner = dict(fields_of(content)) if isinstance(content, bytes) else {}
        if number == 1:
            pairs.append((_text(inner.get(1, b"")), _text(inner.get(2, b""))))
        elif number == 2:
            timestamp = inner.get(2, 0)
            assert isinstance(timestamp, int), f"timestamp {timestamp!r}"
            bits = inner.get(1, bytes(8))
            assert isinstance(bits, bytes), f"value {bits!r}"
            signed = timestamp - (1 << 64) if timestamp >= 1 << 63 else timestamp
            samples.append((signed, int.from_bytes(bits, "little")))
    labels = tuple(sorted(pairs))
    for timestamp_ms, value_bits in samples:
        yield labels, timestamp_ms, value_bits


def _text(content: bytes | int) -> str:
    assert isinstance(content, bytes), f"text {content!r}"
    return content.decode()


def fields_of(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a message: varints as int, fixed and length-delimited ones as bytes."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        wire_type = key & 7
        if wire_type == 0:
            content: bytes | int
            content, at = read_varint(data, at)
            yield key >> 3, content
            continue
        if wire_type == 2:
            length, at = read_varint(data, at)
        else:
            length = {1: 8, 5: 4}[wire_type]
        yield key >> 3, data[at : at + length]
        at += length


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
