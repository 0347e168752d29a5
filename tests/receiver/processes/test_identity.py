"""Who a passed on request is from."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from receiver.access.grants import EVERYTHING, NOTHING, Grant
from receiver.processes.identity import (
    GRANT_HEADER,
    PART_HEADER,
    SENDER_HEADER,
    answered_headers,
    decoded,
    encoded,
    grant_of_inner,
    is_part,
    passed_headers,
)


@pytest.mark.parametrize(
    "grant",
    [
        EVERYTHING,
        NOTHING,
        Grant(frozenset(("read",)), tenant="a", name="agent é"),
        Grant(frozenset(("read", "write")), tenants=frozenset(("a", "b"))),
    ],
)
def test_grants_arrive_as_they_were(grant: Grant) -> None:
    text = encoded(grant)
    assert text.isascii()
    assert decoded(text) == grant
    assert decoded(text).name == grant.name


def test_what_a_client_says_of_itself_is_not_believed() -> None:
    forged = {GRANT_HEADER: encoded(EVERYTHING), PART_HEADER: "1"}
    request = make_mocked_request("GET", "/", headers=forged)
    assert grant_of_inner(request) is None
    assert not is_part(request)


def test_headers_of_a_passed_on_request() -> None:
    given = CIMultiDict(
        {"Host": "h", "Connection": "close", "Expect": "100-continue", "X-A": "1", "x-b": "2",
         GRANT_HEADER.lower(): encoded(EVERYTHING), PART_HEADER: "1", SENDER_HEADER: "1.2.3.4"}
    )  # fmt: skip
    given.add("X-A", "3")
    request = make_mocked_request("GET", "/", headers=given)
    passed = passed_headers(request, NOTHING)
    assert passed.getall("X-A") == ["1", "3"]
    assert set(passed) == {"X-A", "x-b", GRANT_HEADER, SENDER_HEADER}
    assert decoded(passed[GRANT_HEADER]) == NOTHING
    assert passed.getall(SENDER_HEADER) == [request.remote or ""]


def test_headers_of_an_answer() -> None:
    given = {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked", "Connection": "close"}
    assert dict(answered_headers(given)) == {"Content-Encoding": "gzip"}
