"""A real querier of Thanos over Cupola: it answers as Cupola does itself, replicas made one or not.

The same is asked of two queriers: one as they are by default, which sorts again what each store
sends, and a lazy one, which does not and shows what is out of order.
"""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import snappy

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from storage.kernels.stale import STALE_NAN
from tests.agents.thanos.programs import thanos_program, thanos_query
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1, metadata_v1
from tests.makers.bodies.v1 import HEADERS

PATIENCE_S = 120
STEP_S = 15
SAMPLES = 400
QUERIERS = ("eager", "lazy")
RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - record: up:count
    expr: count(up)
  - alert: Always
    expr: vector(1)
    labels: {severity: page}
    annotations: {summary: It is always so}
"""


@dataclass
class Scene:
    """Cupola, queriers over it by name, and the time of the last samples in seconds."""

    cupola: Server
    queriers: dict[str, Server]
    end_s: int

    @property
    def start_s(self) -> int:
        return self.end_s - STEP_S * SAMPLES


def ask(url: str, path: str, **params: Any) -> tuple[int, dict[str, Any]]:
    """Status and answer."""
    query = urllib.parse.urlencode(params, doseq=True)
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=PATIENCE_S) as found:
            return found.status, json.loads(found.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def data_of(url: str, path: str, **params: Any) -> Any:
    status, answer = ask(url, path, **params)
    assert status == 200, answer
    # Annotations of PromQL are among the warnings there.
    assert all(text.startswith("PromQL info:") for text in answer.get("warnings", ())), answer
    return answer["data"]


def series_of(end_s: int) -> list[WireSeries]:
    """Pairs of replicas three seconds apart, of floats and of histograms of each kind."""
    found = []
    first_ms = (end_s - STEP_S * SAMPLES) * 1000
    for replica, late_ms in (("a", 0), ("b", 3_000)):
        times = [first_ms + late_ms + k * STEP_S * 1000 for k in range(SAMPLES)]
        own = {"cluster": "eu", "replica": replica}
        for pod in range(9):
            labels = own | {"job": f"j{pod % 3}", "pod": f"pod-{pod}"}
            falls = [(k % 150) * (pod + 1.25) for k in range(SAMPLES)]
            waves = [math.sin(k / 9 + pod) * 10 for k in range(SAMPLES)]
            named = [("requests_total", falls), ("temperature", waves), ("up", [1.0] * SAMPLES)]
            for name, values in named:
                samples = list(zip(times, values, strict=True))
                found.append(WireSeries({"__name__": name} | labels, samples=samples))
        # Sorted by their labels before the replica is taken off, these are not so afterwards.
        for zone in ("x", "y"):
            labels = {"__name__": "order", "replica": replica, "zone": zone}
            samples = [(t, 1.0) for t in times]
            found.append(WireSeries(labels, samples=samples))
        # Each replica misses scrapes of its own, also where chunks begin.
        held = [(t, float(k)) for k, t in enumerate(times) if (k * k + late_ms) % 11]
        found.append(WireSeries({"__name__": "holes_total"} | own, samples=held))
        ended = [(t, 5.0) for t in times[:-40]] + [(times[-40], STALE_NAN)]
        found.append(WireSeries({"__name__": "ended"} | own, samples=ended))
        found += histograms_of(own, times)
    # Of one replica only.
    found.append(WireSeries({"__name__": "alone", "replica": "a"}, samples=[(times[-1], math.nan)]))
    return found


def histograms_of(own: dict[str, str], times: list[int]) -> list[WireSeries]:
    kinds = {
        "whole": [
            WireHistogram(t, count=6 * k, sum=2.5 * k, schema=1, zero_threshold=0.01,
                zero_count=k, positive_spans=[(0, 2), (1, 1)], positive=(k, 0, k),
                negative_spans=[(0, 1)], negative=(k,))
            for k, t in enumerate(times, 1)
        ],
        "real": [
            WireHistogram(t, count=4.5 + k, sum=1.5, positive_spans=[(1, 2)],
                positive=(1.5 + k, 3.0), is_float=True)
            for k, t in enumerate(times)
        ],
        "custom": [
            WireHistogram(t, count=3 * k, sum=k, schema=-53, positive_spans=[(0, 3)],
                positive=(k, 0, 0), custom_values=(0.5, 1.0))
            for k, t in enumerate(times, 1)
        ],
    }  # fmt: skip
    return [
        WireSeries({"__name__": f"latency_{kind}"} | own, histograms=histograms)
        for kind, histograms in kinds.items()
    ]


def write(url: str, end_s: int) -> None:
    series = series_of(end_s)
    exemplar = ({"trace": "abc"}, 0.5, end_s * 1000 - 1_000)
    labels = {"__name__": "seconds_bucket", "cluster": "eu", "replica": "a", "le": "1"}
    series.append(WireSeries(labels, samples=[(end_s * 1000, 1.0)], exemplars=[exemplar]))
    described = [metadata_v1("requests", 1, "Requests served.", "requests")]
    body = snappy.compress(body_v1(series, described))
    request = urllib.request.Request(f"{url}/api/v1/write", body, HEADERS)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        assert answer.status == 204


def until_listed(querier: Server) -> None:
    """Wait until a querier knows its store."""
    deadline = time.monotonic() + PATIENCE_S
    while not any(ask(querier.url, "stores")[1].get("data", {}).values()):
        assert time.monotonic() < deadline, querier.log.read_text()[-3_000:]
        time.sleep(0.2)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    thanos_program()
    directory = tmp_path_factory.mktemp("thanos")
    rules = directory / "rules.yml"
    rules.write_text(RULES)
    port, grpc_port = free_ports(0, 0)
    address = f"127.0.0.1:{grpc_port}"
    cupola = cupola_server(
        directory,
        f"--grpc.listen-address={address}",
        "--dedup.replica-labels=replica",
        f"--rules.files={rules}",
        "--rules.tenant=default",
        port=port,
    )
    replicas = "--query.replica-label=replica"
    queriers = {
        "eager": thanos_query(directory, "eager", [address], replicas),
        "lazy": thanos_query(directory, "lazy", [address], replicas, "--grpc.proxy-strategy=lazy"),
    }
    end_s = int(time.time()) // 60 * 60
    with ExitStack() as stack:
        stack.enter_context(cupola.start()).wait_ready()
        write(cupola.url, end_s)
        for querier in queriers.values():
            stack.enter_context(querier.start()).wait_ready()
            until_listed(querier)
        yield Scene(cupola, queriers, end_s)


QUERIES = [
    "up",
    "temperature",
    "requests_total",
    "ended",
    "alone",
    "order",
    "none_of_these",
    "count(up)",
    "count by (job) (up)",
    "sum(temperature)",
    "sum by (pod) (temperature)",
    "sum without (pod) (temperature)",
    "avg by (job) (temperature)",
    "min(temperature)",
    "max by (cluster) (temperature)",
    "stddev by (job) (temperature)",
    "quantile(0.9, temperature)",
    "topk(2, temperature)",
    "bottomk(1, temperature)",
    "group by (job) (up)",
    "count_values('v', up)",
    "rate(requests_total[5m])",
    "irate(requests_total[5m])",
    "increase(requests_total[10m])",
    "sum by (job) (rate(requests_total[5m]))",
    "sum(rate(requests_total[5m])) by (pod)",
    "sum(rate(order[5m])) by (zone)",
    "count(order) by (zone)",
    "delta(temperature[5m])",
    "idelta(temperature[5m])",
    "deriv(temperature[5m])",
    "predict_linear(temperature[5m], 60)",
    "changes(temperature[5m])",
    "avg_over_time(temperature[5m])",
    "min_over_time(temperature[5m])",
    "max_over_time(temperature[5m])",
    "sum_over_time(temperature[5m])",
    "count_over_time(temperature[5m])",
    "last_over_time(temperature[5m])",
    "quantile_over_time(0.5, temperature[5m])",
    "stddev_over_time(temperature[5m])",
    "present_over_time(up[5m])",
    "absent(none_of_these)",
    "absent_over_time(up[5m])",
    "temperature offset 5m",
    "rate(requests_total[5m] offset 10m)",
    "max_over_time(rate(requests_total[5m])[10m:1m])",
    "up * on (pod, cluster, replica) group_left () temperature",
    "temperature > 5",
    "temperature > bool 5",
    "up and on (pod) temperature > 0",
    "up unless on (pod) temperature > 0",
    "up or temperature",
    "label_replace(up, 'x', '$1', 'pod', 'pod-(.*)')",
    "abs(temperature)",
    "clamp(temperature, -1, 1)",
    "{pod=~'pod-[1-3]', __name__!='up'}",
    "{__name__=~'temp.*', job!~'j[12]'}",
    "up{cluster='eu', job=''} or up{job='j1'}",
    "ceil(ended)",
    "histogram_quantile(0.9, latency_whole)",
    "histogram_count(latency_whole)",
    "histogram_sum(rate(latency_whole[5m]))",
    "histogram_quantile(0.5, sum(rate(latency_whole[5m])))",
    "latency_whole",
    "latency_real",
    "latency_custom",
    "histogram_quantile(0.5, latency_custom)",
    "histogram_avg(latency_real)",
    "sum(latency_custom)",
    "time() - timestamp(up)",
    "holes_total",
    "rate(holes_total[1m])",
    "increase(holes_total[5m])",
    "irate(holes_total[2m])",
    "sum_over_time(holes_total[1m])",
    "holes_total - holes_total offset 5m",
]


def plain(result: list[dict[str, Any]]) -> dict[tuple[tuple[str, str], ...], Any]:
    """Series by their labels: there are no two of the same."""
    found = {}
    for series in result:
        labels = tuple(sorted(series["metric"].items()))
        assert labels not in found, labels
        found[labels] = {
            key: points if isinstance(points[0], list) else [points]
            for key, points in series.items()
            if key != "metric"
        }
    return found


def close(a: Any, b: Any) -> bool:
    """Whether values are the same but for the last digits of another order of operations."""
    if isinstance(a, str) and isinstance(b, str):
        try:
            x, y = float(a), float(b)
        except ValueError:
            return a == b
        return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9) or (x != x and y != y)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    return bool(a == b)


def assert_same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    mine, other = plain(ours), plain(theirs)
    assert sorted(mine) == sorted(other)
    for labels, points in mine.items():
        assert close(points, other[labels]), (labels, points, other[labels])


@pytest.mark.parametrize("is_range", [False, True], ids=["instant", "range"])
@pytest.mark.parametrize("dedup", [True, False], ids=["dedup", "replicas"])
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("name", QUERIERS)
def test_a_querier_answers_as_cupola_does(
    scene: Scene, name: str, query: str, dedup: bool, is_range: bool
) -> None:
    path, times = "query", {"time": scene.end_s - 37}
    if is_range:
        path = "query_range"
        times = {"start": scene.start_s + 907, "end": scene.end_s - 37, "step": 61}
    own = data_of(
        scene.cupola.url, path, query=query, dedup="penalty" if dedup else "false", **times
    )
    theirs = data_of(scene.queriers[name].url, path, query=query, dedup=str(dedup).lower(), **times)
    assert own["resultType"] == theirs["resultType"]
    assert_same(own["result"], theirs["result"])


@pytest.mark.parametrize("name", QUERIERS)
def test_a_missing_answer_is_no_part_of_one(scene: Scene, name: str) -> None:
    for partial in ("true", "false"):
        found = data_of(
            scene.queriers[name].url,
            "query",
            query="count(up)",
            time=scene.end_s,
            partial_response=partial,
        )
        assert [each["value"][1] for each in found["result"]] == ["9"]


def test_stores_list_it(scene: Scene) -> None:
    for querier in scene.queriers.values():
        stores = data_of(querier.url, "stores")
        ((own,),) = stores.values()
        assert list(stores) == ["receive"]
        assert own["lastError"] is None and own["maxTime"] == (1 << 63) - 1


def test_labels_values_and_series(scene: Scene) -> None:
    span = {"start": scene.start_s, "end": scene.end_s + 60}
    for querier in scene.queriers.values():
        for path in ("labels", "label/pod/values", "label/__name__/values", "label/replica/values"):
            for match in ([], ["up"], ["{job='j1'}", "order"]):
                asked = span | {"match[]": match}
                own = data_of(scene.cupola.url, path, dedup="false", **asked)
                assert data_of(querier.url, path, **asked) == own, (path, match)
        # Nine of up, two of order, and one; but the last twice as many with both replicas.
        for dedup, count in (("true", 12), ("false", 23)):
            asked = span | {"match[]": ["up", "order", "alone"], "dedup": dedup}
            own, theirs = (
                sorted(map(sorted, map(dict.items, data_of(url, "series", **asked))))
                for url in (scene.cupola.url, querier.url)
            )
            assert theirs == own and len(own) == count


def test_rules_exemplars_metadata_and_targets(scene: Scene) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        groups = data_of(scene.cupola.url, "rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        if [rule["health"] for rule in rules] == ["ok", "ok"]:
            break
        assert time.monotonic() < deadline, groups
        time.sleep(0.2)
    for querier in scene.queriers.values():
        (group,) = data_of(querier.url, "rules")["groups"]
        alert, recording = group["rules"]  # which is the order there
        assert (group["name"], group["interval"]) == ("g", 1)
        assert (recording["name"], recording["query"]) == ("up:count", "count(up)")
        assert recording["health"] == "ok"
        assert (alert["name"], alert["state"], alert["health"]) == ("Always", "firing", "ok")
        assert alert["labels"] == {"severity": "page"}
        assert alert["annotations"] == {"summary": "It is always so"}
        assert [each["state"] for each in alert["alerts"]] == ["firing"]
        (only,) = data_of(querier.url, "rules", type="alert")["groups"]
        assert [rule["name"] for rule in only["rules"]] == ["Always"]
        span = {"start": scene.start_s, "end": scene.end_s + 60}
        query = {"query": "seconds_bucket"} | span
        (found,) = data_of(querier.url, "query_exemplars", **query)
        (own,) = data_of(scene.cupola.url, "query_exemplars", dedup="true", **query)
        assert found["seriesLabels"] == own["seriesLabels"]
        assert [each["labels"] for each in found["exemplars"]] == [{"trace": "abc"}]
        described = data_of(querier.url, "metadata", metric="requests")
        assert described == data_of(scene.cupola.url, "metadata", metric="requests")
        targets = data_of(querier.url, "targets")
        assert not targets.get("activeTargets") and not targets.get("droppedTargets")
