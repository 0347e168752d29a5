"""Limits of queries: which of them count, and that they are obeyed wherever a text is taken."""

from __future__ import annotations

from dataclasses import fields

import pytest

from api.endpoints.handler import Terms
from api.errors import BadData
from api.promql.bounds import Bound
from api.promql.options import EngineOptions
from api.sources.query_limits import QueryLimits, strictest
from receiver.limits.limits import TenantLimits
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
        (
            [QueryLimits(samples=2), QueryLimits(answer_bytes=3)],
            QueryLimits(samples=2, answer_bytes=3),
        ),
    ],
)
def test_the_strictest_counts(limits: list[QueryLimits], wanted: QueryLimits) -> None:
    assert strictest(limits) == wanted


def test_bounds_are_named_as_in_the_file() -> None:
    limits = QueryLimits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    bounds = limits.bounds(Bound(1, "query.timeout"))
    own = (limits.steps_bound, limits.time_bound, limits.places_bound, limits.waiting_bound)
    named = [bounds.samples, bounds.series, *own, limits.answer_bound]
    known = {limit.metadata["key"] for limit in fields(TenantLimits)}
    assert [bound.allowed for bound in named] == [4, 5, 6, 7, 8, 9, 10]
    assert {bound.setting for bound in named} <= known
    assert {bound.place for bound in named} == {"limits.file"}


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


RANGE = {"query": "x", "start": "0", "end": "10", "step": "1"}


@pytest.mark.parametrize(
    ("limits", "path", "params", "status", "error"),
    [
        ({"samples": 8}, "query", {"query": "x"}, 200, ""),
        ({"samples": 7}, "query", {"query": "x"}, 422, "max_samples_per_query=7 in limits.file)"),
        ({"series": 4}, "query", {"query": "x"}, 200, ""),
        ({"series": 3}, "query", {"query": "x"}, 422, "4 series or more (limit: max_series_per_q"),
        ({"series": 7}, "query", {"query": "x + x{i!=''}"}, 422, "the query reads 8 series"),
        ({"steps": 10}, "query_range", RANGE, 200, ""),
        (
            {"steps": 9},
            "query_range",
            RANGE,
            400,
            "exceeded maximum resolution of 9 points per timeseries. Try decreasing the query "
            "resolution (?step=XX) (got 10; limit: max_steps_per_query=9 in limits.file)",
        ),
        ({"answer_bytes": 70}, "query", {"query": "1"}, 200, ""),
        ({"answer_bytes": 200}, "query", {"query": "x"}, 422, "(limit: max_query_response_size=2"),
        ({"answer_bytes": 60}, "labels", {"match[]": "x"}, 200, ""),
        ({"answer_bytes": 99}, "series", {"match[]": "x"}, 422, "bytes or more (limit: max_query_"),
    ],
)
def test_what_is_over_a_limit_is_refused_by_its_name(
    limits: dict[str, int], path: str, params: dict[str, str], status: int, error: str
) -> None:
    async def check(running: Running) -> None:
        for i in range(4):
            running.store.tenant().write({"__name__": "x", "i": str(i)}, [(0, 1.0)])
        asked = {"time": "0"} | params if path == "query" else params
        got, answer = await running.get(path, **asked)
        assert (got, answer.get("errorType")) == (
            status,
            {200: None, 400: "bad_data", 422: "execution"}[status],
        )
        assert error in answer.get("error", "")

    run_api(check, limits_of=lambda _: QueryLimits(**limits))


def test_the_time_of_a_tenant_is_short() -> None:
    """Whoever asks waits for a place that does not become free."""

    async def check(running: Running) -> None:
        async with running.api.pool.turn(Terms(Bound(60_000, "x")), client_left=lambda: False):
            status, answer = await running.get("query", query="1")
        assert (status, answer["errorType"]) == (503, "timeout")
        assert answer["error"].endswith("(limit: query_timeout=20 ms in limits.file)")

    limits = QueryLimits(timeout_ms=20)
    options = EngineOptions(threads=1, max_concurrency=1)
    run_api(check, limits_of=lambda _: limits, engine_options=options)
