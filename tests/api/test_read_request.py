"""Requests of remote read: what they mean, and what is refused."""

import pytest
import snappy

from api.errors import BadData
from api.read_request import ReadQuery, ResponseType, decode_request
from storage.labels.matchers import Matcher
from tests.makers.bodies.remote_read import query, request
from tests.makers.bodies.rich import integer
from tests.twins.wire.v1 import message

LIMITS = {"bytes_max": 10_000, "queries_max": 3}


def test_a_request() -> None:
    matchers = [("a", "=", "x"), ("b", "!=", ""), ("c", "=~", "x.*"), ("d", "!~", "é|y")]
    body = request([query(matchers, -5, 1 << 62), query([], 0, 0)], [7, 1, 0])
    found = decode_request(body, **LIMITS)
    wanted = tuple(Matcher(*matcher) for matcher in matchers)
    assert found.queries == (ReadQuery(-5, 1 << 62, wanted), ReadQuery())
    assert found.response is ResponseType.STREAMED_XOR_CHUNKS


@pytest.mark.parametrize(
    ("types", "want"),
    [
        (b"", ResponseType.SAMPLES),
        (message(2, b"\x01\x00"), ResponseType.STREAMED_XOR_CHUNKS),
        (message(2, b"\x09\x00"), ResponseType.SAMPLES),
        (integer(2, 1), ResponseType.STREAMED_XOR_CHUNKS),
    ],
)
def test_the_form_of_the_answer(types: bytes, want: ResponseType) -> None:
    assert decode_request(snappy.compress(types), **LIMITS).response is want


def of_matcher(content: bytes) -> bytes:
    return snappy.compress(message(1, message(3, content)))


NAME = message(2, b"a")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "a number without an end at byte 0"),
        (b"\xff\xff\xff\xff\xff", "a number without an end at byte 0"),
        (b"\x05abc", "the body is no snappy block"),
        (snappy.compress(bytes(10_001)), "api.max-form-bytes allows 10000"),
        (snappy.compress(b"\x0a\x05a"), "a field longer than its message at byte 2"),
        (snappy.compress(b"\x0b"), "wire type 3 at byte 1"),
        (request(4 * [b""]), "api.remote-read.max-queries allows 3"),
        (snappy.compress(message(2, b"\x04")), "requested response types: [4]; supported: SAMPLES"),
        (of_matcher(integer(1, 4) + NAME), "invalid matcher type: got 4; allowed are 0 to 3"),
        (of_matcher(message(3, b"x")), "a matcher without a label name"),
        (of_matcher(integer(1, 2) + NAME + message(3, b"(")), "invalid matcher a=~"),
    ],
)
def test_what_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(BadData) as caught:
        decode_request(body, **LIMITS)
    assert text in str(caught.value)


def test_any_cut_of_a_request_is_read_or_refused() -> None:
    content = snappy.decompress(request([query([("a", "=~", "x.*")], -5, 5)], [0, 1]))
    for end in range(len(content)):
        try:
            decode_request(snappy.compress(content[:end]), **LIMITS)
        except BadData:
            continue
