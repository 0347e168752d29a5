"""Bodies of export requests: types, compression, limits, damage."""

from __future__ import annotations

import gzip

import orjson
import pytest
from google.protobuf.json_format import MessageToDict

from receiver.errors import CorruptBody, TooLarge, UnsupportedMedia
from receiver.otlp.body import (
    JSON,
    PROTOBUF,
    ReadRequest,
    check_encoding,
    media_type_of,
    plain_body,
    read_request,
)
from tests.makers.bodies.otlp import exemplar, gauge, number, request

TRACE, SPAN = bytes(range(16)), bytes(range(8, 16))
REQUEST = request(
    gauge("é", number(0.5, exemplars=[exemplar(1, 2, trace_id=TRACE, span_id=SPAN)]), number(7))
)


def as_json() -> bytes:
    """In OpenTelemetry's JSON: ids are hexadecimal, enumerations numbers."""
    document = MessageToDict(REQUEST, use_integers_for_enums=True)
    metric = document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
    told = metric["gauge"]["dataPoints"][0]["exemplars"][0]
    told["traceId"], told["spanId"] = TRACE.hex(), SPAN.hex().upper()
    return orjson.dumps(document | {"unknown": [1]})


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_requests_are_read_and_their_first_bytes_tell_their_encoding(
    media_type: str, is_compressed: bool
) -> None:
    body = REQUEST.SerializeToString() if media_type == PROTOBUF else as_json()
    payload = gzip.compress(body) if is_compressed else body
    assert plain_body(payload, len(body)) == body
    assert read_request(media_type, body) == ReadRequest(REQUEST)
    with pytest.raises(TooLarge, match=rf"allowed are {len(body) - 1} \(otlp\.max-decoded-bytes\)"):
        plain_body(payload, len(body) - 1)


def test_gzip_may_have_several_members() -> None:
    parts = [b"a" * 100, b"", b"b" * 50]
    payload = b"".join(map(gzip.compress, parts))
    assert plain_body(payload, 150) == b"".join(parts)
    with pytest.raises(TooLarge):
        plain_body(payload, 149)


def test_gzip_bombs_are_not_unpacked() -> None:
    payload = gzip.compress(bytes(64 << 20))
    with pytest.raises(TooLarge):
        plain_body(payload, 1 << 20)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x1f\x8b",
        gzip.compress(b"abc", mtime=0)[:-1],
        gzip.compress(b"abc", mtime=0) + b"x",
        b"\x1f\x8b\x08" + bytes(9),
    ],
)
def test_damaged_gzip_is_corrupt(payload: bytes) -> None:
    with pytest.raises(CorruptBody):
        plain_body(payload, 1000)


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (PROTOBUF, b"\x0a\xff"),
        (PROTOBUF, REQUEST.SerializeToString()[:-1]),
        (PROTOBUF, b"\x0a" * 500),
        (JSON, b""),
        (JSON, b"[]"),
        (JSON, b'{"resourceMetrics":'),
        (JSON, b'{"resourceMetrics":7}'),
        (JSON, b'{"resourceMetrics":[{"resource":{"attributes":[{"key":1}]}}]}'),
        (JSON, b'{"resourceMetrics":[7]}'),
        (JSON, b'{"a":NaN}'),
        (JSON, b'{"a":"\xff"'),
        (JSON, b'{"a":' * 5000),
    ],
)
def test_damaged_messages_are_corrupt(media_type: str, body: bytes) -> None:
    with pytest.raises(CorruptBody, match="^corrupt body: "):
        read_request(media_type, body)


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/x-protobuf", PROTOBUF),
        ("Application/JSON; charset=utf-8", JSON),
        ("text/plain", None),
        ("", None),
        (None, None),
    ],
)
def test_media_types(header: str | None, media_type: str | None) -> None:
    if media_type is None:
        with pytest.raises(UnsupportedMedia, match="allowed are application/x-protobuf and"):
            media_type_of(header)
    else:
        assert media_type_of(header) == media_type


@pytest.mark.parametrize("header", ["gzip", " GZIP ", "identity", "", None])
def test_encodings(header: str | None) -> None:
    check_encoding(header)


@pytest.mark.parametrize("header", ["snappy", "deflate", "gzip, gzip"])
def test_other_encodings_are_refused(header: str) -> None:
    with pytest.raises(UnsupportedMedia, match="allowed is gzip, or none"):
        check_encoding(header)


@pytest.mark.parametrize(
    ("digits", "exemplars"), [(TRACE.hex().encode(), 1), (b"zz" * 16, 0), (b"abc", 0), (b"7", 0)]
)
def test_a_bad_id_costs_its_exemplar_only(digits: bytes, exemplars: int) -> None:
    read = read_request(JSON, as_json().replace(TRACE.hex().encode(), digits))
    first, second = read.message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    assert (first.as_double, second.as_int, len(first.exemplars)) == (0.5, 7, exemplars)
    assert (len(read.warnings), read.refused) == (1 - exemplars, 0)


@pytest.mark.parametrize(
    ("body", "damage"),
    [
        (REQUEST.SerializeToString(), ""),
        (REQUEST.SerializeToString().replace("é".encode(), b"\xff\xfe"), "\ufdd0"),
        (REQUEST.SerializeToString().replace("é".encode(), b"\xc3\x28"), "\ufdd0"),
    ],
)
def test_bytes_that_are_no_text_are_marked(body: bytes, damage: str) -> None:
    read = read_request(PROTOBUF, body)
    name = read.message.resource_metrics[0].scope_metrics[0].metrics[0].name
    assert (read.damage, damage in name, read.refused) == (damage, True, 0)


@pytest.mark.parametrize("text", [b"\\ud83d", b"\\ude00\\ud83d", b"\xff", b"\xed\xa0\xbd"])
def test_halves_of_surrogate_pairs_are_marked(text: bytes) -> None:
    read = read_request(JSON, as_json().replace("é".encode(), text))
    assert read.damage == "\ufdd0"
    name = read.message.resource_metrics[0].scope_metrics[0].metrics[0].name
    assert set(name) == {"\ufdd0"}
    paired = read_request(JSON, as_json().replace("é".encode(), b"\\ud83d\\ude00\xf0\x9f\x98\x80"))
    assert paired.damage == ""
    assert paired.message.resource_metrics[0].scope_metrics[0].metrics[0].name == "😀" * 2
