"""Real stores of Thanos behind Cupola: data that lie half in a Prometheus behind a sidecar and half
here, asked of Cupola and of a thanos query that has the other half from Cupola, or from a receiver.

The program is named by CUPOLA_THANOS_BIN, version 0.42 or later.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.makers.bodies.v1 import encode

VARIABLE = "CUPOLA_THANOS_BIN"
# Those of one chunk: what Thanos takes for a replica depends on where a Prometheus cuts chunks.
STEP_MS, SAMPLES = 15_000, 100
# The end of two hours as Prometheus cuts blocks. There it begins no second chunk of a series.
CUT_S = 7_200
START_MS = ((int(time.time()) - 900) // CUT_S * CUT_S - 1_560) * 1_000
END_S = (START_MS + SAMPLES * STEP_MS) // 1_000
Points = list[tuple[int, float]]
Series = tuple[dict[str, str], Points]

SELECTORS = (
    "requests_total",
    'requests_total{instance="1"}',
    "temperature",
    'temperature{cluster="eu"}',
)
OVER_TIME = ("avg_over_time", "max_over_time", "min_over_time", "sum_over_time", "last_over_time")
COUNTED = ("rate", "increase", "irate", "resets")
QUERIES = [
    *SELECTORS,
    *(f"{name}({selector}[{span}])" for name in OVER_TIME for selector in SELECTORS
      for span in ("1m", "5m")),
    *(f"{name}({selector}[{span}])" for name in COUNTED for selector in SELECTORS[:2]
      for span in ("1m", "2m", "5m")),
    *(f"{name} by (cluster) ({selector})" for name in ("count", "max", "min", "group")
      for selector in SELECTORS),
    *(f"{name}(temperature[3m])" for name in ("changes", "delta", "deriv", "stddev_over_time")),
    "sum(rate(requests_total[2m]))",
    "count_over_time(requests_total[4m])",
    "requests_total - requests_total offset 1m",
    "quantile(0.5, temperature)",
    "absent(nothing)",
    "max_over_time(rate(requests_total[2m])[5m:1m])",
    "temperature offset 2m",
    "idelta(temperature[2m])",
    "requests_total and temperature > 20",
]  # fmt: skip
# Readers of counters there see no resets, so what they extrapolate has no bound at zero. Cupola
# does as they do where replicas are to become one as they do there.
OF_RESETS = [
    "rate(reset_total[2m])",
    "increase(reset_total[5m])",
    "irate(reset_total[2m])",
    "sum by (cluster) (increase(reset_total[10m]))",
    "resets(reset_total[10m])",
]


RULES = """
groups:
- name: g
  rules:
  - {record: 'up:sum', expr: sum(up), labels: {team: x}}
  - {alert: Always, expr: vector(1), labels: {severity: page}, annotations: {summary: so}}
"""
HOLED = ("requests_total", "temperature", "reset_total")
NAMES = (*HOLED, *(f"steady_{name}" for name in HOLED))


def half(replica: str, *, delay_ms: int, seed: int) -> list[Series]:
    """What one replica scraped: counters and gauges, some scrapes of them missing but of the steady
    ones, and a counter that is reset."""
    rng = np.random.default_rng(seed)
    found: list[Series] = []
    for instance in range(3):
        for name in NAMES:
            missing = 0.0 if name.startswith("steady") else 0.1
            kept = np.flatnonzero((rng.random(SAMPLES) >= missing) | (np.arange(SAMPLES) == 0))
            same = np.random.default_rng(instance)
            values = same.integers(0, 9, SAMPLES).cumsum().astype(float)
            if name.endswith("temperature"):
                values = np.round(same.normal(20, 3, SAMPLES), 2)
            elif name.endswith("reset_total"):
                values[60:] -= values[60]
            times = START_MS + kept * STEP_MS + delay_ms
            labels = {"__name__": name, "instance": str(instance), "replica": replica}
            points = zip(times.tolist(), values[kept].tolist(), strict=True)
            found.append(({**labels, "cluster": "eu"}, list(points)))
    return found


def open_metrics(series: list[Series]) -> str:
    lines = []
    for labels, points in series:
        own = ",".join(
            f'{name}="{value}"'
            for name, value in labels.items()
            if name not in ("__name__", "cluster", "replica")
        )
        lines += [f"{labels['__name__']}{{{own}}} {value} {t / 1000}" for t, value in points]
    return "\n".join([*lines, "# EOF\n"])


def write(url: str, series: list[Series], **headers: str) -> None:
    about = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", **headers}
    request = urllib.request.Request(url, encode(series), about, method="POST")
    with closing(urllib.request.urlopen(request, timeout=60)) as answer:
        assert answer.status in (200, 204)


def ask(url: str, path: str, **params: object) -> dict[str, Any]:
    text = urllib.parse.urlencode(params)
    with closing(urllib.request.urlopen(f"{url}/api/v1/{path}?{text}", timeout=120)) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def result(url: str, path: str, **params: object) -> list[tuple[str, Any]]:
    """What a query gives, by label set."""
    found = ask(url, path, **params)
    assert not found.get("warnings"), found["warnings"]
    return sorted(
        (json.dumps(each["metric"], sort_keys=True), each.get("value") or each.get("values"))
        for each in found["data"]["result"]
    )


@dataclass(frozen=True)
class Scene:
    """queriers: of the sidecar and of who has the other half, by who that is."""

    cupola: str
    queriers: dict[str, str]
    sidecar: Server


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    program = os.environ.get(VARIABLE, "")
    if not program:
        pytest.skip(f"{VARIABLE} does not say where the program thanos is")
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("Debian's package prometheus is not installed")
    with ExitStack() as stack:
        yield started(tmp_path_factory.mktemp("thanos"), program, stack)


def started(folder: Path, program: str, stack: ExitStack) -> Scene:
    ports = iter(free_ports(*[0] * 13))

    def run(name: str, command: list[str], port: int) -> Server:
        server = Server(
            name, command, url=f"http://127.0.0.1:{port}", ready="/-/ready",
            log=folder / f"{name}.log",
        )  # fmt: skip
        stack.callback(server.kill)
        return server.start()

    def here(port: int) -> str:
        return f"127.0.0.1:{port}"

    prometheus_port, sidecar_port, sidecar_grpc, receive_port, receive_grpc = (
        next(ports) for _ in range(5)
    )
    make_blocks(folder, here(prometheus_port))
    prometheus = run(
        "prometheus",
        ["prometheus", f"--config.file={folder / 'a.yml'}", f"--storage.tsdb.path={folder / 'a'}",
         f"--web.listen-address={here(prometheus_port)}"],
        prometheus_port,
    )  # fmt: skip
    prometheus.wait_ready()
    sidecar = run(
        "sidecar",
        [program, "sidecar", f"--prometheus.url={prometheus.url}", f"--tsdb.path={folder / 'a'}",
         f"--grpc-address={here(sidecar_grpc)}", f"--http-address={here(sidecar_port)}"],
        sidecar_port,
    )  # fmt: skip
    write_port, capnp_port = next(ports), next(ports)
    receive = run(
        "receive",
        [program, "receive", '--label=receive_replica="0"', f"--tsdb.path={folder / 'receive'}",
         f"--grpc-address={here(receive_grpc)}", f"--http-address={here(receive_port)}",
         f"--remote-write.address={here(write_port)}",
         f"--receive.capnproto-address={here(capnp_port)}",
         f"--receive.local-endpoint={here(receive_grpc)}"],
        receive_port,
    )  # fmt: skip
    cupola_port, cupola_grpc = next(ports), next(ports)
    cupola = cupola_server(
        folder, f"--stores.endpoints={here(sidecar_grpc)}", "--dedup.replica-labels=replica",
        f"--grpc.listen-address={here(cupola_grpc)}", port=cupola_port,
    )  # fmt: skip
    stack.callback(cupola.kill)
    cupola.start()
    queriers = {}
    for name, grpc in (("receive", receive_grpc), ("cupola", cupola_grpc)):
        port, own = next(ports), next(ports)
        replica_labels = ("replica", "receive_replica", "tenant_id")
        queriers[name] = run(
            f"query-{name}",
            [program, "query", f"--http-address={here(port)}", f"--grpc-address={here(own)}",
             f"--endpoint={here(sidecar_grpc)}", f"--endpoint={here(grpc)}",
             *(f"--query.replica-label={label}" for label in replica_labels)],
            port,
        )  # fmt: skip
    for server in (sidecar, receive, *queriers.values(), cupola):
        server.wait_ready(300)
    other = half("b", delay_ms=4_000, seed=2)
    write(f"http://{here(write_port)}/api/v1/receive", other)
    write(f"{cupola.url}/api/v1/write", other)
    until_found(cupola.url, ("sidecar",))
    for querier in queriers.values():
        until_found(querier.url, ("sidecar", "receive"))
    return Scene(cupola.url, {name: q.url for name, q in queriers.items()}, sidecar)


def make_blocks(folder: Path, target: str) -> None:
    """The data directory and the configuration of a Prometheus that has its half already. target:
    what it scrapes."""
    (folder / "a.txt").write_text(open_metrics(half("a", delay_ms=0, seed=1)))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    blocks = [*command, str(folder / "a.txt"), str(folder / "a")]
    subprocess.run(blocks, check=True, capture_output=True, timeout=120)
    (folder / "rules.yml").write_text(RULES)
    config = {
        "global": {
            "external_labels": {"cluster": "eu", "replica": "a"},
            "scrape_interval": "1s",
            "evaluation_interval": "1s",
        },
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "self", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "a.yml").write_text(yaml.safe_dump(config))


def until_found(url: str, kinds: tuple[str, ...]) -> None:
    """Wait until the stores of these types have said what they have."""
    for _ in range(1_200):
        listed = ask(url, "stores")["data"]
        if all(any(not each["lastError"] for each in listed.get(kind, [])) for kind in kinds):
            return
        time.sleep(0.1)
    raise AssertionError(f"{url} has not found {kinds}: {listed}")


@pytest.mark.parametrize("other_half", ["receive", "cupola"])
@pytest.mark.parametrize("dedup", ["penalty", "false"])
def test_both_halves_are_answered_as_by_thanos(scene: Scene, dedup: str, other_half: str) -> None:
    """Each query at one time and over a range. A receiver sends chunks that begin before what is
    asked for, by which Thanos takes another replica for the first: replicas of which one has holes
    are compared without it. Labels that it adds are none of Cupola's."""
    asked = [*QUERIES, *OF_RESETS] if dedup == "penalty" else QUERIES
    assert len([*QUERIES, *OF_RESETS]) >= 100
    wrong = []
    for text in asked:
        if dedup == "penalty" and other_half == "receive":
            for name in HOLED:
                text = text.replace(name, f"steady_{name}")
        for path, times in (
            ("query", {"time": END_S - 593}),
            ("query_range", {"start": END_S - 1_193, "end": END_S, "step": 20}),
        ):
            own = result(scene.cupola, path, query=text, dedup=dedup, **times)
            on = str(dedup != "false").lower()
            found = result(scene.queriers[other_half], path, query=text, dedup=on, **times)
            other = without_labels(found, "receive_replica", "tenant_id")
            if own != other:
                pairs = zip(own, other, strict=False)
                differ = [pair for pair in pairs if pair[0] != pair[1]]
                wrong.append((path, text, len(own), len(other), differ[:1]))
    assert not wrong, f"{len(wrong)} of {2 * len(asked)} differ, such as {wrong[:2]}"


def without_labels(found: list[tuple[str, Any]], *names: str) -> list[tuple[str, Any]]:
    kept = []
    for text, values in found:
        labels = {name: value for name, value in json.loads(text).items() if name not in names}
        kept.append((json.dumps(labels, sort_keys=True), values))
    return sorted(kept)


def test_no_counter_falls_with_auto(scene: Scene) -> None:
    """Those that were reset fall once, though scrapes are missing."""
    found = result(
        scene.cupola, "query", query="resets(reset_total[25m])", dedup="auto", time=END_S
    )
    assert [value for _, (_, value) in found] == ["1", "1", "1"]


def test_an_external_label_alone_selects(scene: Scene) -> None:
    found = result(scene.cupola, "query", query='count({replica="a"})', time=END_S - 600)
    assert [value for _, (_, value) in found] == [str(3 * len(NAMES))]


def test_rules_targets_and_metadata_are_those_of_the_sidecar(scene: Scene) -> None:
    """As thanos query shows them, once the Prometheus has scraped and evaluated."""

    def rules(url: str) -> list[Any]:
        groups = ask(url, "rules")["data"]["groups"]
        return [
            [group["name"], Path(group["file"]).name, *(
                (rule["type"], rule["name"], rule["query"], rule["labels"], rule["health"],
                 rule.get("state"), rule.get("annotations"),
                 [alert["labels"] for alert in rule.get("alerts", [])])
                for rule in sorted(group["rules"], key=lambda rule: rule["name"])
            )]
            for group in groups
        ]  # fmt: skip

    def targets(url: str) -> list[Any]:
        active = ask(url, "targets")["data"]["activeTargets"]
        return [(t["scrapeUrl"], t["scrapePool"], t["health"], t["labels"]) for t in active]

    def metadata(url: str) -> Any:
        return ask(url, "metadata", metric="go_goroutines")["data"]

    querier = scene.queriers["cupola"]
    for look, is_done in (
        (rules, lambda found: "firing" in str(found) and "'unknown'" not in str(found)),
        (targets, lambda found: found and found[0][2] == "up"),
        (metadata, lambda found: "go_goroutines" in found),
    ):
        for _ in range(600):
            found = look(querier)
            if is_done(found) and look(scene.cupola) == found:
                break
            time.sleep(0.1)
        else:
            raise AssertionError(f"never the same: {found} and {look(scene.cupola)}")


def test_a_sidecar_that_is_gone_is_missed(scene: Scene) -> None:
    scene.sidecar.kill()
    found = ask(scene.cupola, "query", query="requests_total", time=END_S - 600)
    assert len(found["data"]["result"]) == 3
    assert any("(sidecar)" in text for text in found["warnings"])
    with pytest.raises(urllib.error.HTTPError, match="422"):
        ask(
            scene.cupola,
            "query",
            query="requests_total",
            time=END_S - 600,
            partial_response="false",
        )
