"""Uncompressed remote write 2.0 requests read back as plain values, slowly."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.makers.bodies.rich import zigzag
from tests.makers.bodies.v1 import fields_of, read_varint

STALE = "stale"
STALE_BITS = 0x7FF0000000000002
Labels = tuple[tuple[str, str], ...]


@dataclass
class ReadSeries:
    """samples: (time, value or STALE, start); histograms: fields by number; exemplars: (time,
    value, labels); about: (type, help, unit)."""

    samples: list[tuple[int, float | str, int]] = field(default_factory=list)
    histograms: list[dict[int, Any]] = field(default_factory=list)
    exemplars: list[tuple[int, float, dict[str, str]]] = field(default_factory=list)
    about: tuple[int, str, str] = (0, "", "")


def read_body(body: bytes) -> dict[Labels, ReadSeries]:
    """The series by their labels, each of which occurs once."""
    fields = list(fields_of(body))
    symbols = [bytes_of(content).decode() for number, content in fields if number == 4]
    assert symbols[0] == ""
    found: dict[Labels, ReadSeries] = {}
    for number, content in fields:
        if number == 5:
            labels, series = read_series(bytes_of(content), symbols)
            assert labels not in found
            assert list(labels) == sorted(labels)
            found[labels] = series
    return found


def read_series(content: bytes, symbols: list[str]) -> tuple[Labels, ReadSeries]:
    series = ReadSeries()
    labels: Labels = ()
    for number, inner in fields_of(content):
        parts = bytes_of(inner)
        message = dict(fields_of(parts)) if number != 1 else {}
        if number == 1:
            labels = pairs(parts, symbols)
        elif number == 2:
            value = number_of(message[1])
            series.samples.append((integer(message, 2), value, integer(message, 3)))
        elif number == 3:
            series.histograms.append(read_histogram(parts))
        elif number == 4:
            own = dict(pairs(bytes_of(message.get(1, b"")), symbols))
            value = number_of(message[2])
            assert isinstance(value, float)
            series.exemplars.append((integer(message, 3), value, own))
        else:
            texts = [symbols[integer(message, n)] for n in (3, 4)]
            series.about = (integer(message, 1), texts[0], texts[1])
    return labels, series


def read_histogram(content: bytes) -> dict[int, Any]:
    """Fields by number; spans as pairs, buckets as counts."""
    found: dict[int, Any] = {}
    for number, inner in fields_of(content):
        if number in (8, 11):
            span = dict(fields_of(bytes_of(inner)))
            found.setdefault(number, []).append((unzigzag(integer(span, 1)), integer(span, 2)))
        elif number in (9, 12):
            found[number] = sums(unzigzag(delta) for delta in varints(bytes_of(inner)))
        elif number == 16:
            raw = bytes_of(inner)
            found[number] = list(struct.unpack(f"<{len(raw) // 8}d", raw))
        elif isinstance(inner, bytes):
            found[number] = number_of(inner)
        else:
            found[number] = unzigzag(inner) if number == 4 else inner
    return found


def sums(deltas: Iterator[int]) -> list[int]:
    total, found = 0, []
    for delta in deltas:
        total += delta
        found.append(total)
    return found


def pairs(references: bytes, symbols: list[str]) -> Labels:
    texts = [symbols[reference] for reference in varints(references)]
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def varints(content: bytes) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = read_varint(content, at)
        yield value


def unzigzag(value: int) -> int:
    found = value >> 1 ^ -(value & 1)
    assert zigzag(found) == value
    return found


def integer(message: dict[int, Any], number: int) -> int:
    return int(message.get(number, 0))


def number_of(content: int | bytes) -> float | str:
    raw = bytes_of(content)
    if int.from_bytes(raw, "little") == STALE_BITS:
        return STALE
    (value,) = struct.unpack("<d", raw)
    return float(value)


def bytes_of(content: int | bytes) -> bytes:
    assert isinstance(content, bytes)
    return content
