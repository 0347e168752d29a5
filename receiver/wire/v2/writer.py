"""Remote write 2.0 requests made of series, as bytes.

For senders of other formats, whose data goes the way of a remote write request from there on: so
the log has one kind of it. One series per label set, whatever the order in which its samples come.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from receiver.wire.messages import encode_varint, message_field, number_field, zigzag
from storage.batch import NO_POINT
from storage.catalog.metadata import Description
from storage.kernels.arrays import Int64s
from storage.kernels.stale import STALE_NAN_BITS

# Sorted by name.
Labels = tuple[tuple[str, str], ...]
# (distance from the end of the one before, number of buckets)
Spans = Sequence[tuple[int, int]]

STALE = struct.pack("<Q", STALE_NAN_BITS)
SYMBOLS_FIELD, SERIES_FIELD = 4, 5
LABELS, SAMPLES, HISTOGRAMS, EXEMPLARS, METADATA = range(1, 6)


@dataclass(frozen=True, slots=True)
class IntegerHistogram:
    """A native histogram. Buckets are counts by ascending index, zeros included, in spans. bounds:
    those of custom buckets. is_stale: it has no data and ends the series."""

    schema: int
    count: int
    sum: float
    zero_threshold: float
    zero_count: int
    positive: tuple[Spans, Sequence[int]]
    negative: tuple[Spans, Sequence[int]]
    bounds: Sequence[float] = ()
    is_stale: bool = False


class WrittenSeries:
    """What is written of one series, and the points that its samples are parts of, in order."""

    __slots__ = ("content", "points")

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.points: list[int] = []


class RequestWriter:
    """One request while it is made. Times are in ms; a start of 0 is unknown.

    point: the number of the data point that samples are parts of until it changes; NO_POINT: none.
    """

    def __init__(self) -> None:
        self.point = NO_POINT
        self._symbols: dict[str, int] = {"": 0}
        self._pairs: dict[tuple[str, str], bytes] = {}  # references to name and value
        self._metadata: dict[Description, bytes] = {}
        self._series: dict[Labels, WrittenSeries] = {}

    def series(self, labels: Labels, about: Description) -> WrittenSeries:
        """What is written of the series with these labels, to be handed to the other methods."""
        series = self._series.get(labels)
        if series is None:
            names = message_field(LABELS, self._references(labels))
            metadata = self._metadata.get(about) or self._describe(about)
            series = self._series[labels] = WrittenSeries(names + metadata)
        return series

    def sample(
        self, series: WrittenSeries, timestamp_ms: int, value: float | None, start_ms: int = 0
    ) -> None:
        """Add a sample; None is a stale marker."""
        bits = STALE if value is None else struct.pack("<d", value)
        content = b"\x09" + bits + number_field(2, timestamp_ms) + number_field(3, start_ms)
        series.content += message_field(SAMPLES, content)
        series.points.append(self.point)

    def histogram(
        self, series: WrittenSeries, timestamp_ms: int, histogram: IntegerHistogram, start_ms: int
    ) -> None:
        total = STALE if histogram.is_stale else struct.pack("<d", histogram.sum)
        bounds = struct.pack(f"<{len(histogram.bounds)}d", *histogram.bounds)
        content = b"".join(
            (
                b"\x08" + encode_varint(histogram.count),
                b"\x19" + total,
                number_field(4, zigzag(histogram.schema)),
                b"\x29" + struct.pack("<d", histogram.zero_threshold),
                b"\x30" + encode_varint(histogram.zero_count),
                buckets(8, *histogram.negative),
                buckets(11, *histogram.positive),
                number_field(15, timestamp_ms),
                message_field(16, bounds) if bounds else b"",
                number_field(17, start_ms),
            )
        )
        series.content += message_field(HISTOGRAMS, content)
        series.points.append(self.point)

    def exemplar(
        self, series: WrittenSeries, timestamp_ms: int, value: float, labels: Mapping[str, str]
    ) -> None:
        references = self._references(tuple(labels.items()))
        content = message_field(1, references) if references else b""
        content += b"\x11" + struct.pack("<d", value) + number_field(3, timestamp_ms)
        series.content += message_field(EXEMPLARS, content)

    def body(self) -> bytes:
        """The request so far."""
        parts = [message_field(SYMBOLS_FIELD, symbol.encode()) for symbol in self._symbols]
        parts += [message_field(SERIES_FIELD, s.content) for s in self._series.values()]
        return b"".join(parts)

    def points(self) -> Int64s:
        """The point of every sample so far, in the order of the request."""
        numbers = [number for series in self._series.values() for number in series.points]
        return np.array(numbers, np.int64)

    def _describe(self, about: Description) -> bytes:
        content = (
            number_field(1, about.kind)
            + number_field(3, self._symbol(about.help))
            + number_field(4, self._symbol(about.unit))
        )
        field = self._metadata[about] = message_field(METADATA, content)
        return field

    def _references(self, labels: Iterable[tuple[str, str]]) -> bytes:
        known = self._pairs
        return b"".join([known.get(pair) or self._refer(pair) for pair in labels])

    def _refer(self, pair: tuple[str, str]) -> bytes:
        references = self._pairs[pair] = b"".join(
            encode_varint(self._symbol(text)) for text in pair
        )
        return references

    def _symbol(self, text: str) -> int:
        return self._symbols.setdefault(text, len(self._symbols))


def buckets(spans_field: int, spans: Spans, counts: Sequence[int]) -> bytes:
    """The fields of spans and, right behind it, of the differences between counts."""
    fields = [
        message_field(spans_field, number_field(1, zigzag(offset)) + number_field(2, length))
        for offset, length in spans
    ]
    deltas = bytearray()
    before = 0
    for count in counts:
        deltas += encode_varint(zigzag(count - before))
        before = count
    if deltas:
        fields.append(message_field(spans_field + 1, deltas))
    return b"".join(fields)
