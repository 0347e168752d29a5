"""Tests of labels, label values, series, metadata and buildinfo over a store in memory."""

import re
import time
from pathlib import Path

import pyarrow as pa
import pytest

from storage.catalog.metadata import Description
from tests.makers.fake_store import NOW_MS, FakeStore, Running, run_api
from tests.makers.real_api import RealApi, run_real_api

SECONDS = NOW_MS / 1000


A = {"type": "gaugehistogram", "help": "", "unit": "bytes"}
UP = {"type": "gauge", "help": 'Is "it" ü?', "unit": ""}
UP_TOO = {"type": "unknown", "help": "", "unit": ""}


def fill(store: FakeStore) -> None:
    tenant = store.tenant()
    tenant.write({"__name__": "up", "job": "b", "service.name": "x"}, [(NOW_MS, 1.0)])
    tenant.write({"__name__": "up", "job": "a"}, [(NOW_MS - 3_600_000, 1.0)])
    tenant.write({"__name__": "down", "job": "c", "é": "ü"}, [(NOW_MS, 1.0)])
    up = (Description(2, 'Is "it" ü?', ""), Description(0, "", ""))
    tenant.described = {"up": up, "a": (Description(4, "", "bytes"),)}


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("labels", ["__name__", "job", "service.name", "é"]),
        ("labels?match[]=up", ["__name__", "job", "service.name"]),
        (f"labels?end={SECONDS - 60}", ["__name__", "job"]),
        ('labels?match[]={job="a"}&match[]=down', ["__name__", "job", "é"]),
        ("label/job/values", ["a", "b", "c"]),
        (f"label/job/values?start={SECONDS - 60}", ["b", "c"]),
        ("label/__name__/values", ["down", "up"]),
        ("label/__name__/values?match[]={job=~'a|b'}", ["up"]),
        ("label/U__service_2e_name/values", ["x"]),
        ("label/service.name/values", ["x"]),
        ("label/%C3%A9/values", ["ü"]),
        ("label/nothing/values", []),
        (
            "series?match[]=up",
            [
                {"__name__": "up", "job": "a"},
                {"__name__": "up", "job": "b", "service.name": "x"},
            ],
        ),
        (
            'series?match[]={job="c"}&match[]=down',
            [{"__name__": "down", "job": "c", "é": "ü"}],
        ),
        ("series?match[]=nothing", []),
        ("metadata", {"a": [A], "up": [UP, UP_TOO]}),
        ("metadata?metric=up", {"up": [UP, UP_TOO]}),
        ("metadata?metric=upper", {}),
        ("metadata?limit=1", {"a": [A]}),
        ("metadata?limit=0", {}),
        ("metadata?limit=-1&limit_per_metric=1", {"a": [A], "up": [UP]}),
        ("metadata?limit_per_metric=0", {"a": [A], "up": [UP, UP_TOO]}),
    ],
)
def test_answers(path: str, data: object) -> None:
    async def check(running: Running) -> None:
        methods = ("GET", "POST")
        for method in methods:
            async with running.client.request(method, f"/api/v1/{path}") as response:
                assert response.status == 200
                assert await response.json() == {"status": "success", "data": data}

    run_api(check, fill=fill)


def test_answers_are_kept_no_longer_than_they_are_true(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000

    async def scenario(api: RealApi) -> None:
        async def ask(path: str, **more: str) -> object:
            found = await api.get(path, **{"match[]": '{__name__=~"up|down"}'}, **more)
            assert found[0] == 200
            return found[1]

        pods: list[str] = []
        for pod in ("a", "b", "c"):
            pods.append(pod)
            await api.write(({"__name__": "up", "pod": pod}, [(now_ms, 1.0)]))
            for _ in range(3):
                assert await ask("label/pod/values") == pods
                assert await ask("label/pod/values", limit="1") == ["a"]
                assert await ask("label/__name__/values") == ["up"]
                assert await ask("series") == [{"__name__": "up", "pod": p} for p in pods]
                assert await ask("series", limit="1") == [{"__name__": "up", "pod": "a"}]
                assert await ask("labels") == ["__name__", "pod"]
                assert await ask("labels", limit="1") == ["__name__"]
                assert await ask("series", end=str(now_ms / 1000 - 1)) == []
        await api.write(({"__name__": "down", "job": "j"}, [(now_ms, 1.0)]))
        assert await ask("label/__name__/values") == ["down", "up"]
        assert await ask("labels") == ["__name__", "job", "pod"]

    run_real_api(tmp_path, scenario)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("series", "no match[] parameter provided"),
        (
            "series?match[]={}",
            'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
        ),
        ("labels?match[]={}", "match[] must contain at least one non-empty matcher"),
        ("label/U__/values", 'invalid label name: ""'),
        ("labels?limit=-1", 'invalid parameter "limit": limit must be non-negative'),
        ("metadata?limit=x", "limit must be a number"),
        ("metadata?limit_per_metric=1.5", "limit_per_metric must be a number"),
    ],
)
def test_errors(path: str, text: str) -> None:
    async def check(running: Running) -> None:
        async with running.client.get(f"/api/v1/{path}") as response:
            assert response.status == 400
            answer = await response.json()
        assert answer["errorType"] == "bad_data"
        assert answer["error"].startswith(text)

    run_api(check, fill=fill)


@pytest.mark.parametrize("path", ["labels", "label/job/values", "series"])
def test_answers_are_cut_at_the_limit(path: str) -> None:
    async def check(running: Running) -> None:
        query = {"match[]": '{job=~".+"}'}
        _, answer = await running.get(path, limit="1", **query)
        assert len(answer["data"]) == 1
        assert answer["warnings"] == ["results truncated due to limit"]
        _, answer = await running.get(path, limit="0", **query)
        assert "warnings" not in answer

    run_api(check, fill=fill)


def test_the_build_is_like_a_prometheus_without_a_ruler() -> None:
    async def check(running: Running) -> None:
        status, answer = await running.get("status/buildinfo")
        assert status == 200
        data = answer["data"]
        assert list(data) == [
            "version",
            "revision",
            "branch",
            "buildUser",
            "buildDate",
            "goVersion",
        ]
        assert re.fullmatch(r"3\.\d+\.\d+", data["version"])
        assert data["revision"].startswith("cupola-")
        async with running.client.get("/version") as response:
            assert response.content_type == "application/json"
            assert await response.json() == data, "the same without an envelope"
        assert re.fullmatch(r"\d{8}-\d\d:\d\d:\d\d", data["buildDate"])

    run_api(check)


@pytest.mark.parametrize(
    ("path", "columns", "lines"),
    [
        (
            "series?match[]=up",
            {"__name__": ["up"] * 2, "job": ["a", "b"], "service.name": [None, "x"]},
            "__name__,job,service.name\nup,a,\nup,b,x\n",
        ),
        ("series?match[]=nothing", {}, "\n"),
        ("labels?match[]={job='a'}", {"name": ["__name__", "job"]}, "name\n__name__\njob\n"),
        ("label/job/values", {"value": ["a", "b", "c"]}, "value\na\nb\nc\n"),
        ("label/job/values?limit=1", {"value": ["a"]}, "value\na\n"),
    ],
)
def test_lookups_as_tables(path: str, columns: dict[str, list[str]], lines: str) -> None:
    async def check(running: Running) -> None:
        headers = {"Accept": "application/vnd.apache.arrow.stream"}
        # What is kept with the selected series is kept by form.
        for _ in range(2):
            async with running.client.get(f"/api/v1/{path}", headers=headers) as response:
                assert response.content_type == headers["Accept"]
                table = pa.ipc.open_stream(await response.read()).read_all()
            assert table.to_pydict() == columns
            asked = running.client.get(f"/api/v1/{path}", headers={"Accept": "text/csv"})
            async with asked as response:
                assert await response.text() == lines
            async with running.client.get(f"/api/v1/{path}") as response:
                assert (await response.json())["status"] == "success"

    run_api(check, fill=fill)
