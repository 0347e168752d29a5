"""The same data in Debian's Prometheus and in Cupola, the same requests to both, the same answers.

A third Prometheus scrapes real targets and sends what it gets to both. It has stopped when they are
asked, so that both have the same samples. The Prometheus is that of CUPOLA_PROMETHEUS_BIN, else
Debian's. What may differ is listed in DIFFERENCES: Debian's is of version 2.42, and Cupola answers
as 3.14.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.processes import Server, free_ports
from compose.scene import NODE_PROGRAM, cupola_server, node_exporter_server

PROMETHEUS = os.environ.get("CUPOLA_PROMETHEUS_BIN") or "prometheus"
AGENT = "--agent" if os.environ.get("CUPOLA_PROMETHEUS_BIN") else "--enable-feature=agent"
# Ranges and their windows reach back 16 of them, and are not to meet where counters begin.
SCRAPES_MIN = 24
PATIENCE_S = 90

# What is not compared, because the versions differ in it.
DIFFERENCES = {
    "windows are open to the left since 3.0": "times are chosen off those of samples",
    "how far a counter that has just begun is extrapolated to zero": "none that does is asked for",
    "positions and texts of parse errors": "only their kind and status are compared",
    "a capital letter, a prefix, or which series is named first, in errors": "not compared",
    "where a query without time is said to be out of it": "not compared",
    "DELETE of series": "500 there, as it is not implemented; 405 here",
    "series of a range that ends before it begins": "there are some in 2.42",
    "lookback_delta": "2.42 does not know it",
    "limit": "2.42 does not know it for queries, labels and series",
    "the order of a vector that is not sorted": "vectors are compared as sets",
    "rate and its like give the last digit of another order of operations": "compared to 1e-12",
}


@dataclass(slots=True)
class Scene:
    """Two servers of the same data, and the time of the last scrapes in seconds."""

    prometheus: Server
    cupola: Server
    end_s: float

    def times(self) -> dict[str, str]:
        """An instant off all samples, and a range whose steps are in whole seconds from it."""
        return {
            "T": f"{self.end_s:.3f}",
            "S": f"{self.end_s - 8:.3f}",
            "E": f"{self.end_s:.3f}",
        }


def server(directory: Path, name: str, config: dict[str, Any], port: int, *flags: str) -> Server:
    file = directory / f"{name}.yml"
    file.write_text(yaml.safe_dump(config))
    url, log = f"http://127.0.0.1:{port}", directory / f"{name}.log"
    command = [
        PROMETHEUS,
        f"--config.file={file}",
        f"--web.listen-address=127.0.0.1:{port}",
        *flags,
    ]
    return Server(name, command, url=url, ready="/-/ready", log=log)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if shutil.which(PROMETHEUS) is None:
        pytest.skip("neither CUPOLA_PROMETHEUS_BIN nor Debian's package prometheus is there")
    directory = tmp_path_factory.mktemp("beside")
    cupola_port, twin_port, scraper_port, node_port = free_ports(0, 0, 0, 0)
    cupola = cupola_server(directory, port=cupola_port)
    storage = f"--storage.tsdb.path={directory / 'twin'}"
    twin = server(directory, "twin", {}, twin_port, storage, "--web.enable-remote-write-receiver")
    targets = [f"127.0.0.1:{port}" for port in (cupola_port, twin_port)]
    jobs = [{"job_name": "servers", "static_configs": [{"targets": targets}]}]
    with ExitStack() as stack:
        if shutil.which(NODE_PROGRAM):
            stack.enter_context(node_exporter_server(directory, port=node_port).start())
            addresses = [f"127.0.0.1:{node_port}"]
            jobs.append({"job_name": "node", "static_configs": [{"targets": addresses}]})
        for each in (cupola, twin):
            stack.enter_context(each.start()).wait_ready()
        config = {
            "global": {"scrape_interval": "1s", "external_labels": {"cluster": "c"}},
            "scrape_configs": jobs,
            "remote_write": [
                {"url": f"{each.url}/api/v1/write", "queue_config": {"batch_send_deadline": "1s"}}
                for each in (cupola, twin)
            ],
        }
        flags = (AGENT, f"--storage.agent.path={directory / 'agent'}")
        scraper = server(directory, "scraper", config, scraper_port, *flags)
        with scraper.start():
            scraper.wait_ready()
            wait_for_samples(twin, cupola)
        scrapes = [float(each["value"][1]) for each in result(twin.url, "timestamp(up)")]
        # Stale markers were sent last; between the scrapes before them lies the time asked for.
        yield Scene(twin, cupola, max(scrapes) // 1 - 3 + phase_between(scrapes))


def phase_between(scrapes: list[float]) -> float:
    """The part of a second that is furthest from that of all scrapes, which come every second."""
    phases = sorted(scrape % 1 for scrape in scrapes)
    gaps = [(b - a, a) for a, b in pairwise([*phases, phases[0] + 1])]
    width, start = max(gaps)
    return (start + width / 2) % 1


def wait_for_samples(*servers: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    for each in servers:
        while True:
            found = result(each.url, "min(count_over_time(up[5m]))")
            if found and float(found[0]["value"][1]) >= SCRAPES_MIN:
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.3)


def result(url: str, query: str) -> list[dict[str, Any]]:
    _, answer = ask(url, "query", {"query": query})
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def ask(url: str, path: str, params: Any, method: str = "GET") -> tuple[int, Any]:
    """Status and JSON."""
    words = urllib.parse.urlencode(params, doseq=True)
    target = f"{url}/api/v1/{path}"
    if method == "GET":
        request = urllib.request.Request(f"{target}?{words}")
    else:
        request = urllib.request.Request(target, data=words.encode(), method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


INSTANT = [
    "up",
    "up == 0",
    "1 + 1",
    "time()",
    "'text'",
    "nothing",
    "count({__name__=~'.+'}) by (job)",
    "count by (__name__) ({job='servers'})",
    "up[8s]",
    "rate(process_cpu_seconds_total[8s])",
    "increase(process_cpu_seconds_total[8s])",
    "sum by (job, instance) (scrape_samples_scraped)",
    "topk(3, scrape_duration_seconds)",
    "quantile(0.9, scrape_duration_seconds)",
    "histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket[8s]))",
    "up * on(instance) group_left() scrape_samples_scraped",
    "absent(nothing)",
    "label_replace(up, 'x', '$1', 'instance', '(.*):.*')",
    "max_over_time(scrape_duration_seconds[8s])",
    "avg_over_time(up[8s:1s])",
    "sort_desc(scrape_samples_scraped)",
    "up offset 3s",
    "process_start_time_seconds unless on(job) node_load1",
    "-scrape_samples_scraped ^ 2",
    "go_goroutines{instance!~'x.*'}",
    "changes(up[8s])",
    "vector(NaN)",
    "vector(1e21)",
    "stddev by (job) (scrape_duration_seconds)",
]


@pytest.mark.parametrize("query", INSTANT)
def test_instant_and_range_queries(scene: Scene, query: str) -> None:
    times = scene.times()
    compare(scene, "query", {"query": query, "time": times["T"]})
    steps = {"query": query, "start": times["S"], "end": times["E"], "step": "2"}
    compare(scene, "query_range", steps, method="POST")


# Path and parameters; T, S and E stand for times.
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("series", {"match[]": "up", "start": "S", "end": "E"}),
    ("series", {"match[]": ["up", "{job='node'}"], "start": "S", "end": "E"}),
    ("series", {"match[]": "nothing"}),
    ("labels", {}),
    ("labels", {"match[]": "up", "start": "S", "end": "E"}),
    ("label/job/values", {}),
    ("label/__name__/values", {"match[]": "{job='servers'}"}),
    ("label/nothing/values", {}),
    ("label/instance/values", {"match[]": ["up{job='node'}", "nothing"]}),
    ("format_query", {"query": "sum(rate(a[5m]))  by(b)/c"}),
    ("alerts", {}),
    ("alertmanagers", {}),
    ("targets/metadata", {}),
    ("query_exemplars", {"query": "up", "start": "S", "end": "E"}),
    ("query", {"query": "up", "time": "T", "timeout": "1h30m"}),
    ("query", {"query": "time()", "time": "1e9"}),
    ("query", {"query": "time()", "time": "2020-01-02T03:04:05.678Z"}),
    ("query", {"query": "time()", "time": "2020-01-02T03:04:05+01:30"}),
    ("query", {"query": "time()", "time": "-1.5"}),
    ("query_range", {"query": "up", "start": "S", "end": "E", "step": "1.5"}),
    ("query_range", {"query": "up", "start": "S", "end": "S", "step": "1w"}),
    ("query_range", {"query": "1", "start": "0", "end": "11000", "step": "1"}),
    ("query_range", {"query": "nothing", "start": "S", "end": "E", "step": "1"}),
    ("series", {"match[]": "{__name__=~'up|go_.*',job='servers'}", "start": "S", "end": "E"}),
    ("labels", {"match[]": ["up", "nothing"], "start": "S", "end": "E"}),
    ("labels", {"start": "0", "end": "1"}),
    ("label/job/values", {"match[]": "nothing", "start": "S", "end": "E"}),
    ("label/__name__/values", {"match[]": "{job=~'n.*'}", "start": "S", "end": "E"}),
    ("metadata", {"metric": "nothing"}),
    ("scrape_pools", {}),
    # Errors
    ("series", {}),
    ("series", {"match[]": "{}"}),
    ("labels", {"start": "x"}),
    ("query", {"query": "up", "time": "nonsense"}),
    ("query", {"query": "up", "timeout": "x"}),
    ("query", {"query": "up + on(job) up"}),
    ("query", {"query": "up", "timeout": "0"}),
    ("query_range", {"query": "up", "start": "1", "end": "0", "step": "1"}),
    ("query_range", {"query": "up", "start": "0", "end": "1", "step": "0"}),
    ("query_range", {"query": "up", "start": "0", "end": "1", "step": "x"}),
    ("query_range", {"query": "up", "start": "0", "end": "100000", "step": "1"}),
    ("query_range", {"query": "up", "end": "1", "step": "1"}),
    ("query", {"query": "up", "time": "2020-13-01T00:00:00Z"}),
    ("query", {"query": "up", "time": "1e"}),
    ("query", {"query": "up", "time": "T", "timeout": "60"}),
    ("query", {"query": "up * on(job) group_left() up"}),
    ("query", {"query": "label_replace(up, '', '', '', '')"}),
    ("query_range", {"query": "up[1m]", "start": "S", "end": "E", "step": "1"}),
    ("query_range", {"query": "'a'", "start": "S", "end": "E", "step": "1"}),
    ("query_range", {"query": "up", "start": "x", "end": "1", "step": "1"}),
    ("query_range", {"query": "up", "start": "0", "end": "x", "step": "1"}),
    ("query_range", {"query": "up", "start": "0", "end": "1", "step": "-1m"}),
    ("query_range", {"query": "up", "start": "0", "end": "1"}),
    ("query_range", {"query": "up", "start": "0", "end": "1", "step": "1", "timeout": "x"}),
    ("query_exemplars", {"query": "up", "start": "2", "end": "1"}),
    ("query_exemplars", {"query": "up", "start": "x"}),
    ("labels", {"end": "x"}),
    ("labels", {"match[]": "{}"}),
    ("label/job/values", {"match[]": "{a=~'.*'}"}),
    ("label/job/values", {"start": "x"}),
    ("series", {"match[]": "up", "end": "x"}),
    ("series", {"match[]": ["up", "{}"]}),
    ("targets/metadata", {"match_target": "{"}),
    ("rules", {"type": "x"}),
    ("targets/metadata", {"limit": "x"}),
    ("metadata", {"limit": "x"}),
]


@pytest.mark.parametrize(("path", "params"), OTHERS, ids=[f"{p} {q}" for p, q in OTHERS])
def test_other_endpoints_and_errors(scene: Scene, path: str, params: dict[str, Any]) -> None:
    times = scene.times()
    compare(scene, path, {name: times.get(str(v), v) for name, v in params.items()})


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("series", {"match[]": ["up", "{job='node'}"], "start": "S", "end": "E"}),
        ("labels", {"match[]": "up", "start": "S", "end": "E"}),
        ("format_query", {"query": "sum(rate(a[5m]))  by(b)/c"}),
        ("query_exemplars", {"query": "up", "start": "S", "end": "E"}),
        ("series", {"match[]": "{}"}),
    ],
)
def test_posted_forms(scene: Scene, path: str, params: dict[str, Any]) -> None:
    times = scene.times()
    form = {name: times.get(str(v), v) for name, v in params.items()}
    compare(scene, path, form, method="POST")


@pytest.mark.parametrize("query", ["up{", "sum(", "rate(up)", "1 +", "foo{a=~'('}"])
def test_bad_queries_are_refused_alike(scene: Scene, query: str) -> None:
    """In the same way, if not in the same words."""
    for path in ("query", "format_query"):
        own, other = (
            ask(each.url, path, {"query": query}) for each in (scene.cupola, scene.prometheus)
        )
        assert own[0] == other[0] == 400
        assert own[1]["errorType"] == other[1]["errorType"] == "bad_data"


@pytest.mark.parametrize(
    "path",
    [
        *("query", "query_range", "rules", "status/config", "labels", "alerts"),
        *("targets", "query_exemplars", "format_query", "status/buildinfo"),
    ],
)
def test_methods_are_refused_alike(scene: Scene, path: str) -> None:
    statuses = []
    for each in (scene.cupola, scene.prometheus):
        request = urllib.request.Request(f"{each.url}/api/v1/{path}", method="DELETE")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=60)
        with caught.value as error:
            statuses.append((error.code, error.read()))
    assert statuses[0] == statuses[1]


def compare(scene: Scene, path: str, params: Any, method: str = "GET") -> None:
    own = ask(scene.cupola.url, path, params, method)
    other = ask(scene.prometheus.url, path, params, method)
    assert own[0] == other[0], (own, other)
    if own[0] != 200:
        assert own[1]["errorType"] == other[1]["errorType"]
        assert plain(own[1]["error"]) == plain(other[1]["error"])
        return
    assert own[1]["status"] == other[1]["status"] == "success"
    assert comparable(own[1]["data"]) == comparable(other[1]["data"])


def plain(error: str) -> str:
    """The text of an error without what DIFFERENCES lists."""
    error = error.removeprefix('invalid parameter "query": ').lower().partition(": [{")[0]
    return error.replace("query queue", "query execution")


def comparable(data: Any) -> Any:
    """The data with numbers as such, and vectors in one order."""
    if isinstance(data, list) and all(isinstance(one, dict) for one in data):
        return sorted(data, key=lambda one: json.dumps(one, sort_keys=True))  # 3.x has no order
    if not isinstance(data, dict) or "result" not in data:
        return data
    kind, found = data["resultType"], data["result"]
    if kind in ("scalar", "string"):
        return kind, found
    series = [
        (
            sorted(one["metric"].items()),
            numbers(one.get("value", [])),
            numbers(one.get("values", [])),
        )
        for one in found
    ]
    return kind, sorted(series, key=lambda one: one[0])


def numbers(points: Any) -> Any:
    """Points with values to be compared as numbers."""
    if not points:
        return []
    pairs = points if isinstance(points[0], list) else [points]
    return [(when, pytest.approx(float(text), rel=1e-12, nan_ok=True)) for when, text in pairs]
