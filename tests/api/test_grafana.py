"""What Grafana asks for, request by request, and what it needs of the answers.

The sequences are those of its Prometheus data source: saving it, opening the editor, pickers,
panels, alerting. It posts first, and asks again by GET where the answer is 405 or 400.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.makers.real_api import RealApi, run_real_api

NOW_S = time.time_ns() // 1_000_000_000 // 60 * 60
HEADERS = {
    "X-Scope-OrgID": "t",
    "X-Dashboard-Uid": "d1",
    "X-Panel-Id": "4",
    "X-Grafana-Org-Id": "1",
    "Accept-Encoding": "gzip",
}
TIMES = {"start": str(NOW_S - 3600), "end": str(NOW_S)}
# Of these it knows that only GET is there.
GET_ONLY = re.compile(r"^(label/|metadata|rules|alerts|targets|alertmanagers|status/|notification)")


class Grafana:
    """A data source that points at a program."""

    def __init__(self, api: RealApi) -> None:
        self._api = api

    async def fill(self) -> None:
        series = []
        for i in range(3):
            points = [((NOW_S - age) * 1000, float(age + i)) for age in range(600, -1, -15)]
            labels = {"__name__": "http_requests_total", "job": "api", "instance": f"i{i}"}
            series.append((labels, points))
        await self._api.write(*series)

    async def ask(self, path: str, params: Any, *, method: str = "") -> tuple[int, Any]:
        """By POST with a form where that may be, again by GET if it is refused."""
        method = method or ("GET" if GET_ONLY.match(path) else "POST")
        client, url = self._api.client, f"/api/v1/{path}"
        if method == "POST":
            async with client.post(url, data=params, headers=HEADERS) as response:
                if response.status not in (400, 405):
                    return response.status, await response.json()
        async with client.get(url, params=params, headers=HEADERS) as response:
            assert response.content_type == "application/json", path
            return response.status, await response.json()

    async def data(self, path: str, params: Any, *, method: str = "") -> Any:
        status, answer = await self.ask(path, params, method=method)
        assert (status, answer["status"]) == (200, "success"), answer
        assert list(answer)[0] == "status" and "error" not in answer
        return answer["data"]


async def save_and_test(grafana: Grafana) -> None:
    """Without `features` it is a Prometheus; the version has to be one of semver."""
    found = await grafana.data("query", {"query": "1+1", "time": "4"})
    assert found == {"resultType": "scalar", "result": [4, "2"]}
    build = await grafana.data("status/buildinfo", {})
    assert re.fullmatch(r"\d+\.\d+\.\d+", build["version"])
    assert re.fullmatch(r"\d{8}-\d\d:\d\d:\d\d", build["buildDate"])
    assert all(isinstance(text, str) for text in build.get("features", {}).values())


async def open_editor(grafana: Grafana) -> None:
    limit = {"limit": "40000"} | TIMES
    names = await grafana.data("label/__name__/values", limit)
    assert names == ["http_requests_total"]
    # Paths with a slash too many are not taken for those that are GET only.
    assert await grafana.data("label/__name__/values", limit, method="POST") == names
    assert await grafana.data("labels", limit) == ["__name__", "instance", "job"]
    for method in ("GET", "POST"):
        families = await grafana.data("metadata", {"limit": "40000"}, method=method)
        assert all(described for described in families.values())
    groups = await grafana.data("rules", {})
    assert groups["groups"] == []


async def exemplar_probe(grafana: Grafana) -> None:
    """Its times are milliseconds, which makes the year 55,000."""
    times = {"start": str((NOW_S - 3600) * 1000), "end": str(NOW_S * 1000)}
    assert await grafana.data("query_exemplars", {"query": "test", **times}) == []


async def pick_labels(grafana: Grafana) -> None:
    match = {"match[]": 'http_requests_total{job="api"}', "limit": "40000"} | TIMES
    assert await grafana.data("label/instance/values", match) == ["i0", "i1", "i2"]
    assert await grafana.data("labels", match) == ["__name__", "instance", "job"]
    assert await grafana.data("label/U__instance/values", match) == ["i0", "i1", "i2"]
    both = [("match[]", '{instance="i0"}'), ("match[]", '{instance="i2"}'), *TIMES.items()]
    assert await grafana.data("label/instance/values", both) == ["i0", "i2"]
    every = {"match[]": '{__name__!=""}', "limit": "2"} | TIMES
    status, answer = await grafana.ask("series", every)
    assert (status, len(answer["data"])) == (200, 2)
    assert answer["warnings"] == ["results truncated due to limit"]


async def draw_panels(grafana: Grafana) -> None:
    """Samples stand exactly at start + k * step; values are texts, times are numbers."""
    for query in ("http_requests_total", "sum(rate(http_requests_total[1m]))"):
        params = {"query": query, "start": f"{NOW_S - 300}.000", "end": f"{NOW_S}.000"}
        found = await grafana.data("query_range", params | {"step": "15", "timeout": "60s"})
        assert list(found) == ["resultType", "result"]
        for series in found["result"]:
            times = [at for at, _ in series["values"]]
            assert times == list(range(NOW_S - 300, NOW_S + 1, 15))
            assert all(isinstance(text, str) for _, text in series["values"])
    status, answer = await grafana.ask("query_range", {"query": "up{", **TIMES, "step": "15"})
    assert (status, answer["errorType"]) == (400, "bad_data") and "data" not in answer


async def drill_down(grafana: Grafana) -> None:
    recent = (
        'group by (__name__) ({__name__!="",job="api"}) unless '
        '(group by (__name__) ({job="api"} offset 3h))'
    )
    found = await grafana.data("query", {"query": recent, "time": f"{NOW_S}"})
    assert [series["metric"]["__name__"] for series in found["result"]] == ["http_requests_total"]
    assert await grafana.data("metadata", {"metric": "http_requests_total"}) == {}


async def alerting(grafana: Grafana) -> None:
    assert await grafana.data("alerts", {}) == {"alerts": []}
    filters = {"rule_name[]": "a", "rule_group[]": "b", "file[]": "c", "exclude_alerts": "true"}
    assert (await grafana.data("rules", filters))["groups"] == []


@pytest.mark.parametrize(
    "sequence",
    [
        save_and_test,
        open_editor,
        exemplar_probe,
        pick_labels,
        draw_panels,
        drill_down,
        alerting,
    ],
)
def test_sequences_of_requests(sequence: Any, tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        grafana = Grafana(api)
        await grafana.fill()
        await sequence(grafana)

    run_real_api(tmp_path, scenario)
