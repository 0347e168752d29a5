"""Remote write 2.0 requests made of series, as bytes.

For senders of other formats, whose data goes the way of a remote write request from there on: so
the log has one kind of it. One series per label set, whatever the order in which its samples come.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from receiver.wire.messages import encode_varint, message_field, number_field, zigzag
from storage.catalog.metadata import Description
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


class RequestWriter:
    """One request while it is made. Times are in ms; a start of 0 is unknown."""

    def __init__(self) -> None:
        self._symbols: dict[str, int] = {"": 0}
        self._pairs: dict[tuple[str, str], bytes] = {}  # references to name and value
        self._metadata: dict[Description, bytes] = {}
        self._series: dict[Labels, bytearray] = {}

    def series(self, labels: Labels, about: Description) -> bytearray:
        """What is written of the series with these labels, to be handed to the other methods."""
        series = self._series.get(labels)
        if series is None:
            series = bytearray(message_field(LABELS, self._references(labels)))
            series += self._metadata.get(about) or self._describe(about)
            self._series[labels] = series
        return series

    def sample(
        self, series: bytearray, timestamp_ms: int, value: float | None, start_ms: int = 0
    ) -> None:
        """Add a sample; None is a stale marker."""
        bits = STALE if value is None else struct.pack("<d", value)
        content = b"\x09" + bits + number_field(2, timestamp_ms) + number_field(3, start_ms)
        series += message_field(SAMPLES, content)

    def histogram(
        self, series: bytearray, timestamp_ms: int, histogram: IntegerHistogram, start_ms: int
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
        series += message_field(HISTOGRAMS, content)

    def exemplar(
        self, series: bytearray, timestamp_ms: int, value: float, labels: Mapping[str, str]
    ) -> None:
        references = self._references(tuple(labels.items()))
        content = message_field(1, references) if references else b""
        content += b"\x11" + struct.pack("<d", value) + number_field(3, timestamp_ms)
        series += message_field(EXEMPLARS, content)

    def body(self) -> bytes:
        """The request so far."""
        parts = [message_field(SYMBOLS_FIELD, symbol.encode()) for symbol in self._symbols]
        parts += [message_field(SERIES_FIELD, series) for series in self._series.values()]
        return b"".join(parts)

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
