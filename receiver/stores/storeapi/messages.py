"""The messages of StoreAPI and of Info, other than answers with series: written and read here.

InfoResponse  label_sets = 1, component type = 2, store = 3 {min_time, max_time}, exemplars = 7
SeriesRequest min_time = 1, max_time = 2, matchers = 3, max_resolution_window = 4,
              aggregates = 5, partial_response_strategy = 7, skip_chunks = 8, query_hints = 12,
              response_batch_size = 16
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.errors import CorruptBody
from receiver.stores.errors import LyingStore
from receiver.wire.messages import fields, message_field, number_field, read_varint
from storage.labels.matchers import Matcher

OPERATORS = {"=": 0, "!=": 1, "=~": 2, "!~": 3}
BATCH_SERIES = 64
EVER = (-(1 << 63), (1 << 63) - 1)
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Info:
    """What a store says of itself. labels: its sets of external labels; span: in ms, both ends
    inclusive, None if it serves no series; exemplars: whether it serves some."""

    kind: str = ""
    labels: tuple[Labels, ...] = ()
    span: tuple[int, int] | None = EVER
    exemplars: bool = False


def parse_info(message: bytes) -> Info:
    """Raises LyingStore."""
    try:
        return read_info(message)
    except (CorruptBody, UnicodeDecodeError) as error:
        raise LyingStore(f"its Info is damaged: {error}") from error


def read_info(message: bytes) -> Info:
    kind, labels, span, exemplars = "", [], None, False
    for field in fields(message, 0, len(message)):
        if field.number == 1:
            labels.append(read_labels(message, field.first, field.end))
        elif field.number == 2:
            kind = message[field.first : field.end].decode()
        elif field.number == 3:
            numbers = read_numbers(message, field.first, field.end)
            span = (numbers.get(1, 0), numbers.get(2, 0))
        elif field.number == 7:
            exemplars = True
    # Sets without labels say nothing; no set at all means that it is always asked.
    return Info(kind, tuple(filter(None, labels)), span, exemplars)


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
