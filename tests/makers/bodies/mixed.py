"""Remote write 2.0 bodies with floats, native histograms and start timestamps, in plain Python."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY, Batch
from tests.makers.batches import DECODER
from tests.makers.bodies.rich import Span, WireHistogram, compress, encode_histogram, encode_sample
from tests.makers.histograms import Lists, Plain
from tests.twins.wire.v1 import encode_varint as varint
from tests.twins.wire.v1 import message

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
                fields.append(sample(timestamp, content, start))
        encoded.append(message(5, b"".join(fields)))
    table = b"".join(message(4, text.encode()) for text in symbols)
    return compress(table + b"".join(encoded))


def mixed_batch_of(series: Mixed) -> Batch:
    return DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, mixed_body(series))


def sample(timestamp: int, bits: int, start: int) -> bytes:
    return encode_sample(2, (timestamp, float_of(bits), start))


def histogram(timestamp: int, h: Plain, start: int) -> bytes:
    return encode_histogram(
        WireHistogram(
            timestamp=timestamp,
            count=h.count,
            sum=float_of(h.sum_bits),
            schema=h.schema,
            zero_threshold=h.zero_threshold,
            zero_count=h.zero_count,
            negative_spans=spans(h.negative),
            negative=[count for _, count in h.negative],
            positive_spans=spans(h.positive),
            positive=[count for _, count in h.positive],
            hint=h.hint,
            custom_values=h.bounds,
            start=start,
            is_float=True,
        )
    )


def spans(buckets: Lists) -> list[Span]:
    """A span of its own for each bucket."""
    indexes = [index for index, _ in buckets]
    behind = [0, *(index + 1 for index in indexes)]
    return [(index - end, 1) for index, end in zip(indexes, behind, strict=False)]


def float_of(bits: int) -> float:
    (value,) = struct.unpack("<d", bits.to_bytes(8, "little"))
    return float(value)
