"""Tests of query and query_range from HTTP to JSON, over the real engine and a store in memory."""

import io
import json

import polars
import pyarrow as pa
import pytest

from api.promql.engine import Engine
from api.promql.features import parse_features
from api.promql.options import EngineOptions
from api.web.options import ApiOptions
from storage.dedup.algorithm import Algorithm
from storage.samples.hint import Purpose
from tests.makers.fake_store import NOW_MS, FakeStore, Running, run_api


def fill(store: FakeStore) -> None:
    for i in range(3):
        samples = [(NOW_MS - 60_000 + k * 15_000, float(i + k)) for k in range(5)]
        store.tenant().write({"__name__": "up", "job": f"j{i}"}, samples)
    store.tenant("other").write({"__name__": "up", "job": "other"}, [(NOW_MS, 0.5)])


def test_the_health_check_of_grafana() -> None:
    async def check(running: Running) -> None:
        form = {"query": "1+1", "time": "4"}
        async with running.client.post("/api/v1/query", data=form) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "application/json"
            assert await response.text() == (
                '{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}'
            )

    run_api(check)


def test_an_instant_query_is_evaluated_now_unless_it_says_when() -> None:
    async def check(running: Running) -> None:
        async with running.client.get("/prometheus/api/v1/query?query=up{job='j1'}") as response:
            assert await response.text() == (
                '{"status":"success","data":{"resultType":"vector","result":['
                '{"metric":{"__name__":"up","job":"j1"},"value":[1435781451.781,"5"]}]}}'
            )
        _, answer = await running.get("query", query='"text"')
        assert answer["data"] == {"resultType": "string", "result": [1435781451.781, "text"]}
        _, answer = await running.get("query", query="up{job='j1'}", time="1435781421.781")
        assert answer["data"]["result"][0]["value"] == [1435781421.781, "3"]
        _, answer = await running.get("query", query="up{job='j1'}[30s]")
        assert answer["data"]["result"][0]["values"] == [
            [1435781436.781, "4"],
            [1435781451.781, "5"],
        ]
        _, answer = await running.get("query", query="nothing")
        assert answer["data"]["result"] == []

    run_api(check, fill=fill)


def test_a_range_query() -> None:
    times = {"start": str(NOW_MS / 1000 - 30), "end": str(NOW_MS / 1000), "step": "15"}

    async def check(running: Running) -> None:
        form = {"query": "up", **times}
        async with running.client.post("/api/v1/query_range", data=form) as response:
            answer = await response.json()
        assert [series["metric"]["job"] for series in answer["data"]["result"]] == [
            "j0",
            "j1",
            "j2",
        ]
        assert answer["data"]["result"][1] == {
            "metric": {"__name__": "up", "job": "j1"},
            "values": [[1435781421.781, "3"], [1435781436.781, "4"], [1435781451.781, "5"]],
        }
        _, answer = await running.get("query_range", query="2", **times)
        assert answer["data"]["resultType"] == "matrix"
        assert answer["data"]["result"][0]["metric"] == {}
        _, answer = await running.get("query_range", query="up", limit="2", **times)
        assert len(answer["data"]["result"]) == 2
        assert answer["warnings"] == ["results truncated due to limit"]

    run_api(check, fill=fill)


@pytest.mark.parametrize(
    ("path", "status", "kind", "text"),
    [
        (
            "query?query=up{",
            400,
            "bad_data",
            'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces',
        ),
        (
            "query",
            400,
            "bad_data",
            'invalid parameter "query": unknown position: parse error: no expression found',
        ),
        (
            "query_range?query=up[5m]&start=0&end=1&step=1",
            400,
            "bad_data",
            'invalid parameter "query": invalid expression type "range vector" for range query, '
            "must be Scalar or instant Vector",
        ),
        (
            "query_range?query=up&start=0&end=1&step=x",
            400,
            "bad_data",
            'invalid parameter "step": cannot parse "x" to a valid duration',
        ),
        (
            "query?query=label_replace(up,'job','x','job','.*')",
            422,
            "execution",
            "vector cannot contain metrics with the same labelset",
        ),
        (
            "query_range?query=up&start=0&end=100&step=1",
            422,
            "execution",
            "query processing would load too many samples into memory in query execution",
        ),
        ("query?query=up&timeout=0", 503, "timeout", "query timed out in query execution"),
        ("query?query=up&timeout=-1", 503, "timeout", "query timed out in query execution"),
        ("query?query=up&timeout=NaN", 503, "timeout", "query timed out in query execution"),
        (
            "query?query=up{&timeout=0",
            400,
            "bad_data",
            'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces',
        ),
    ],
)
def test_errors(path: str, status: int, kind: str, text: str) -> None:
    async def check(running: Running) -> None:
        async with running.client.get(f"/api/v1/{path}") as response:
            assert response.status == status
            assert response.headers["Content-Type"] == "application/json"
            answer = json.loads(await response.text())
        assert list(answer) == ["status", "errorType", "error"]
        assert answer["status"] == "error"
        assert answer["errorType"] == kind
        assert answer["error"].startswith(text)
        name = path.split("?")[0]
        got = running.sample("cupola_api_request_errors_total", endpoint=name, type=kind)
        assert got == 1

    run_api(check, fill=fill, engine_options=EngineOptions(threads=1, max_samples=50))


TIMINGS = ("evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime")


def check_timings(timings: dict[str, float]) -> None:
    """What belongs together: the whole is no less than its parts."""
    assert list(timings) == [*TIMINGS, "execQueueTime", "execTotalTime"]
    assert all(seconds >= 0 for seconds in timings.values())
    total, sorting, preparing, inner = (timings[name] for name in TIMINGS)
    assert total >= sorting + preparing + inner > 0
    assert timings["execTotalTime"] == pytest.approx(total + timings["execQueueTime"])


def test_stats_are_told_if_asked_for() -> None:
    async def check(running: Running) -> None:
        _, answer = await running.get("query", query="up", stats="true")
        assert list(answer["data"]) == ["resultType", "result", "stats"]
        stats = answer["data"]["stats"]
        check_timings(stats["timings"])
        peak = stats["samples"].pop("peakSamples")
        assert peak >= 3
        assert stats["samples"] == {"totalQueryableSamples": 3, "samplesRead": 3}
        assert "warnings" not in answer
        _, answer = await running.get("query", query="up", stats="")
        assert "stats" not in answer["data"]
        _, answer = await running.get("query", query="quantile(2, up)", stats="1")
        assert answer["data"]["stats"]["samples"]["totalQueryableSamples"] == 3
        assert answer["warnings"][1].startswith('value "1" for parameter "stats" is deprecated')

    run_api(check, fill=fill)


@pytest.mark.parametrize("names", [[], ["promql-per-step-stats"]])
def test_stats_of_each_step_need_a_feature(names: list[str]) -> None:
    engine = Engine(EngineOptions(threads=1), parse_features(names))

    async def check(running: Running) -> None:
        start = NOW_MS / 1000 - 30
        times = {"start": str(start), "end": str(start + 30), "step": "15"}
        _, answer = await running.get("query_range", query="rate(up[30s])", stats="all", **times)
        stats = answer["data"]["stats"]
        check_timings(stats["timings"])
        assert stats["timings"]["resultSortTime"] > 0
        told = ["totalQueryableSamples", "samplesRead", "peakSamples"]
        if names:
            told[0:0] = ["totalQueryableSamplesPerStep"]
            told[2:2] = ["samplesReadPerStep"]
            assert stats["samples"]["totalQueryableSamplesPerStep"] == [
                [start + seconds, 6] for seconds in (0, 15, 30)
            ]
            assert stats["samples"]["samplesReadPerStep"] == [
                [start, 6],
                [start + 15, 3],
                [start + 30, 3],
            ]
        assert list(stats["samples"]) == told
        assert stats["samples"]["totalQueryableSamples"] == 18
        assert stats["samples"]["samplesRead"] == 12
        _, answer = await running.get("query_range", query="up", stats="true", **times)
        assert "samplesReadPerStep" not in answer["data"]["stats"]["samples"]

    run_api(check, fill=fill, engine=engine)
    engine.close()


def test_annotations_are_told() -> None:
    async def check(running: Running) -> None:
        _, answer = await running.get("query", query="quantile(2, up)")
        assert len(answer["warnings"]) == 1
        assert "quantile" in answer["warnings"][0]
        _, answer = await running.get("query", query="rate(up[1m])")
        assert len(answer["infos"]) == 1

    run_api(check, fill=fill)


def test_tenants_and_replicas_are_handed_to_the_store() -> None:
    async def check(running: Running) -> None:
        for headers, job in (({"X-Scope-OrgID": "other"}, "other"), ({}, "j0")):
            async with running.client.get("/api/v1/query?query=up", headers=headers) as response:
                answer = await response.json()
            assert answer["data"]["result"][0]["metric"]["job"] == job
        await running.get("query", query="1", dedup="false")
        await running.get("query", query="1", **{"replicaLabels[]": "pod"})
        await running.get("query", query="1", dedup="chain")
        assert running.store.asked == [
            ("other", ("replica",), True, Algorithm.AUTO),
            ("default", ("replica",), True, Algorithm.AUTO),
            ("default", ("replica",), False, Algorithm.AUTO),
            ("default", ("pod",), True, Algorithm.AUTO),
            ("default", ("replica",), True, Algorithm.CHAIN),
        ]
        headers = {"X-Scope-OrgID": "a/b"}
        async with running.client.get("/api/v1/query?query=1", headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["error"].startswith("invalid tenant 'a/b'")

    run_api(check, fill=fill)


def test_parameters_of_other_systems_are_ignored() -> None:
    async def check(running: Running) -> None:
        status, _ = await running.get(
            "query",
            query="1",
            partial_response="x",
            step="1",
            nocache=1,
        )
        assert status == 200

    run_api(check)


@pytest.mark.parametrize(
    ("asked", "auto", "resolution_ms"),
    [
        ({}, False, 0),
        ({}, True, 300_000),
        ({"max_source_resolution": "auto"}, False, 300_000),
        ({"max_source_resolution": "0s"}, True, 0),
        ({"max_source_resolution": "1h"}, False, 3_600_000),
    ],
)
def test_the_resolution_is_handed_on(asked: dict[str, str], auto: bool, resolution_ms: int) -> None:
    times = {"start": "1435780000", "end": "1435790000", "step": "1h"}

    async def check(running: Running) -> None:
        tenant = running.store.tenant()
        tenant.has_aggregates, tenant.aggregated_until_ms = True, NOW_MS
        await running.get("query_range", query="rate(up[1d])", **times, **asked)
        await running.get("query", query="rate(up[1d])", **asked)
        explicit = resolution_ms if asked.get("max_source_resolution") == "1h" else 0
        hints = [(hint.purpose, hint.resolution_ms) for hint in tenant.hints]
        assert hints == [(Purpose.RISES, resolution_ms), (Purpose.RISES, explicit)]

    run_api(check, fill=fill, engine_options=EngineOptions(threads=1, auto_downsampling=auto))


@pytest.mark.parametrize("path", ["query?query=up", "query_range?query=up&start=0&end=1&step=1"])
def test_a_resolution_that_is_none_is_refused(path: str) -> None:
    async def check(running: Running) -> None:
        async with running.client.get(f"/api/v1/{path}&max_source_resolution=-1") as response:
            assert response.status == 400
            answer = await response.json()
        assert answer["error"] == (
            'invalid parameter "max_source_resolution": got "-1"; it must not be negative'
        )

    run_api(check, fill=fill)


def test_lookback_is_handed_on() -> None:
    async def check(running: Running) -> None:
        late = str(NOW_MS / 1000 + 60)
        _, answer = await running.get("query", query="up", time=late, lookback_delta="30s")
        assert answer["data"]["result"] == []
        _, answer = await running.get("query", query="up", time=late, lookback_delta="0")
        assert len(answer["data"]["result"]) == 3

    run_api(check, fill=fill)


ARROW, CSV = "application/vnd.apache.arrow.stream", "text/csv"


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_as_an_arrow_stream(method: str, encoding: str) -> None:
    async def check(running: Running) -> None:
        times = {"start": str(NOW_MS / 1000 - 30), "end": str(NOW_MS / 1000), "step": "15"}
        form = {"query": "up", "limit": "2", **times}
        given = {"params": form} if method == "GET" else {"data": form}
        headers = {"Accept": ARROW, "Accept-Encoding": encoding}
        url = "/api/v1/query_range"
        async with running.client.request(method, url, headers=headers, **given) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == ARROW
            assert response.headers.get("Content-Encoding", "identity") == encoding
            data = await response.read()
        table = pa.ipc.open_stream(data).read_all()
        notes = table.schema.metadata
        assert notes[b"resultType"] == b"matrix"
        assert json.loads(notes[b"warnings"]) == ["results truncated due to limit"]
        assert polars.read_ipc_stream(io.BytesIO(data)).rows()[0][1:] == ("up", "j0", 2.0)
        assert table.column("job").to_pylist() == ["j0"] * 3 + ["j1"] * 3
        assert table.column("value").to_pylist() == [2.0, 3.0, 4.0, 3.0, 4.0, 5.0]

    run_api(check, fill=fill)


def test_an_answer_as_csv() -> None:
    async def check(running: Running) -> None:
        params = {"query": "up{job='j1'}", "time": "1435781421.781"}
        headers = {"Accept": "text/csv;q=0.9, application/json;q=0.1"}
        async with running.client.get("/api/v1/query", params=params, headers=headers) as response:
            assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
            assert response.headers["Vary"] == "Origin, Accept, Accept-Encoding"
            assert await response.text() == (
                "time,__name__,job,value\n2015-07-01T20:10:21.781Z,up,j1,3\n"
            )

    run_api(check, fill=fill)


@pytest.mark.parametrize("accept", [ARROW, CSV])
def test_errors_are_json_whatever_was_wanted(accept: str) -> None:
    async def check(running: Running) -> None:
        for path, status in (("query?query=up{", 400), ("query?query=up&timeout=0", 503)):
            headers = {"Accept": accept}
            async with running.client.get(f"/api/v1/{path}", headers=headers) as response:
                assert response.status == status
                assert response.headers["Content-Type"] == "application/json"
                assert (await response.json())["status"] == "error"

    run_api(check, fill=fill)


def test_a_table_states_the_statistics() -> None:
    async def check(running: Running) -> None:
        params = {"query": "up{job='j1'}", "stats": "all"}
        headers = {"Accept": ARROW}
        async with running.client.get("/api/v1/query", params=params, headers=headers) as response:
            table = pa.ipc.open_stream(await response.read()).read_all()
        assert json.loads(table.schema.metadata[b"stats"])["samples"]["samplesRead"] == 1

    run_api(check, fill=fill)


@pytest.mark.parametrize("accept", ["*/*", ARROW, CSV])
def test_an_answer_that_is_too_large_is_refused_in_any_form(accept: str) -> None:
    async def check(running: Running) -> None:
        headers = {"Accept": accept}
        async with running.client.get("/api/v1/query?query=up[1m]", headers=headers) as response:
            assert response.status == 422
            assert "api.max-answer-bytes=100" in (await response.json())["error"]

    run_api(check, fill=fill, options=ApiOptions(answer_bytes_max=100))
