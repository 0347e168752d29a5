"""Endpoints, parameters and errors against what Prometheus and Thanos answer: one line per case.

A case is a path with parameters, the status, and the data or the error: (kind, text).
"""

import json
from typing import Any

import pytest
from yarl import URL

from tests.makers.fake_store import Running, run_api

BAD, UNAVAILABLE = "bad_data", "unavailable"
NO_TARGETS = {"activeTargets": [], "droppedTargets": []}
NO_MATCHER = "match[] must contain at least one non-empty matcher"
CASES: list[tuple[str, int, Any]] = [
    # Texts of expressions
    ("format_query?query=foo%2Fbar", 200, "foo / bar"),
    ("format_query", 400, (BAD, 'invalid parameter "query": unknown position: parse error: ')),
    ("format_query?query=foo(", 400, (BAD, 'invalid parameter "query": 1:5: parse error: ')),
    ("parse_query?query=1e3", 200, {"type": "numberLiteral", "val": "1000"}),
    ("parse_query?query=foo{", 400, (BAD, 'invalid parameter "query": 1:5: parse error: ')),
    ("parse_query", 400, (BAD, 'invalid parameter "query": unknown position: parse error: ')),
    # Scraping
    ("targets", 200, NO_TARGETS | {"droppedTargetCounts": {}}),
    ("targets?state=any", 200, NO_TARGETS | {"droppedTargetCounts": {}}),
    ("targets?state=DROPPED&scrapePool=x", 200, NO_TARGETS | {"droppedTargetCounts": {}}),
    ("targets?state=active", 200, NO_TARGETS | {"droppedTargetCounts": None}),
    ("targets?state=nonsense", 200, NO_TARGETS | {"droppedTargetCounts": None}),
    ("targets/metadata", 200, []),
    ("targets/metadata?match_target={job='x'}&metric=up&limit=3", 200, []),
    ("targets/metadata?limit=x", 400, (BAD, "limit must be a number")),
    (
        "targets/metadata?match_target={",
        400,
        (BAD, 'invalid parameter "match_target": 1:2: parse error: '),
    ),
    ("targets/relabel_steps", 400, (BAD, "no scrapePool parameter provided")),
    ("targets/relabel_steps?scrapePool=a", 400, (BAD, "no labels parameter provided")),
    ("targets/relabel_steps?scrapePool=a&labels=[", 400, (BAD, "error parsing labels: ")),
    ("targets/relabel_steps?scrapePool=a&labels={'a':1}", 400, (BAD, "error parsing labels: ")),
    (
        'targets/relabel_steps?scrapePool=a&labels={"a":"b"}',
        400,
        (BAD, 'error retrieving scrape config: scrape pool "a" not found'),
    ),
    ("scrape_pools", 200, {"scrapePools": []}),
    ("scrape_pools/config", 400, (BAD, "no scrapePool parameter provided")),
    ("scrape_pools/config?scrapePool=a", 400, (BAD, 'scrape pool "a" not found')),
    # Rules
    ("rules", 200, {"groups": []}),
    ("rules?type=ALERT&exclude_alerts=T&group_limit=5", 200, {"groups": []}),
    ("rules?rule_name[]=a&rule_group[]=b&file[]=c&match[]={a='b'}", 200, {"groups": []}),
    ("rules?type=x", 400, (BAD, 'invalid parameter "type": not supported value "x"')),
    (
        "rules?exclude_alerts=maybe",
        400,
        (BAD, 'invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.'),
    ),
    ("rules?match[]={", 400, (BAD, "1:2: parse error: ")),
    ("rules?match[]={}", 400, (BAD, NO_MATCHER)),
    ("rules?match[]=%zz", 400, (BAD, 'error parsing form values: invalid URL escape "%zz"')),
    (
        "rules?group_next_token=t",
        400,
        (
            BAD,
            'invalid parameter "group_next_token": group_limit needs to be present in order to '
            "paginate over the groups",
        ),
    ),
    (
        "rules?group_limit=0",
        400,
        (BAD, 'invalid parameter "group_limit": group_limit needs to be greater than 0'),
    ),
    (
        "rules?group_limit=x",
        400,
        (
            BAD,
            'invalid parameter "group_limit": group_limit needs to be a valid number: '
            'strconv.ParseInt: parsing "x": invalid syntax',
        ),
    ),
    (
        "rules?group_limit=4294967296",
        400,
        (
            BAD,
            'invalid parameter "group_limit": group_limit needs to be a valid number: '
            'strconv.ParseInt: parsing "4294967296": value out of range',
        ),
    ),
    (
        "rules?group_limit=1&group_next_token=t",
        400,
        (
            BAD,
            "invalid parameter \"group_next_token\": invalid group_next_token 't'. were rule "
            "groups changed?",
        ),
    ),
    ("alerts", 200, {"alerts": []}),
    ("alertmanagers", 200, {"activeAlertmanagers": [], "droppedAlertmanagers": []}),
    ("notifications", 200, []),
    ("notifications/live", 204, None),
    # What is off
    ("search/metric_names", 500, (UNAVAILABLE, "search API disabled")),
    ("search/label_names?search[]=a", 500, (UNAVAILABLE, "search API disabled")),
    ("search/label_values?label=a", 500, (UNAVAILABLE, "search API disabled")),
    # Thanos
    ("query?query=1&engine=thanos&partial_response=true", 200, ...),
    ("query?query=1&engine=prometheus&storeMatch[]=x&max_source_resolution=auto", 200, ...),
    (
        "query?query=1&engine=x",
        400,
        (BAD, 'invalid parameter "engine": got "x"; allowed are prometheus, thanos'),
    ),
    ("query_range?query=1&start=0&end=1", 400, (BAD, 'invalid parameter "step": cannot parse ""')),
    ("query_range?query=1&start=0&end=1&step=1&engine=x", 400, (BAD, 'invalid parameter "engine')),
    ("status/walreplay", 200, {"min": 0, "max": 0, "current": 0}),
]


def ask_all(method: str, headers: dict[str, str] | None = None) -> list[tuple[int, Any, Any]]:
    """Status, headers and JSON, None where there is no body, of each case's answer."""
    answers = []

    async def ask(running: Running) -> None:
        for url, *_ in CASES:
            path = URL(f"/api/v1/{url}".replace('"', "%22"), encoded=True)
            async with running.client.request(method, path, headers=headers) as response:
                body = await response.read()
                parsed = json.loads(body) if body and response.status != 405 else None
                answers.append((response.status, response.headers, parsed))

    run_api(ask)
    return answers


def test_answers_and_errors() -> None:
    for (url, status, want), (got_status, headers, got) in zip(CASES, ask_all("GET"), strict=True):
        assert got_status == status, (url, got)
        if want is None:
            assert got is None, url
            continue
        assert headers["Content-Type"] == "application/json", url
        if status == 200:
            assert got["status"] == "success", url
            assert want is ... or got["data"] == want, url
            continue
        assert got["status"] == "error", url
        assert got["errorType"] == want[0], url
        assert got["error"].startswith(want[1]), (url, got["error"])


def test_head_is_get_without_a_body() -> None:
    pairs = zip(ask_all("GET"), ask_all("HEAD"), CASES, strict=True)
    for (status, headers, _), (head_status, head_headers, body), (url, *_) in pairs:
        assert (head_status, body) == (status, None), url
        assert head_headers.get("Content-Length") == headers.get("Content-Length"), url


def test_every_path_answers_preflights() -> None:
    origin = {"Origin": "http://a", "Access-Control-Request-Method": "POST"}
    for status, headers, body in ask_all("OPTIONS", origin):
        assert (status, body) == (204, None)
        assert headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
        assert headers["Access-Control-Allow-Origin"] == "*"


def test_preflights_of_unknown_paths_are_answered_below_the_api() -> None:
    async def check(running: Running) -> None:
        for path, status in (
            ("/api/v1/nothing", 204),
            ("/prometheus/api/v1/a/b", 204),
            ("/nothing", 404),
            ("/api/v1x", 404),
        ):
            async with running.client.options(path, headers={"Origin": "http://a"}) as response:
                assert response.status == status, path
                allowed = response.headers.get("Access-Control-Allow-Methods")
                assert allowed == ("GET, POST, OPTIONS" if status == 204 else None), path
        async with running.client.get("/api/v1/nothing") as response:
            assert response.status == 404

    run_api(check)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(method: str) -> None:
    assert {status for status, *_ in ask_all(method)} == {405}


def test_stores_name_the_tenants() -> None:
    async def check(running: Running) -> None:
        headers = {"X-Scope-OrgID": "b|a"}
        async with running.client.get("/api/v1/stores", headers=headers) as response:
            (own,) = (await response.json())["data"]["receive"]
        assert own["labelSets"] == [{"tenant_id": "a"}, {"tenant_id": "b"}]
        assert own["lastCheck"] == "2015-07-01T20:10:51.781Z"

    run_api(check)
