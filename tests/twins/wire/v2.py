"""The plain-Python twin of the remote write 2.0 scanner, and of the labels of its series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from storage.reasons import (
    BAD_REFERENCE,
    DUPLICATE_NAME,
    EMPTY_NAME,
    EXEMPLAR_TOO_LONG,
    LABEL_TOO_LONG,
    NO_METRIC_NAME,
    NOT_UTF8,
    TOO_MANY_LABELS,
)
from tests.twins.wire.histograms import decode as decode_histogram
from tests.twins.wire.histograms import signed
from tests.twins.wire.v1 import WireError, fields, varint

Pair = tuple[bytes, bytes]
WRONG_WIRE_TYPE = 3


@dataclass
class NaiveExemplar:
    """labels are empty where there is a reason."""

    reason: int
    labels: list[Pair]
    timestamp: int
    bits: int


@dataclass
class NaiveSeries:
    """samples: (timestamp, bits, start, histogram reason or None)."""

    reason: int = 0
    labels: list[Pair] = field(default_factory=list)
    samples: list[tuple[int, int, int, int | None]] = field(default_factory=list)
    exemplars: list[NaiveExemplar] = field(default_factory=list)
    metadata: tuple[int, int, int, int] | None = None


def decode(data: bytes, buckets_max: int) -> list[NaiveSeries]:
    """The series of a Request. Raises WireError."""
    symbols, messages = [], []
    for number, place, content in fields(data, 0, len(data), {4: 2, 5: 2}):
        if number in (4, 5):
            assert isinstance(content, range), f"field at {place}"
            (symbols if number == 4 else messages).append(content)
    texts = [data[span.start : span.stop] for span in symbols]
    return [decode_series(data, span, texts, buckets_max) for span in messages]


def decode_series(data: bytes, span: range, texts: list[bytes], buckets_max: int) -> NaiveSeries:
    series = NaiveSeries()
    references: list[tuple[int, int | range]] = []
    metadata: range | None = None
    created = 0
    wanted = {2: 2, 3: 2, 4: 2, 5: 2, 6: 0}
    for number, place, content in fields(data, span.start, span.stop, wanted):
        if number == 1:
            check_reference_type(data, place)
            references.append((place, content))
        if number == 6:
            assert isinstance(content, int), f"created at {place}"
            created = content
        if not isinstance(content, range):
            continue
        if number == 2:
            series.samples.append(decode_sample(data, content))
        if number == 3:
            found = decode_histogram(data, content.start, content.stop, buckets_max)
            sample = (found.timestamp, found.sum_bits, found.start, found.reason)
            series.samples.append(sample)
        if number == 4:
            series.exemplars.append(decode_exemplar(data, content, texts))
        if number == 5:
            metadata = content
    series.samples = [(t, b, s or signed(created), h) for t, b, s, h in series.samples]
    numbers = list(pairs_of(data, references, len(texts)))
    series.reason = BAD_REFERENCE if numbers[-1:] == [None] else 0
    series.labels = [(texts[a], texts[b]) for pair in numbers if pair for a, b in [pair]]
    if metadata is not None and len(metadata):
        read_metadata(data, metadata, texts, numbers, series)
    return series


def check_reference_type(data: bytes, place: int) -> None:
    if varint(data, place, len(data))[0] & 7 not in (0, 2):
        raise WireError(WRONG_WIRE_TYPE, place)


def pairs_of(
    data: bytes, found: list[tuple[int, int | range]], count: int
) -> Iterator[tuple[int, int] | None]:
    """Pairs of numbers of symbols; None at the end if one is wrong or left over. What follows a
    wrong one is not read."""
    name: int | None = None
    for _, content in found:
        place = content.start if isinstance(content, range) else 0
        while not isinstance(content, range) or place < content.stop:
            if isinstance(content, range):
                number, place = varint(data, place, content.stop)
            else:
                number = content
            if name is None:
                name = number
            elif max(name, number) >= count:
                yield None
                return
            else:
                yield name, number
                name = None
            if not isinstance(content, range):
                break
    if name is not None:
        yield None


def decode_sample(data: bytes, span: range) -> tuple[int, int, int, None]:
    found = {1: 0, 2: 0, 3: 0}
    for number, place, content in fields(data, span.start, span.stop, {1: 1, 2: 0, 3: 0}):
        if number <= 3:
            assert isinstance(content, int), f"scalar at {place}"
            found[number] = content
    return signed(found[2]), found[1], signed(found[3]), None


def decode_exemplar(data: bytes, span: range, texts: list[bytes]) -> NaiveExemplar:
    scalars = {2: 0, 3: 0}
    numbers: list[int] = []
    for number, place, content in fields(data, span.start, span.stop, {2: 1, 3: 0}):
        if number == 1:
            check_reference_type(data, place)
            at = content.start if isinstance(content, range) else 0
            while isinstance(content, range) and at < content.stop:
                one, at = varint(data, at, content.stop)
                numbers.append(one)
            numbers.extend([content] if isinstance(content, int) else [])
        elif number <= 3:
            assert isinstance(content, int), f"scalar at {place}"
            scalars[number] = content
    known = [texts[one] for one in numbers if one < len(texts)]
    reason = 0
    if len(known) > 256 or sum(map(len, known)) > 512:
        reason = EXEMPLAR_TOO_LONG
    if len(known) < len(numbers) or not reason and len(numbers) % 2:
        reason = BAD_REFERENCE
    labels = [] if reason else list(zip(known[0::2], known[1::2], strict=True))
    return NaiveExemplar(reason, labels, signed(scalars[3]), scalars[2])


def read_metadata(
    data: bytes,
    span: range,
    texts: list[bytes],
    numbers: list[tuple[int, int] | None],
    series: NaiveSeries,
) -> None:
    found = {1: 0, 3: 0, 4: 0}
    for number, place, content in fields(data, span.start, span.stop, dict.fromkeys(found, 0)):
        if number in found:
            assert isinstance(content, int), f"scalar at {place}"
            found[number] = content if number > 1 or content < 8 else 0
    if max(found[3], found[4]) >= len(texts):
        series.reason = BAD_REFERENCE
    if series.reason:
        return
    names = [pair[1] for pair in numbers if pair and texts[pair[0]] == b"__name__"]
    if not names or not texts[names[-1]]:
        return
    if found[1] or texts[found[3]] or texts[found[4]]:
        series.metadata = (found[1], names[-1], found[3], found[4])


def check_labels(labels: list[Pair], labels_max: int, bytes_max: int) -> dict[str, str] | int:
    """The labelset of a series as it came, or why it is refused."""
    if len(labels) > labels_max:
        return TOO_MANY_LABELS
    ordered = sorted(labels, key=lambda pair: pair[0])
    for k, (name, value) in enumerate(ordered):
        if max(len(name), len(value)) > bytes_max or not (is_utf8(name) and is_utf8(value)):
            long = [len(text) > bytes_max for text in (name, value)]
            valid = [is_utf8(text) for text in (name, value)]
            codes = [
                LABEL_TOO_LONG if too_long else 0 if ok else NOT_UTF8
                for too_long, ok in zip(long, valid, strict=True)
            ]
            return max(codes)
        if not name:
            return EMPTY_NAME
        if k and ordered[k - 1][0] == name:
            return DUPLICATE_NAME
    if not any(name == b"__name__" and value for name, value in labels):
        return NO_METRIC_NAME
    return {name.decode(): value.decode() for name, value in ordered if value}


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
