"""Limits of queries: which of them count, and that they are obeyed wherever a text is taken."""

from __future__ import annotations

import pytest

from api.errors import BadData
from api.sources.query_limits import QueryLimits, strictest
from tests.makers.fake_store import Running, run_api

LIMITS = {
    "strict": QueryLimits(length_ms=60_000, expression_bytes=10),
    "long": QueryLimits(length_ms=3_600_000),
}


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ([QueryLimits()], QueryLimits()),
        ([QueryLimits(1, 2, 3)], QueryLimits(1, 2, 3)),
        ([QueryLimits(), QueryLimits()], QueryLimits()),
        ([QueryLimits(9, 0, 3), QueryLimits(5, 2, 0), QueryLimits(7)], QueryLimits(5, 2, 3)),
    ],
)
def test_the_strictest_counts(limits: list[QueryLimits], wanted: QueryLimits) -> None:
    assert strictest(limits) == wanted


@pytest.mark.parametrize("text", ["x" * 10, "\u00e4" * 5, ""])
def test_a_text_may_be_as_long_as_the_limit(text: str) -> None:
    QueryLimits(expression_bytes=10).check_text(text)
    QueryLimits().check_text(text * 1_000)


@pytest.mark.parametrize("text", ["x" * 11, "\u00e4" * 6, "\udcff" * 11])
def test_a_longer_one_is_refused(text: str) -> None:
    with pytest.raises(BadData, match="at most 10 are allowed .max_query_expression_size_bytes"):
        QueryLimits(expression_bytes=10).check_text(text)


TOO_LONG = "the query has 11 bytes, at most 10 are allowed"
TOO_WIDE = "the range of the query is 61 s long, at most 60 s are allowed"


@pytest.mark.parametrize(
    ("tenants", "path", "params", "error"),
    [
        ("strict", "query", {"query": "1" * 10}, ""),
        ("strict", "query", {"query": "1" * 11}, TOO_LONG),
        ("strict", "query", {"query": "1" * 10 + "("}, TOO_LONG),
        ("free", "query", {"query": "1" * 11}, ""),
        ("free|strict", "query", {"query": "1" * 11}, TOO_LONG),
        ("strict", "query_exemplars", {"query": "x" * 11, "start": "0", "end": "1"}, TOO_LONG),
        ("strict", "query_range", {"query": "1" * 11, "start": "0", "end": "1"}, TOO_LONG),
        ("strict", "query_range", {"query": "1", "start": "0", "end": "60"}, ""),
        ("strict", "query_range", {"query": "1", "start": "0", "end": "61"}, TOO_WIDE),
        ("long", "query_range", {"query": "1", "start": "0", "end": "61"}, ""),
        ("strict|long", "query_range", {"query": "1", "start": "0", "end": "61"}, TOO_WIDE),
        ("strict", "series", {"match[]": "x" * 11, "start": "0", "end": "61"}, ""),
    ],
)
def test_requests_are_held_to_the_limits_of_their_tenants(
    tenants: str, path: str, params: dict[str, str], error: str
) -> None:
    async def check(running: Running) -> None:
        asked = params | ({"step": "1"} if path == "query_range" else {})
        headers = {"X-Scope-OrgID": tenants}
        url = f"/api/v1/{path}"
        async with running.client.get(url, params=asked, headers=headers) as response:
            answer = await response.json()
        if error:
            assert (response.status, answer["errorType"]) == (400, "bad_data")
            assert answer["error"].startswith(error)
            assert "in limits.file" in answer["error"]
        else:
            assert response.status == 200, answer

    run_api(check, limits_of=lambda tenant: LIMITS.get(tenant, QueryLimits()))
