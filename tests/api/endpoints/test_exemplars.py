"""query_exemplars over a store in memory: what is selected, and how it is told."""

from __future__ import annotations

import math
from typing import Any

import pytest

from api.endpoints.exemplars import selectors_of
from api.promql.syntax.parser import parse
from api.times import MAX_TIME_MS, MIN_TIME_MS
from storage.dedup.algorithm import Algorithm
from storage.labels.matchers import Matcher
from tests.makers.fake_store import REPLICAS, FakeStore, Running, run_api


def fill(store: FakeStore) -> None:
    tenant = store.tenant()
    tenant.exemplars_of = {
        (("__name__", "b"), ("é", "ü")): [(1_600_096_945_479, 6.0, (("trace_id", 'a"ü'),))],
        (("__name__", "a"),): [(-1500, math.nan, ()), (2000, 1e-7, (("a", "1"), ("b", "2")))],
    }


def test_answer_is_told_as_prometheus_does() -> None:
    async def check(running: Running) -> None:
        for method in ("GET", "POST"):
            url = "/api/v1/query_exemplars?query=a"
            async with running.client.request(method, url) as response:
                assert response.status == 200
                text = await response.text()
        assert text == (
            '{"status":"success","data":['
            '{"seriesLabels":{"__name__":"a"},"exemplars":['
            '{"labels":{},"value":"NaN","timestamp":-1.500},'
            '{"labels":{"a":"1","b":"2"},"value":"1e-07","timestamp":2}]},'
            '{"seriesLabels":{"__name__":"b","é":"ü"},"exemplars":['
            '{"labels":{"trace_id":"a\\"ü"},"value":"6","timestamp":1600096945.479}]}]}'
        )

    run_api(check, fill=fill)


def test_nothing_found_is_an_empty_list() -> None:
    async def check(running: Running) -> None:
        assert await running.get("query_exemplars", query="a") == (
            200,
            {"status": "success", "data": []},
        )

    run_api(check)


def test_without_selectors_there_is_no_content() -> None:
    async def check(running: Running) -> None:
        async with running.client.get("/api/v1/query_exemplars?query=1%2B1") as response:
            assert (response.status, await response.read()) == (204, b"")

    run_api(check, fill=fill)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("a", ["a"]),
        ("rate(a[5m] offset 1h)", ["a"]),
        ("sum(rate(a[5m])) / (b > bool a)", ["a", "b"]),
        ("max_over_time((-a)[1h:5m] @ 5)", ["a"]),
        ("topk(scalar(c), a)", ["a", "c"]),
        ("1 + time()", []),
    ],
)
def test_selectors_are_found_anywhere(query: str, names: list[str]) -> None:
    found = selectors_of(parse(query))
    assert sorted(found, key=str) == [(Matcher("__name__", "=", name),) for name in names]


@pytest.mark.parametrize(
    ("params", "span"),
    [
        ({}, (MIN_TIME_MS, MAX_TIME_MS)),
        ({"start": "1.5", "end": "1970-01-01T00:00:02Z"}, (1500, 2000)),
        # Grafana tries with milliseconds for seconds.
        ({"start": "1795208776581", "end": "1795208776582"}, (1795208776581000, 1795208776582000)),
    ],
)
def test_times_are_handed_on(params: dict[str, str], span: tuple[int, int]) -> None:
    async def check(running: Running) -> None:
        status, _ = await running.get("query_exemplars", query='{x="1"}', dedup="false", **params)
        assert status == 200
        asked: Any = running.store.tenant().asked_exemplars
        assert asked == ([(Matcher("x", "=", "1"),)], *span)
        assert running.store.asked == [("default", REPLICAS.labels, False, Algorithm.AUTO)]

    run_api(check, fill=fill)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"query": ""}, "unknown position: parse error: no expression found in input"),
        ({"query": "a["}, "1:3: parse error: unexpected end of input"),
        (
            {"query": "a", "start": "2", "end": "1"},
            "end timestamp must not be before start timestamp",
        ),
        ({"query": "a", "end": "x"}, 'invalid parameter "end": invalid time value for'),
    ],
)
def test_errors(params: dict[str, str], text: str) -> None:
    async def check(running: Running) -> None:
        status, answer = await running.get("query_exemplars", **params)
        assert (status, answer["errorType"]) == (400, "bad_data")
        assert answer["error"].startswith(text)

    run_api(check, fill=fill)
