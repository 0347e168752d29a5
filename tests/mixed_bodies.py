"""Remote write 2.0 bodies with floats, native histograms and start timestamps, in plain Python."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import cramjam

from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY, Batch
from tests.batches import DECODER
from tests.histogram_columns import Lists, Plain
from tests.naive_wire import encode_varint as varint
from tests.naive_wire import message

HEADERS_2 = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
# timestamp ms, bits or histogram, start ms
Point = tuple[int, int | Plain, int]
Mixed = Sequence[tuple[Mapping[str, str], Sequence[Point]]]


def mixed_body(series: Mixed) -> bytes:
    """A snappy body; histograms have float counts."""
    symbols = {"": 0}
    encoded = []
    for labels, points in series:
        texts = [text for pair in sorted(labels.items()) for text in pair]
        refs = b"".join(varint(symbols.setdefault(text, len(symbols))) for text in texts)
        fields = [message(1, refs)]
        for timestamp, content, start in points:
            if isinstance(content, Plain):
                fields.append(message(3, histogram(timestamp, content, start)))
            else:
                fields.append(message(2, sample(timestamp, content, start)))
        encoded.append(message(5, b"".join(fields)))
    table = b"".join(message(4, text.encode()) for text in symbols)
    return bytes(cramjam.snappy.compress_raw(table + b"".join(encoded)))


def mixed_batch_of(series: Mixed) -> Batch:
    return DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, mixed_body(series))


def sample(timestamp: int, bits: int, start: int) -> bytes:
    value = b"\x09" + bits.to_bytes(8, "little")
    return value + integer(2, timestamp) + (integer(3, start) if start else b"")


def histogram(timestamp: int, h: Plain, start: int) -> bytes:
    return b"".join(
        [
            double(2, h.count),
            b"\x19" + h.sum_bits.to_bytes(8, "little"),
            integer(4, zigzag(h.schema)),
            double(5, h.zero_threshold),
            double(7, h.zero_count),
            *sides(8, 10, h.negative),
            *sides(11, 13, h.positive),
            integer(14, h.hint),
            integer(15, timestamp),
            message(16, struct.pack(f"<{len(h.bounds)}d", *h.bounds)) if h.bounds else b"",
            integer(17, start) if start else b"",
        ]
    )


def sides(span_field: int, counts_field: int, buckets: Lists) -> list[bytes]:
    """A span of its own for each bucket, and their counts."""
    fields = []
    behind = 0
    for index, _ in buckets:
        fields.append(message(span_field, integer(1, zigzag(index - behind)) + integer(2, 1)))
        behind = index + 1
    counts = struct.pack(f"<{len(buckets)}d", *(count for _, count in buckets))
    return [*fields, message(counts_field, counts)] if buckets else []


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value % (1 << 64))


def zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1
