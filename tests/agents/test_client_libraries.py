"""Client libraries of others ask a running program: prometheus-api-client of Python, and
prometheus-query of JavaScript where node and the library are there (`make clients`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect

from tests.makers.real_api import RealApi, ServedProgram

JAVASCRIPT = Path(__file__).parent / "javascript"
INSTALLED = Path(sys.prefix) / "javascript" / "node_modules"
TENANT = "team"


async def fill(api: RealApi) -> None:
    for number, job in enumerate("ab"):
        points = [(10_000 * k, float(k + number)) for k in range(10)]
        await api.write(({"__name__": "up", "job": job}, points), tenant=TENANT)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProgram]:
    path = tmp_path_factory.mktemp("data")
    with ServedProgram({"storage.path": str(path), "storage.retention": "0"}, fill) as started:
        yield started


@pytest.fixture
def python_client(program: ServedProgram) -> Iterator[PrometheusConnect]:
    client = PrometheusConnect(url=program.url, headers={"X-Scope-OrgID": TENANT})
    yield client
    client._session.close()


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_prometheus_api_client(python_client: PrometheusConnect) -> None:
    client = python_client
    assert client.check_prometheus_connection()
    assert client.all_metrics() == ["up"]
    assert client.get_label_names() == ["__name__", "job"]
    assert client.get_label_values("job") == ["a", "b"]
    assert client.custom_query("up", params={"time": "50"}) == [
        {"metric": {"__name__": "up", "job": "a"}, "value": [50, "5"]},
        {"metric": {"__name__": "up", "job": "b"}, "value": [50, "6"]},
    ]
    (found,) = client.custom_query_range("sum(up)", at(0), at(90), "30")
    assert found["values"] == [[0, "1"], [30, "7"], [60, "13"], [90, "19"]]
    # It asks for up[90s], whose window is open at its left.
    samples = client.get_metric_range_data("up", {"job": "a"}, at(0), at(90))
    assert [value for one in samples for _, value in one["values"]] == list("123456789")
    assert client.get_metric_aggregation("up", ["max"], at(0), at(90), "30")["max"] == 10
    with pytest.raises(PrometheusApiClientException, match="400.*parse error"):
        client.custom_query("sum(")


def ask_by_javascript(program: ServedProgram) -> dict[str, Any]:
    """What each method of the library gave. Skips where it cannot be had."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: prometheus-query cannot be tested")
    if not (INSTALLED / "prometheus-query").is_dir():
        pytest.skip("prometheus-query is not installed, `make clients` does that: not tested")
    done = subprocess.run(
        ["node", "ask.cjs", program.url, TENANT],
        cwd=JAVASCRIPT,
        env=os.environ | {"NODE_PATH": str(INSTALLED)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_prometheus_query(program: ServedProgram) -> None:
    found = ask_by_javascript(program)
    kind, instant = found["instant"]
    assert kind == "vector"
    assert [(one["name"], one["labels"], one["value"]) for one in instant] == [
        ("up", {"job": "a"}, [50_000, 5]),
        ("up", {"job": "b"}, [50_000, 6]),
    ]
    kind, (summed,) = found["range"]
    assert kind == "matrix"
    assert summed["values"] == [[0, 1], [30_000, 7], [60_000, 13], [90_000, 19]]
    assert found["series"] == [{"name": "up", "labels": {"job": job}} for job in "ab"]
    assert found["names"] == ["__name__", "job"]
    assert found["values"] == ["a", "b"]
    assert found["targets"]["activeTargets"] == found["rules"] == found["alerts"] == []
    assert found["managers"]["activeAlertmanagers"] == []
    assert found["metadata"] == {}
    assert found["status"] == ["object", "object"]
    assert "parse error" in found["refused"]
