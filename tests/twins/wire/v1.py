"""The plain-Python twins of the wire scanner and of the label hash, and a protobuf writer.

Everything is done with Python's unbounded integers and slices, one field at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from receiver.wire import scan as wire

MASK = (1 << 64) - 1
PRIME = (1 << 61) - 1


class WireError(Exception):
    """How the scan failed, and at which byte."""

    def __init__(self, code: int, position: int) -> None:
        super().__init__(f"{wire.SCAN_ERRORS[code]} at byte {position}")
        self.code = code
        self.position = position


@dataclass
class Scan:
    """What is in a body: (label start, label end, [(timestamp, value bits)]) for each series, zeros
    in the place of a histogram; and (owner, start, end) of the messages that are read later."""

    series: list[tuple[int, int, list[tuple[int, int]]]] = field(default_factory=list)
    exemplars: list[tuple[int, int, int]] = field(default_factory=list)
    histograms: list[tuple[int, int, int]] = field(default_factory=list)
    metadata: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def sample_count(self) -> int:
        return sum(len(samples) for _, _, samples in self.series)


def scan(data: bytes) -> Scan:
    """Decode a WriteRequest. Raises WireError."""
    result = Scan()
    for number, place, content in fields(data, 0, len(data), {1: 2, 3: 2}):
        if number == 3:
            assert isinstance(content, range), f"metadata at {place}"
            result.metadata.append((len(result.metadata), content.start, content.stop))
        if number == 1:
            assert isinstance(content, range), f"series at {place}"
            result.series.append(scan_series(data, content, result))
    return result


def scan_series(data: bytes, span: range, result: Scan) -> tuple[int, int, list[tuple[int, int]]]:
    labels: list[tuple[int, int]] = []
    samples: list[tuple[int, int]] = []
    for number, place, content in fields(
        data, span.start, span.stop, dict.fromkeys(range(1, 5), 2)
    ):
        if number == 3:
            assert isinstance(content, range), f"exemplar at {place}"
            result.exemplars.append((len(result.series), content.start, content.stop))
        if number == 4:
            assert isinstance(content, range), f"histogram at {place}"
            owner = result.sample_count + len(samples)
            result.histograms.append((owner, content.start, content.stop))
            samples.append((0, 0))
        if number == 1:
            assert isinstance(content, range), f"label at {place}"
            labels.append((place, content.stop))
        if number == 2:
            assert isinstance(content, range), f"sample at {place}"
            sample = {1: 0, 2: 0}
            for key, _, scalar in fields(data, content.start, content.stop, {1: 1, 2: 0}):
                if key <= 2:
                    assert isinstance(scalar, int), f"scalar {scalar!r}"
                    sample[key] = scalar
            samples.append((sample[2] - (1 << 64) * (sample[2] >> 63), sample[1]))
    if not labels:
        return span.start, span.start, samples
    return labels[0][0], labels[-1][1], samples


def fields(
    data: bytes, start: int, end: int, wire_types: dict[int, int]
) -> Iterator[tuple[int, int, int | range]]:
    """(number, place of the tag, value) of the fields of data[start:end]; a range says where bytes
    are.

    wire_types: those that known fields must have; that one has another is an error of whole fields.
    """
    place = start
    while place < end:
        try:
            tag, after = varint(data, place, end)
            number, wire_type = tag >> 3, tag & 7
            if not 1 <= number < 1 << 29:
                raise WireError(wire.FIELD_NUMBER, place)
            content, after = value_of(data, after, end, wire_type)
            if wire_types.get(number, wire_type) != wire_type:
                raise WireError(wire.WRONG_WIRE_TYPE, place)
        except WireError as error:
            raise WireError(error.code, place) from None
        yield number, place, content
        place = after


def value_of(data: bytes, place: int, end: int, wire_type: int) -> tuple[int | range, int]:
    """A field's value and the place behind it."""
    if wire_type == 0:
        return varint(data, place, end)
    if wire_type == 2:
        length, first = varint(data, place, end)
        if length > end - first:
            raise WireError(wire.LENGTH_TOO_LARGE, place)
        return range(first, first + length), first + length
    if wire_type not in (1, 5):
        raise WireError(wire.WRONG_WIRE_TYPE, place)
    size = 8 if wire_type == 1 else 4
    if end - place < size:
        raise WireError(wire.TRUNCATED, place)
    return int.from_bytes(data[place : place + size], "little"), place + size


def varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    value = 0
    for i in range(10):
        if place + i >= end:
            raise WireError(wire.TRUNCATED, place)
        byte = data[place + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            if value > MASK:
                break
            return value, place + i + 1
    raise WireError(wire.VARINT_TOO_LONG, place)


def hash128(data: bytes, secret: Sequence[int], block_bytes: int) -> tuple[int, int]:
    """Both lanes of the label hash."""
    keys = block_bytes // 8
    low = lane(data, secret[:keys], secret[2 * keys], block_bytes)
    high = lane(data, secret[keys : 2 * keys], secret[2 * keys + 1], block_bytes)
    return low, high


def lane(data: bytes, keys: Sequence[int], point: int, block_bytes: int) -> int:
    value = len(data)
    for start in range(0, len(data), block_bytes):
        block = data[start : start + block_bytes]
        block += bytes(-len(block) % 16)
        words = struct.unpack(f"<{len(block) // 8}Q", block)
        total = 0
        for i in range(0, len(words), 2):
            total += (words[i] + keys[i] & MASK) * (words[i + 1] + keys[i + 1] & MASK)
        total &= (1 << 128) - 1
        for coefficient in (total >> 64, total & MASK):
            value = (value * point + coefficient) % PRIME
    return scatter(value % PRIME)


def scatter(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33


def encode_varint(value: int) -> bytes:
    """value modulo 2^64 in the fewest bytes."""
    value &= MASK
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def tag(number: int, wire_type: int) -> bytes:
    return encode_varint(number << 3 | wire_type)


def message(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return tag(number, 2) + encode_varint(len(content)) + content


def label(name: bytes, value: bytes) -> bytes:
    return message(1, message(1, name) + message(2, value))


def sample(timestamp: int, bits: int) -> bytes:
    return message(2, tag(1, 1) + struct.pack("<Q", bits) + tag(2, 0) + encode_varint(timestamp))


def series(
    labels: Iterable[tuple[bytes, bytes]], samples: Iterable[tuple[int, int]], extra: bytes = b""
) -> bytes:
    """A time series field of (name, value) labels and (timestamp, value bits) samples."""
    content = b"".join(label(*pair) for pair in labels) + extra
    return message(1, content + b"".join(sample(*point) for point in samples))
