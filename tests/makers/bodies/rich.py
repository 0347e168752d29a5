"""Uncompressed request bodies of both versions of remote write with all that they can hold.

One description of series, two encodings. Slow and simple, from the field numbers of the protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cramjam
import snappy

from storage.batch import (
    KIND_REMOTE_WRITE_1_SNAPPY,
    KIND_REMOTE_WRITE_1_ZSTD,
    KIND_REMOTE_WRITE_2_SNAPPY,
    KIND_REMOTE_WRITE_2_ZSTD,
    Batch,
)
from tests.makers.batches import DECODER
from tests.twins.wire.v1 import encode_varint, message, tag

Labels = Mapping[str, str] | Sequence[tuple[str, str]]
Span = tuple[int, int]  # offset, length


@dataclass(frozen=True)
class WireHistogram:
    """A histogram as it is on the wire: deltas of integers, or float counts."""

    timestamp: int = 0
    count: float = 0
    sum: float = 0.0
    schema: int = 0
    zero_threshold: float = 0.0
    zero_count: float = 0
    negative_spans: Sequence[Span] = ()
    negative: Sequence[float] = ()
    positive_spans: Sequence[Span] = ()
    positive: Sequence[float] = ()
    hint: int = 0
    custom_values: Sequence[float] = ()
    start: int = 0
    is_float: bool = False


@dataclass(frozen=True)
class WireSeries:
    """samples: (timestamp, value) or (timestamp, value, start); exemplars: (labels, value,
    timestamp); metadata: (type, help, unit)."""

    labels: Labels
    samples: Sequence[tuple[float, ...]] = ()
    histograms: Sequence[WireHistogram] = ()
    exemplars: Sequence[tuple[Labels, float, int]] = ()
    metadata: tuple[int, str, str] | None = None
    created: int = 0
    extra: bytes = field(default=b"")


def integer(number: int, value: int) -> bytes:
    return tag(number, 0) + encode_varint(value) if value else b""


def signed(number: int, value: int) -> bytes:
    return integer(number, zigzag(value))


def zigzag(value: int) -> int:
    return (value << 1 ^ value >> 63) & ((1 << 64) - 1)


def double(number: int, value: float) -> bytes:
    return tag(number, 1) + struct.pack("<d", value)


def packed(number: int, values: Iterable[bytes]) -> bytes:
    content = b"".join(values)
    return message(number, content) if content else b""


def encode_histogram(h: WireHistogram, *, unpacked: bool = False) -> bytes:
    """The content of a Histogram message."""

    def repeated(number: int, wire_type: int, values: Sequence[bytes]) -> bytes:
        if unpacked:
            return b"".join(tag(number, wire_type) + value for value in values)
        return packed(number, values)

    def spans(number: int, pairs: Sequence[Span]) -> bytes:
        return b"".join(message(number, signed(1, o) + integer(2, n)) for o, n in pairs)

    def counts(deltas: int, floats: int, values: Sequence[float]) -> bytes:
        if h.is_float:
            return repeated(floats, 1, [struct.pack("<d", value) for value in values])
        return repeated(deltas, 0, [encode_varint(zigzag(int(value))) for value in values])

    bounds = [struct.pack("<d", value) for value in h.custom_values]
    count = double(2, h.count) if h.is_float else tag(1, 0) + encode_varint(int(h.count))
    zero = double(7, h.zero_count) if h.is_float else tag(6, 0) + encode_varint(int(h.zero_count))
    return b"".join(
        (
            count, double(3, h.sum), signed(4, h.schema), double(5, h.zero_threshold), zero,
            spans(8, h.negative_spans), counts(9, 10, h.negative),
            spans(11, h.positive_spans), counts(12, 13, h.positive),
            integer(14, h.hint), integer(15, h.timestamp), repeated(16, 1, bounds),
            integer(17, h.start),
        )
    )  # fmt: skip


def pairs_of(labels: Labels) -> list[tuple[str, str]]:
    return list(labels.items()) if isinstance(labels, Mapping) else list(labels)


def encode_sample(number: int, sample: tuple[float, ...]) -> bytes:
    timestamp, value, *start = sample
    content = double(1, value) + integer(2, int(timestamp))
    return message(number, content + b"".join(integer(3, int(s)) for s in start))


def body_v1(series: Iterable[WireSeries], metadata: Iterable[bytes] = ()) -> bytes:
    """An uncompressed WriteRequest; metadata of series is told behind them all."""
    fields = []
    for one in series:
        content = labels_v1(one.labels)
        content += b"".join(encode_sample(2, sample[:2]) for sample in one.samples)
        for labels, value, timestamp in one.exemplars:
            content += message(3, labels_v1(labels) + double(2, value) + integer(3, timestamp))
        content += b"".join(message(4, encode_histogram(h)) for h in one.histograms)
        fields.append(message(1, content + one.extra))
    return b"".join([*fields, *metadata])


def metadata_v1(family: str, kind: int, help_text: str = "", unit: str = "") -> bytes:
    content = integer(1, kind) + message(2, family.encode())
    return message(3, content + message(4, help_text.encode()) + message(5, unit.encode()))


def labels_v1(labels: Labels) -> bytes:
    return b"".join(
        message(1, message(1, name.encode()) + message(2, value.encode()))
        for name, value in pairs_of(labels)
    )


def body_v2(series: Iterable[WireSeries], *, unpacked: bool = False) -> bytes:
    """An uncompressed Request; symbols in the order in which they are first named."""
    symbols: dict[str, int] = {"": 0}

    def number(text: str) -> int:
        return symbols.setdefault(text, len(symbols))

    def references(labels: Labels) -> bytes:
        numbers = [encode_varint(number(text)) for pair in pairs_of(labels) for text in pair]
        if unpacked:
            return b"".join(tag(1, 0) + one for one in numbers)
        return packed(1, numbers)

    fields = []
    for one in series:
        content = references(one.labels)
        content += b"".join(encode_sample(2, sample) for sample in one.samples)
        for h in one.histograms:
            content += message(3, encode_histogram(h, unpacked=unpacked))
        for labels, value, timestamp in one.exemplars:
            content += message(4, references(labels) + double(2, value) + integer(3, timestamp))
        if one.metadata is not None:
            kind, help_text, unit = one.metadata
            told = integer(1, kind) + integer(3, number(help_text)) + integer(4, number(unit))
            content += message(5, told)
        fields.append(message(5, content + integer(6, one.created) + one.extra))
    return b"".join([*(message(4, text.encode()) for text in symbols), *fields])


def compress(body: bytes, encoding: str = "snappy") -> bytes:
    if encoding == "zstd":
        return bytes(cramjam.zstd.compress(body))
    return snappy.compress(body)


def batch_v1(series: Iterable[WireSeries], encoding: str = "snappy") -> Batch:
    zstd = encoding == "zstd"
    kind = KIND_REMOTE_WRITE_1_ZSTD if zstd else KIND_REMOTE_WRITE_1_SNAPPY
    return DECODER.decode(kind, compress(body_v1(series), encoding))


def batch_v2(series: Iterable[WireSeries], encoding: str = "snappy") -> Batch:
    zstd = encoding == "zstd"
    kind = KIND_REMOTE_WRITE_2_ZSTD if zstd else KIND_REMOTE_WRITE_2_SNAPPY
    return DECODER.decode(kind, compress(body_v2(series), encoding))
