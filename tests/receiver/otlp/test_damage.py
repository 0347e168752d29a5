"""Bytes that are no text are marked one by one, and the rest of the request stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from receiver.errors import CorruptBody
from receiver.otlp.body import JSON, PROTOBUF, read_request
from receiver.otlp.damage import (
    DEPTH_MAX,
    MARKS,
    mark_for,
    mended_json,
    mended_message,
    mended_text,
)
from receiver.otlp.translation import Rules, translate
from receiver.settings.options import OtlpOptions
from receiver.wire.messages import fields, message_field
from tests.makers.bodies.otlp import SERVICE, exemplar, gauge, number, request
from tests.makers.bodies.v2_reader import read_body
from tests.makers.otlp_lines import scope_of

BAD = "BAD"  # stands for damage until the request is made of bytes
ALL = {"promote_all": True, "promote_scope": True}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        ("aé😀".encode(), "aé😀"),
        (b"a\xffb", "a?b"),
        (b"\xc3", "?"),
        (b"\xe2\x82", "??"),
        (b"\xed\xa0\x80", "???"),
        (b"\xc0\x80", "??"),
        (b"\xf4\x90\x80\x80", "????"),
    ],
)
def test_every_damaged_byte_is_marked(raw: bytes, text: str) -> None:
    assert mended_text(raw, "?") == text


def test_a_mark_is_not_in_the_body() -> None:
    assert mark_for(b"") == MARKS[0]
    assert mark_for("".join(MARKS[:3]).encode()) == MARKS[3]
    assert mark_for("".join(MARKS).encode()) == MARKS[0]


WHOLE = request(gauge("g", number(1, labels={"a": "b"})), resource=SERVICE, scope=scope_of())


@given(st.binary(max_size=6))
def test_a_message_is_the_same_but_for_its_texts(raw: bytes) -> None:
    body = WHOLE.SerializeToString().replace(b"\x04shop", bytes((len(raw),)) + raw)
    try:
        mended = mended_message(body, ExportMetricsServiceRequest, "?")
    except CorruptBody:
        return  # the lengths of what is around do not fit any more
    assert mended == body or "?" in mended.decode("utf-8", "replace")


def test_depth_is_limited() -> None:
    body = b""
    for _ in range(DEPTH_MAX // 2):
        body = message_field(5, message_field(1, body))  # a list of one list
    with pytest.raises(CorruptBody, match="nested over 100 deep"):
        mended_message(body, AnyValue, "?")
    (inner,) = fields(body, 0, len(body))
    (element,) = fields(body, inner.first, inner.end)
    whole = body[element.first : element.end]
    assert mended_message(whole, AnyValue, "?") == whole


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a":"\\ud83d"}', ({"a": "?"}, True)),
        (b'{"\\ude00":[["\\ud83d\\ude00"]]}', ({"?": [["😀"]]}, True)),
        (b'{"a":"\xff"}', ({"a": "?"}, True)),
        (b'{"a":1}', ({"a": 1}, False)),
    ],
)
def test_documents_are_mended(body: bytes, found: Any) -> None:
    assert mended_json(body, "?") == found


@pytest.mark.parametrize("body", [b'{"a":NaN}', b'{"a":-Infinity}', b"{", b"\xff", b""])
def test_what_is_no_document_even_so(body: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        mended_json(body, "?")


def damaged(message: ExportMetricsServiceRequest) -> bytes:
    return message.SerializeToString().replace(BAD.encode(), b"x\xfe\xff")


GOOD = gauge("good", number(1))


@pytest.mark.parametrize(
    ("message", "how", "names", "refused"),
    [
        (request(GOOD, gauge("b", number(1, labels={"a": BAD}))), {}, {"good"}, 1),
        (request(GOOD, gauge("b", number(1), number(2, labels={"a": BAD}))), {}, {"good", "b"}, 1),
        (request(GOOD, gauge("b", number(1), description=BAD)), {}, {"good", "b"}, 0),
        (request(GOOD, gauge("b", number(1), unit=BAD)), {}, {"good", "b_x_"}, 0),
        (request(GOOD, gauge(BAD, number(1))), {}, {"good", "x"}, 0),
        (request(GOOD, gauge(BAD, number(1), number(2))),
         {"translation_strategy": "NoTranslation"}, {"good"}, 2),
        (request(GOOD, gauge("b", number(1, labels={BAD: "v"}))), {}, {"good", "b"}, 0),
        (request(GOOD, gauge("b", number(1, labels={BAD: "v"}))),
         {"translation_strategy": "NoTranslation"}, {"good"}, 1),
        (request(GOOD, scope=scope_of(BAD)), {}, {"good"}, 0),
        (request(GOOD, scope=scope_of(BAD)), ALL, set(), 1),
        (request(GOOD, scope=scope_of("s", a=BAD)), ALL, set(), 1),
        (request(GOOD, resource={"service.name": "s", "x": BAD}), {}, {"good"}, 0),
        (request(GOOD, resource={"service.name": "s", "x": BAD, "y": "z"}), {},
         {"good", "target_info"}, 0),
        (request(GOOD, resource={"service.name": "s", "x": BAD}), ALL, set(), 1),
        (request(GOOD, resource={"service.name": BAD}), {}, set(), 1),
        (request(gauge("b", number(1, exemplars=[exemplar(1, 1, labels={"a": BAD})]))), {},
         {"b"}, 0),
    ],
)  # fmt: skip
def test_damage_costs_what_it_is_a_part_of(
    message: ExportMetricsServiceRequest, how: dict[str, Any], names: set[str], refused: int
) -> None:
    """And so it does in JSON, beside an undamaged resource."""
    message.MergeFrom(request(gauge("beside", number(1)), resource={}))
    rules = Rules(OtlpOptions(**how))
    as_json = json.dumps(document(message)).replace(BAD, "x\\ud83d\\ud83d").encode()
    for media_type, body in ((PROTOBUF, damaged(message)), (JSON, as_json)):
        result = translate(read_request(media_type, body), rules)
        found = {dict(labels)["__name__"] for labels in read_body(result.body)}
        assert found - {"target_info"} == (names | {"beside"}) - {"target_info"}
        assert "target_info" in found or "target_info" not in names
        assert sum(reject.count for reject in result.rejects) == refused
        assert all("\ufdd0" not in reject.message for reject in result.rejects)


def document(message: ExportMetricsServiceRequest) -> Any:
    return MessageToDict(message, use_integers_for_enums=True)
