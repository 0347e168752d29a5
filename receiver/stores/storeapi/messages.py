"""The messages of StoreAPI and of Info, other than answers with series: written and read here.

InfoResponse  label_sets = 1, component type = 2, store = 3 {min_time, max_time}, rules = 4,
              metadata = 5, targets = 6, exemplars = 7
SeriesRequest min_time = 1, max_time = 2, matchers = 3, max_resolution_window = 4,
              aggregates = 5, partial_response_strategy = 7, skip_chunks = 8, query_hints = 12,
              response_batch_size = 16
ExemplarsRequest       query = 1, start = 2, end = 3
MetricMetadataRequest  metric = 1, limit = 2
MetricMetadata         metadata = 1 {name = 1, entry = 2 {metas = 2 {type = 1, help = 2, unit = 3}}}

Answers that are no series have their contents in field 1, and warnings in field 2.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.stores.storeapi.fields import reading
from receiver.wire.messages import fields, message_field, number_field, read_varint
from storage.catalog.metadata import KINDS, UNKNOWN, Description
from storage.labels.matchers import Matcher

OPERATORS = {"=": 0, "!=": 1, "=~": 2, "!~": 3}
BATCH_SERIES = 64
EVER = (-(1 << 63), (1 << 63) - 1)
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Info:
    """What a store says of itself. labels: its sets of external labels; span: in ms, both ends
    inclusive, None if it serves no series; the others: whether it answers questions for them."""

    kind: str = ""
    labels: tuple[Labels, ...] = ()
    span: tuple[int, int] | None = EVER
    rules: bool = False
    metadata: bool = False
    targets: bool = False
    exemplars: bool = False


def parse_info(message: bytes) -> Info:
    """Raises LyingStore."""
    with reading("its Info is"):
        return read_info(message)


def read_info(message: bytes) -> Info:
    kind, labels, span = "", [], None
    numbers_there = set()
    for field in fields(message, 0, len(message)):
        numbers_there.add(field.number)
        if field.number == 1:
            labels.append(read_labels(message, field.first, field.end))
        elif field.number == 2:
            kind = message[field.first : field.end].decode()
        elif field.number == 3:
            numbers = read_numbers(message, field.first, field.end)
            span = (numbers.get(1, 0), numbers.get(2, 0))
    # Sets without labels say nothing; no set at all means that it is always asked.
    services = (number in numbers_there for number in (4, 5, 6, 7))
    return Info(kind, tuple(filter(None, labels)), span, *services)


def read_labels(message: bytes, start: int, end: int) -> Labels:
    """The labels of a set, whose field 1 they are."""
    found = {}
    for field in fields(message, start, end):
        if field.number == 1:
            texts = {1: "", 2: ""}
            for part in fields(message, field.first, field.end):
                texts[part.number] = message[part.first : part.end].decode()
            found[texts[1]] = texts[2]
    return found


def read_numbers(message: bytes, start: int, end: int) -> dict[int, int]:
    """The varint fields of a message as signed numbers."""
    found = {}
    for field in fields(message, start, end):
        if field.wire_type == 0:
            value, _ = read_varint(message, field.first, field.end)
            found[field.number] = value - (1 << 64) if value >> 63 else value
    return found


def matcher_field(number: int, matcher: Matcher) -> bytes:
    name, value = (text.encode("utf-8", "replace") for text in (matcher.name, matcher.value))
    kind = number_field(1, OPERATORS[matcher.op])
    return message_field(number, kind + message_field(2, name) + message_field(3, value))


def series_request(
    matchers: Sequence[Matcher],
    span: tuple[int, int],
    *,
    is_whole: bool,
    skip_chunks: bool = False,
    resolution_ms: int = 0,
    aggregates: Sequence[int] = (),
) -> bytes:
    """is_whole: what is missing fails the call; resolution_ms: the coarsest that may be sent;
    aggregates: kinds that are wanted of what is downsampled."""
    return b"".join(
        [
            number_field(1, span[0]),
            number_field(2, span[1]),
            *(matcher_field(3, matcher) for matcher in matchers),
            number_field(4, resolution_ms),
            message_field(5, bytes(aggregates)) if aggregates else b"",
            number_field(7, int(is_whole)),
            number_field(8, int(skip_chunks)),
            message_field(12, b""),
            number_field(16, BATCH_SERIES),
        ]
    )


def selector_text(matchers: Sequence[Matcher]) -> str:
    """A selector as an expression."""
    return "{" + ", ".join(f"{label_name(m.name)}{m.op}{quoted(m.value)}" for m in matchers) + "}"


def label_name(name: str) -> str:
    return name if name.isascii() and name.isidentifier() else quoted(name)


def quoted(text: str) -> str:
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)


def exemplars_request(matcher_sets: Sequence[Sequence[Matcher]], span: tuple[int, int]) -> bytes:
    query = "+".join(map(selector_text, matcher_sets)).encode()
    return message_field(1, query) + number_field(2, span[0]) + number_field(3, span[1])


def metadata_request(family: str) -> bytes:
    """Of one family, or of all: ""."""
    name = message_field(1, family.encode("utf-8", "replace")) if family else b""
    return name + number_field(2, -1)


def contents_of(frame: bytes) -> tuple[list[bytes], list[str]]:
    """The contents and the warnings of a message. Raises LyingStore."""
    found, warnings = [], []
    with reading("its answer is"):
        for field in fields(frame, 0, len(frame)):
            own = frame[field.first : field.end]
            if field.wire_type == 2 and field.number == 1:
                found.append(own)
            elif field.wire_type == 2 and field.number == 2:
                warnings.append(own.decode(errors="replace"))
    return found, warnings


def read_metadata(message: bytes, found: dict[str, list[Description]]) -> None:
    """Add the descriptions of families. Raises LyingStore."""
    with reading("its metadata is"):
        for entry in fields(message, 0, len(message)):
            name, metas = metas_of(message, entry.first, entry.end)
            found.setdefault(name, []).extend(metas)


def metas_of(message: bytes, start: int, end: int) -> tuple[str, list[Description]]:
    """A family, and how it is described. Raises CorruptBody, UnicodeDecodeError."""
    name, metas = "", []
    for part in fields(message, start, end):
        if part.number == 1:
            name = message[part.first : part.end].decode()
        elif part.number == 2:
            metas += [
                described(message, meta.first, meta.end)
                for meta in fields(message, part.first, part.end)
                if meta.number == 2
            ]
    return name, metas


def described(message: bytes, start: int, end: int) -> Description:
    texts = dict.fromkeys((1, 2, 3), "")
    for part in fields(message, start, end):
        if part.wire_type == 2:
            texts[part.number] = message[part.first : part.end].decode()
    kind = KINDS.index(texts[1]) if texts[1] in KINDS else UNKNOWN
    return Description(kind, texts[2], texts[3])
