"""Remote read by hand: requests as clients write them, and both forms of an answer taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import snappy

from storage.chunks.chunks import chunks_of
from storage.chunks.series import decode_series
from storage.histograms.columns import NO_HISTOGRAM
from storage.histograms.histograms import Parts, parts_of
from storage.samples.samples import Samples
from tests.makers.bodies.rich import integer
from tests.makers.bodies.v1 import fields_of, read_varint
from tests.twins.wire.v1 import message

SAMPLES, CHUNKS = 0, 1
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}
OPERATORS = {"=": 0, "!=": 1, "=~": 2, "!~": 3}
Matcher = tuple[str, str, str]
Labels = tuple[tuple[str, str], ...]
# (time, a float or a histogram)
Point = tuple[int, float | Parts]


@dataclass(frozen=True)
class Frame:
    """One frame: the query that it is for, the series, and (first ms, last ms, type, data)."""

    query: int
    labels: Labels
    chunks: list[tuple[int, int, int, bytes]]
    size: int


def query(matchers: Iterable[Matcher], start_ms: int, end_ms: int) -> bytes:
    words = [start_ms % (1 << 64), end_ms % (1 << 64)]
    content = b"".join(integer(number, word) for number, word in enumerate(words, 1))
    for name, operator, value in matchers:
        own = integer(1, OPERATORS[operator])
        own += message(2, name.encode()) + message(3, value.encode())
        content += message(3, own)
    hints = integer(1, 15_000) + message(2, b"rate") + integer(3, words[0]) + integer(4, words[1])
    return content + message(4, hints)


def request(queries: Iterable[bytes], types: Sequence[int] = ()) -> bytes:
    packed = message(2, bytes(types)) if types else b""
    return snappy.compress(b"".join(message(1, one) for one in queries) + packed)


def read_results(body: bytes) -> list[bytes]:
    """The result of each query, which is like the content of a write request."""
    return [content for _, content in fields_of(snappy.decompress(body))]  # type: ignore[misc]


def checksum(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def read_frames(body: bytes) -> list[Frame]:
    """The frames of a streamed answer, whose checksums are right."""
    frames, at = [], 0
    while at < len(body):
        size, at = read_varint(body, at)
        wanted, content = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 4 + size]
        assert len(content) == size
        assert checksum(content) == wanted
        at += 4 + size
        fields = list(fields_of(content))
        (series,) = [value for number, value in fields if number == 1]
        numbers = [value for number, value in fields if number == 2]
        assert isinstance(series, bytes)
        frames.append(frame_of(series, int(numbers[0]) if numbers else 0, size))
    return frames


def frame_of(series: bytes, number: int, size: int) -> Frame:
    labels, chunks = [], []
    for field, content in fields_of(series):
        inner = dict(fields_of(content))  # type: ignore[arg-type]
        if field == 1:
            labels.append((inner[1].decode(), inner[2].decode()))  # type: ignore[union-attr]
        else:
            first, last = (signed(int(inner.get(n, 0))) for n in (1, 2))
            chunks.append((first, last, int(inner[3]), bytes(inner[4])))  # type: ignore[arg-type]
    return Frame(number, tuple(labels), chunks, size)


def signed(word: int) -> int:
    return word - (1 << 64) if word >= 1 << 63 else word


def points_of(frames: Sequence[Frame]) -> dict[Labels, list[Point]]:
    """The points of each series; chunks state the times of their first and last one."""
    found: dict[Labels, list[Point]] = {}
    for frame in frames:
        for first, last, kind, data in frame.chunks:
            points = decoded(data, kind)
            assert (points[0][0], points[-1][0]) == (first, last)
            found.setdefault(frame.labels, []).extend(points)
    return found


def decoded(data: bytes, kind: int) -> list[Point]:
    series = decode_series(chunks_of([data], [kind]), np.array([0, 1]))
    assert series.reasons.tolist() == [0]
    return plain_points(series.samples)


def plain_points(samples: Samples) -> list[Point]:
    natives = samples.natives
    points: list[Point] = []
    for place in range(len(samples)):
        value: float | Parts = float(samples.values[place])
        if natives is not None and natives.rows[place] != NO_HISTOGRAM:
            value = parts_of(natives.histograms, int(natives.rows[place]))
        points.append((int(samples.timestamps[place]), value))
    return points


def histogram_of(content: bytes) -> tuple[int, Parts]:
    """(time, histogram) of a message."""
    numbers: dict[int, int] = {}
    spans: dict[int, list[tuple[int, int]]] = {8: [], 11: []}
    packs: dict[int, bytes] = {}
    for number, value in fields_of(content):
        if number in spans:
            inner = dict(fields_of(value))  # type: ignore[arg-type]
            spans[number].append((unzigzag(int(inner.get(1, 0))), int(inner[2])))
        elif number in (9, 10, 12, 13, 16):
            packs[number] = bytes(value)  # type: ignore[arg-type]
        else:
            is_fixed = isinstance(value, bytes)
            numbers[number] = int.from_bytes(value, "little") if is_fixed else value  # type: ignore
    is_float = 2 in numbers
    assert (1 in numbers, 6 in numbers, 7 in numbers) == (not is_float, not is_float, is_float)
    real = np.array([numbers.get(n, 0) for n in (2, 3, 5, 7)], np.uint64).view(np.float64)
    count = float(real[0]) if is_float else float(numbers[1])
    zero = float(real[3]) if is_float else float(numbers[6])
    sides = [
        buckets_of(spans[own], packs.get(own + 1), packs.get(own + 2), is_float) for own in (11, 8)
    ]
    bounds = np.frombuffer(packs.get(16, b""), np.float64).tolist()
    schema, hint = unzigzag(numbers.get(4, 0)), numbers.get(14, 0)
    plain = Parts(schema, count, float(real[1]), float(real[2]), zero, *sides, bounds, hint)
    return signed(numbers.get(15, 0)), plain


def buckets_of(
    spans: list[tuple[int, int]], deltas: bytes | None, reals: bytes | None, is_float: bool
) -> list[tuple[int, float]]:
    assert (deltas if is_float else reals) is None
    counts: list[float] = np.frombuffer(reals or b"", np.float64).tolist()
    at, running = 0, 0
    while deltas is not None and at < len(deltas):
        word, at = read_varint(deltas, at)
        running += unzigzag(word)
        counts.append(float(running))
    indexes, end = [], 0
    for offset, length in spans:
        indexes += range(end + offset, end + offset + length)
        end += offset + length
    return list(zip(indexes, counts, strict=True))


def unzigzag(word: int) -> int:
    return word >> 1 ^ -(word & 1)
