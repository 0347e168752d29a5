"""Reports on replicas over HTTP: parameters, JSON, several tenants; canned and real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from api.endpoints.handler import Slot
from api.endpoints.replicas import stopper
from storage.labels.matchers import Matcher
from storage.read.replicas.report import ReplicaGroup, ReplicaState
from tests.makers.fake_store import NOW_MS, FakeStore, Running, run_api
from tests.makers.real_api import RealApi, run_real_api

GROUP = ReplicaGroup(
    labels={"cluster": "1", "bytes": "\udcff"},
    replicas=(
        ReplicaState({"replica": "a"}, 1_500, 15_000, -250, 40, 2, 0.75, False),
        ReplicaState({"replica": "b"}, 0, None, None, 0, 41, 0.25, True),
    ),
    series=7,
    switches=1,
    holes=2,
    incomplete=3,
    ended_apart=4,
)


def fill(store: FakeStore) -> None:
    store.tenant("t").groups = [GROUP]
    store.tenant("u").groups = [GROUP]


def test_a_report_as_json() -> None:
    async def check(running: Running) -> None:
        headers = {"X-Scope-OrgID": "u|t"}
        async with running.client.get("/api/v1/status/replicas", headers=headers) as response:
            groups = (await response.json())["data"]["groups"]
        assert [group.pop("tenant") for group in groups] == ["t", "u"]
        assert (
            groups[0]
            == groups[1]
            == {
                "labels": {"cluster": "1", "bytes": "\ufffd"},
                "series": 7,
                "incompleteSeries": 3,
                "seriesEndedApart": 4,
                "switches": 1,
                "holes": 2,
                "replicas": [
                    {
                        "labels": {"replica": "a"},
                        "silent": False,
                        "lastSample": 1.5,
                        "scrapeInterval": 15.0,
                        "offset": -0.25,
                        "samples": 40,
                        "missedScrapes": 2,
                        "share": 0.75,
                    },
                    {
                        "labels": {"replica": "b"},
                        "silent": True,
                        "lastSample": 0.0,
                        "scrapeInterval": None,
                        "offset": None,
                        "samples": 0,
                        "missedScrapes": 41,
                        "share": 0.25,
                    },
                ],
            }
        )
        matcher_sets, start_ms, end_ms, cluster_labels = running.store.tenant("t").reported
        assert (matcher_sets, start_ms, end_ms) == ((), NOW_MS - 3_600_000, NOW_MS)
        assert cluster_labels == ("cluster",)

    run_api(check, fill=fill)


def test_the_selection_and_the_algorithm_are_handed_on() -> None:
    async def check(running: Running) -> None:
        params = {"match[]": "up", "start": "1", "end": "2", "dedup": "penalty"}
        status, answer = await running.get("status/replicas", **params)
        assert (status, answer["data"]) == (200, {"groups": []})
        reported = running.store.tenant().reported
        assert reported[:3] == (((Matcher("__name__", "=", "up"),),), 1_000, 2_000)
        await running.get("status/replicas", dedup="false", **{"replicaLabels[]": "pod"})
        asked = [(labels, dedup, how.value) for _, labels, dedup, how in running.store.asked]
        assert asked == [(("replica",), True, "penalty"), (("pod",), True, "auto")]

    run_api(check)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"match[]": "{}"}, "match[] must contain at least one non-empty matcher"),
        ({"start": "2", "end": "1"}, "end timestamp must not be before start time"),
        ({"dedup": "x"}, "allowed are auto, penalty, chain, true, false"),
    ],
)
def test_bad_parameters(params: dict[str, str], text: str) -> None:
    async def check(running: Running) -> None:
        status, answer = await running.get("status/replicas", **params)
        assert (status, answer["errorType"]) == (400, "bad_data")
        assert text in answer["error"]

    run_api(check)


def test_a_report_stops_when_its_time_is_over_or_its_client_gone() -> None:
    assert not stopper(Slot(60_000, 0.0, lambda: False))()
    assert stopper(Slot(60_000, 0.0, lambda: True))()
    over = stopper(Slot(0, 0.0, lambda: False))
    time.sleep(0.01)
    assert over()


def test_a_real_pair(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        for replica, scrapes in (("a", 20), ("b", 41)):
            points = [(i * 15_000 + 500, 1.0) for i in range(scrapes)]
            labels = {"__name__": "up", "cluster": "1", "job": "x", "replica": replica}
            await api.write((labels, points))
        await api.write(({"__name__": "up", "job": "x"}, [(0, 1.0)]))
        status, data = await api.get("status/replicas", start=0, end=600, **{"match[]": "up"})
        assert status == 200
        (group,) = data["groups"]
        assert (group["tenant"], group["labels"]) == ("t", {"cluster": "1", "job": "x"})
        a, b = group["replicas"]
        assert (a["silent"], b["silent"]) == (True, False)
        assert (a["lastSample"], b["lastSample"]) == (285.5, 585.5)
        assert a["scrapeInterval"] == b["scrapeInterval"] == 15
        assert a["missedScrapes"] == pytest.approx(20, abs=2)
        assert a["share"] == pytest.approx(0.5, abs=0.02)
        _, data = await api.get("status/replicas", tenant="nobody")
        assert data == {"groups": []}

    run_real_api(tmp_path, scenario)
