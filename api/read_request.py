"""The request of a remote read: a snappy block of protobuf in, selections out.

    ReadRequest    queries=1 Query, accepted_response_types=2
    Query          start_timestamp_ms=1, end_timestamp_ms=2, matchers=3 LabelMatcher, hints=4
    LabelMatcher   type=1 (0 =, 1 !=, 2 =~, 3 !~), name=2, value=3

Requests are small, so they are read in Python, field by field. All errors are BadData.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

import cramjam

from api.errors import BadData
from api.promql.go_format import quote
from api.promql.syntax.regex import RegexError, check_regex, is_plain
from storage.labels.matchers import Matcher

# cramjam ships no types.
snappy: Any = cast(Any, cramjam).snappy

OPERATORS = ("=", "!=", "=~", "!~")
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
VARINT_BYTES_MAX = 10
SNAPPY_LENGTH_BYTES_MAX = 5
INT64_MAX = (1 << 63) - 1


class ResponseType(IntEnum):
    """What a client reads; numbered as on the wire."""

    SAMPLES = 0
    STREAMED_XOR_CHUNKS = 1


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """One selection; times are ms, both inclusive."""

    start_ms: int = 0
    end_ms: int = 0
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is asked for, and the form of the answer."""

    queries: tuple[ReadQuery, ...] = ()
    response: ResponseType = ResponseType.SAMPLES


def decode_request(body: bytes, *, bytes_max: int, queries_max: int) -> ReadRequest:
    """The request of a body. bytes_max: of it uncompressed, which is api.max-form-bytes."""
    message = uncompressed(body, bytes_max)
    queries: list[ReadQuery] = []
    accepted: list[int] = []
    for number, value in fields(message):
        if number == 1 and isinstance(value, bytes):
            queries.append(decode_query(value))
        elif number == 2:
            accepted += [value] if isinstance(value, int) else list(varints(value))
        if len(queries) > queries_max:
            raise BadData(
                f"too many queries in one request; api.remote-read.max-queries allows {queries_max}"
            )
    return ReadRequest(tuple(queries), response_type(accepted))


def response_type(accepted: Sequence[int]) -> ResponseType:
    """The first type that is known; samples if none is named."""
    if not accepted:
        return ResponseType.SAMPLES
    for number in accepted:
        if number in list(ResponseType):
            return ResponseType(number)
    listed = ", ".join(kind.name for kind in ResponseType)
    raise BadData(
        f"server does not support any of the requested response types: {list(accepted)}; "
        f"supported: {listed}"
    )


def decode_query(message: bytes) -> ReadQuery:
    start_ms = end_ms = 0
    matchers: list[Matcher] = []
    for number, value in fields(message):
        if number == 1 and isinstance(value, int):
            start_ms = signed(value)
        elif number == 2 and isinstance(value, int):
            end_ms = signed(value)
        elif number == 3 and isinstance(value, bytes):
            matchers.append(decode_matcher(value))
    return ReadQuery(start_ms, end_ms, tuple(matchers))


def decode_matcher(message: bytes) -> Matcher:
    kind, name, text = 0, "", ""
    for number, value in fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            name = value.decode("utf-8", "surrogateescape")
        elif number == 3 and isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
    if kind >= len(OPERATORS):
        raise BadData(f"invalid matcher type: got {kind}; allowed are 0 to {len(OPERATORS) - 1}")
    if not name:
        raise BadData("a matcher without a label name")
    operator = OPERATORS[kind]
    if operator in ("=~", "!~") and not is_plain(text):
        try:
            check_regex(text)
        except RegexError as error:
            raise BadData(f"invalid matcher {name}{operator}{quote(text)}: {error}") from None
    return Matcher(name, operator, text)


def uncompressed(body: bytes, bytes_max: int) -> bytes:
    """The content of a snappy block."""
    size, _ = read_varint(body[:SNAPPY_LENGTH_BYTES_MAX], 0)
    if size > bytes_max:
        raise BadData(
            f"the request has {size} bytes uncompressed; api.max-form-bytes allows {bytes_max}"
        )
    if not size:
        return b""
    room = bytearray(size)
    try:
        written = int(snappy.decompress_raw_into(body, room))
    except cramjam.DecompressionError as error:
        raise BadData(f"the body is no snappy block: {error}") from None
    if written != size:
        raise BadData(f"the body is no snappy block: {written} bytes, {size} were declared")
    return bytes(room)


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of all fields; of 8 and of 4 bytes they are their bytes."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        wire_type = tag & 7
        if wire_type == VARINT:
            number, at = read_varint(message, at)
            yield tag >> 3, number
            continue
        if wire_type == LENGTH:
            size, at = read_varint(message, at)
        elif wire_type in (FIXED64, FIXED32):
            size = 8 if wire_type == FIXED64 else 4
        else:
            raise BadData(f"the request is damaged: wire type {wire_type} at byte {at}")
        if size > len(message) - at:
            raise BadData(f"the request is damaged: a field longer than its message at byte {at}")
        yield tag >> 3, message[at : at + size]
        at += size


def varints(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        number, at = read_varint(packed, at)
        yield number


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """A number and the place behind it."""
    value = 0
    for k, byte in enumerate(message[at : at + VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * k)
        if byte < 0x80:
            return value & (2 * INT64_MAX + 1), at + k + 1
    raise BadData(f"the request is damaged: a number without an end at byte {at}")


def signed(word: int) -> int:
    return word if word <= INT64_MAX else word - 2 * (INT64_MAX + 1)
