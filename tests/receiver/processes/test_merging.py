"""Documents of all processes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from receiver.processes.merging import (
    DOCUMENTS,
    active_queries,
    deletions,
    merged,
    ready,
    rejected,
    slow_queries,
    user_stats,
)
from receiver.processes.peers import NoAnswer, Part

SEGMENT = {"ulid": "01"}


def part(data: Any, status: int = 200) -> Part:
    body = json.dumps({"status": "success", "data": data}).encode()
    return Part(status, {"Content-Type": "application/json", "Content-Length": "1"}, body)


def request(path: str = "/api/v1/status/tenants", query: str = "") -> web.Request:
    app = web.Application()

    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    route = app.router.add_get(path, handler)
    info = web.UrlMappingMatchInfo({}, route)
    made = make_mocked_request("GET", f"{path}{query}", app=app, match_info={})
    made._match_info = info
    info.add_app(app)
    return made


@pytest.mark.parametrize(
    ("path", "parts", "expected"),
    [
        (
            "tenants",
            [{"tenants": ["b", "c"]}, {"tenants": []}, {"tenants": ["a"]}],
            {"tenants": ["a", "b", "c"]},
        ),
        (
            "segments",
            [
                {"compacting": None, "shards": [{"shard": 2, "segments": []}]},
                {"compacting": {"shard": 1}, "shards": [{"shard": 1, "segments": [SEGMENT]}]},
            ],
            {
                "compacting": {"shard": 1},
                "shards": [{"shard": 1, "segments": [SEGMENT]}, {"shard": 2, "segments": []}],
            },
        ),
        (
            "tsdb/blocks",
            [
                {"blocks": [{"minTime": 5, "ulid": "a"}]},
                {"blocks": [{"minTime": 3, "ulid": "z"}, {"minTime": 3, "ulid": "b"}]},
            ],
            {
                "blocks": [
                    {"minTime": 3, "ulid": "b"},
                    {"minTime": 3, "ulid": "z"},
                    {"minTime": 5, "ulid": "a"},
                ]
            },
        ),
        (
            "walreplay",
            [{"min": 0, "max": 2, "current": 2}, {"min": 0, "max": 1, "current": 0}],
            {"min": 0, "max": 3, "current": 2},
        ),
    ],
)
def test_documents(path: str, parts: list[Any], expected: Any) -> None:
    merge = merged(DOCUMENTS[f"/api/v1/status/{path}"])
    answer = merge(request(), [part(data) for data in parts])
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["data"] == expected


def test_what_is_not_answered_is_no_part_of_an_answer() -> None:
    merge = merged(DOCUMENTS["/api/v1/status/tenants"])
    answer = merge(request(), [part({"tenants": ["a"]}), NoAnswer("process 1 is away")])
    assert answer.status == 503
    assert "Retry-After" in answer.headers
    assert isinstance(answer.body, bytes)
    assert "process 1 is away" in json.loads(answer.body)["error"]


def test_a_refusal_of_one_is_that_of_all() -> None:
    merge = merged(DOCUMENTS["/api/v1/status/tenants"])
    answer = merge(request(), [part({"tenants": []}), part("not ready", 503)])
    assert (answer.status, answer.body) == (503, part("not ready").body)


def test_ready_is_who_has_no_one_that_is_not() -> None:
    well, ill = Part(200, {}, b"Ready.\n"), Part(503, {}, b"Opening.\n")
    assert ready(request(), [well, well]).status == 200
    answer = ready(request(), [well, ill, NoAnswer("process 2 is away")])
    assert answer.status == 503
    assert answer.text == "process 1: Opening.\nprocess 2 is away\n"


def test_refusals_are_those_of_all_newest_first() -> None:
    def entry(tenant: str, count: int, first: int, last: int) -> dict[str, Any]:
        seen = {"firstSeen": first, "lastSeen": last}
        return {"tenant": tenant, "reason": "too_old", "count": count, **seen}

    parts = [
        part({"rejected": [entry("a", 1, 5, 9)], "counts": [entry("a", 1, 5, 9)]}),
        part(
            {
                "rejected": [entry("a", 2, 3, 10), entry("b", 4, 1, 2)],
                "counts": [entry("a", 2, 3, 10), entry("b", 4, 1, 2)],
            }
        ),
    ]
    for query, most in (("", 3), ("?limit=2", 2), ("?limit=0", 3)):
        answer = rejected(request("/api/v1/status/rejected", query), parts)
        assert isinstance(answer.body, bytes)
        data = json.loads(answer.body)["data"]
        assert [e["lastSeen"] for e in data["rejected"]] == [10, 9, 2][:most]
        assert data["counts"] == [entry("a", 3, 3, 10), entry("b", 4, 1, 2)]


def query(number: int, started: float, seconds: float) -> dict[str, Any]:
    return {"id": str(number), "started": started, "seconds": seconds}


def test_queries_of_all_have_ids_that_say_whose_they_are() -> None:
    parts = [
        part({"queries": [query(1, 10.0, 9.0), query(2, 30.0, 1.0)]}),
        part({"queries": []}),
        part({"queries": [query(1, 20.0, 50.0)]}),
    ]
    active = json.loads(active_queries(request(), parts).body)["data"]["queries"]  # type: ignore[arg-type]
    assert [(each["id"], each["started"]) for each in active] == [
        ("3", 10.0), ("5", 20.0), ("6", 30.0)]  # fmt: skip
    slow = json.loads(slow_queries(request(), parts).body)["data"]["queries"]  # type: ignore[arg-type]
    assert [each["id"] for each in slow] == ["5", "6", "3"]
    few = active_queries(request(query="?limit=2"), parts)
    assert len(json.loads(few.body)["data"]["queries"]) == 2  # type: ignore[arg-type]
    assert active_queries(request(), [*parts, NoAnswer("process 3 is away")]).status == 503


def test_deletions_are_in_the_order_of_their_tenants() -> None:
    asked = make_mocked_request("GET", "/", headers={"X-Scope-OrgID": "b|a|c"})
    parts = [
        part({"deletions": [{"tenant": "b", "n": 2}, {"tenant": "b", "n": 1}, {"tenant": "c"}]}),
        part({"deletions": [{"tenant": "a"}]}),
    ]
    found = json.loads(deletions(asked, parts).body)["data"]["deletions"]  # type: ignore[arg-type]
    assert [each["tenant"] for each in found] == ["b", "b", "a", "c"]
    assert [each["n"] for each in found[:2]] == [2, 1]


def test_statistics_of_users_are_added_up() -> None:
    parts = [
        Part(200, {}, json.dumps({"ingestionRate": 1.5, "numSeries": 3}).encode()),
        Part(200, {}, json.dumps({"ingestionRate": 2.0, "numSeries": 4}).encode()),
    ]
    answer = user_stats(request(), parts)
    assert json.loads(answer.body) == {"ingestionRate": 3.5, "numSeries": 7}  # type: ignore[arg-type]
