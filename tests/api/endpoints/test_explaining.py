"""Explanations of queries as clients get them."""

from typing import Any

import pytest

from tests.makers.fake_store import NOW_MS, FakeStore, Running, run_api


def fill(store: FakeStore) -> None:
    for i in range(4):
        samples = [(NOW_MS - 60_000 + k * 15_000, float(i + k)) for k in range(5)]
        store.tenant().write({"__name__": "up", "job": f"j{i % 2}", "i": str(i)}, samples)


RANGE = {"start": str(NOW_MS / 1000 - 30), "end": str(NOW_MS / 1000), "step": "15"}


@pytest.mark.parametrize(
    ("path", "times", "steps"), [("query_explain", {}, 1), ("query_range_explain", RANGE, 3)]
)
def test_a_query_is_explained(path: str, times: dict[str, str], steps: int) -> None:
    async def check(running: Running) -> None:
        form = {"query": "sum by (job) (rate(up[1m]))", **times}
        async with running.client.post(f"/api/v1/{path}", data=form) as response:
            assert response.status == 200
            answer = await response.json()
        root = answer["data"]
        assert answer["status"] == "success" and "warnings" not in answer
        assert answer["infos"]  # up is no counter
        assert root["name"] == "[aggregation] sum by (job)"
        assert (root["series"], root["samples"], root["steps"]) == (2, 2 * steps, steps)
        assert root["labels"] == [
            {
                "name": "job",
                "cardinality": 2,
                "values": [{"value": "j0", "series": 1}, {"value": "j1", "series": 1}],
            }
        ]
        (call,) = root["children"]
        (selector,) = call["children"]
        assert call["text"] == "rate(up[1m])" and selector["text"] == "up[1m]"
        assert (call["start"], call["end"]) == (14, 26)
        assert (selector["series"], selector["children"]) == (4, [])
        assert root["totalSamples"] == selector["samplesRead"] == 4 * (4 if steps == 1 else 5)
        assert root["seconds"] >= call["seconds"] >= selector["seconds"] > 0
        assert root["stats"]["samples"]["peakSamples"] > 0
        assert root["stats"]["timings"]["evalTotalTime"] >= root["seconds"]

    run_api(check, fill=fill)


@pytest.mark.parametrize(
    ("path", "params", "status", "error"),
    [
        ("query_explain", {"query": "up{"}, 400, 'invalid parameter "query": 1:4: parse error: '),
        ("query_explain", {"query": "up", "time": "x"}, 400, 'invalid parameter "time": '),
        ("query_explain", {"query": "up", "engine": "x"}, 400, 'invalid parameter "engine": '),
        ("query_explain", {"query": "up", "timeout": "0.000001ms"}, 400, 'invalid parameter "tim'),
        ("query_explain", {"query": "up + on () up"}, 422, "found duplicate series "),
        ("query_range_explain", {"query": "up"}, 400, 'invalid parameter "start": '),
        (
            "query_range_explain",
            {"query": "up[1m]", **RANGE},
            400,
            'invalid parameter "query": invalid expression type "range vector"',
        ),
    ],
)
def test_errors_are_those_of_queries(path: str, params: Any, status: int, error: str) -> None:
    async def check(running: Running) -> None:
        got, answer = await running.get(path, **params)
        assert (got, answer["status"]) == (status, "error")
        assert answer["error"].startswith(error)

    run_api(check, fill=fill)
