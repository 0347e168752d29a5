"""The scenes of the guides: a pair of Prometheis and one of another cluster, a sidecar beside each,
a bucket that they upload to, a store gateway over it, a querier with --query.replica-label.

Every part is there twice, as a program of Thanos and as Cupola, and all are asked the same.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.agents.thanos.buckets import Bucket, empty_bucket, promtool, thanos_store
from tests.agents.thanos.programs import thanos_program, thanos_query
from tests.agents.thanos.test_query import PATIENCE_S, assert_same, data_of

HOUR_S, STEP_S = 3_600, 30
# Whole blocks of two hours, long enough ago to be finished.
END_S = (int(time.time()) // (2 * HOUR_S) - 2) * 2 * HOUR_S
START_S = END_S - 4 * HOUR_S
MEMBERS = {
    "a": {"cluster": "eu", "replica": "a"},
    "b": {"cluster": "eu", "replica": "b"},
    "c": {"cluster": "us", "replica": "a"},
}
LATE_S = {"a": 0, "b": 4, "c": 9}
AT = {"start": START_S + HOUR_S, "end": END_S - 61, "step": 83}
QUERIES = [
    "requests_total",
    'requests_total{pod="p1", cluster="eu"}',
    "sum by (cluster) (rate(requests_total[5m]))",
    'increase(requests_total{cluster="us"}[10m])',
    "temperature",
    'max by (pod) (temperature{cluster=~"e."})',
    "avg_over_time(temperature[7m])",
    "count by (cluster) (temperature)",
    # A label of the series that has the name of an external one.
    "clash",
    'clash{cluster="eu"}',
    'clash{cluster="own"}',
    'nothing{cluster="eu"}',
]


@dataclass
class Scene:
    """queriers: by who stands behind them: `thanos`, or `cupola`. cupola: a server without data,
    over the sidecars of Cupola; in_place: one over the bucket; gateway: a thanos query over a store
    gateway of the bucket that the sidecars of Cupola filled."""

    queriers: Mapping[str, Server]
    cupola: Server
    in_place: Server
    gateway: Server
    bucket: Bucket
    sidecars: Mapping[str, Server]
    prometheis: Mapping[str, Server]
    directory: Path


def open_metrics(late_s: int, seed: int) -> str:
    lines: dict[str, list[str]] = {"requests": [], "temperature": [], "clash": []}
    for pod in range(3):
        choose, total = random.Random(seed * 100 + pod), 0
        for time_s in range(START_S + 1, END_S, STEP_S):
            total += choose.randrange(9)
            at = f"{time_s + late_s}"
            lines["requests"].append(f'requests_total{{pod="p{pod}"}} {total} {at}')
            wave = round(choose.gauss(20, 3), 2)
            lines["temperature"].append(f'temperature{{pod="p{pod}"}} {wave} {at}')
            if pod == 0:
                lines["clash"].append(f'clash{{cluster="own"}} {total} {at}')
    kinds = {"requests": "counter", "temperature": "gauge", "clash": "gauge"}
    text = [f"# TYPE {name} {kinds[name]}\n" + "\n".join(own) for name, own in lines.items()]
    return "\n".join([*text, "# EOF\n"])


def prometheus(directory: Path, name: str) -> tuple[Server, Path]:
    """One that has blocks of some hours ago, not started, and the directory of its data."""
    data, text, config = directory / f"data-{name}", directory / f"{name}.om", directory / name
    text.write_text(open_metrics(LATE_S[name], seed=1 if name != "c" else 2))
    command = [promtool(), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    subprocess.run(command, check=True, capture_output=True)
    about = {"scrape_interval": "1h", "external_labels": MEMBERS[name]}
    rules = directory / f"{name}-rules.yml"
    rules.write_text("groups: [{name: g, interval: 1h, rules: [{record: 'a:b', expr: vector(1)}]}]")
    jobs = [{"job_name": "none", "static_configs": [{"targets": ["127.0.0.1:9"]}]}]
    document = {"global": about, "rule_files": [str(rules)], "scrape_configs": jobs}
    config.write_text(yaml.safe_dump(document))
    (port,) = free_ports(0)
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}",
        "--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h",
        "--storage.tsdb.retention.time=30d", f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
    ]  # fmt: skip
    log, url = directory / f"prometheus-{name}.log", f"http://127.0.0.1:{port}"
    return Server(f"prometheus-{name}", command, url=url, ready="/-/ready", log=log), data


def sidecar(directory: Path, name: str, beside: Server, *flags: str) -> tuple[Server, str]:
    """That of Thanos, or of Cupola, beside a Prometheus: both are called alike."""
    port, grpc_port = free_ports(0, 0)
    address = f"127.0.0.1:{grpc_port}"
    program = (
        [thanos_program()] if name.startswith("thanos") else [sys.executable, "-m", "receiver"]
    )
    command = [
        *program, "sidecar", f"--prometheus.url={beside.url}", f"--grpc-address={address}",
        f"--http-address=127.0.0.1:{port}", *flags,
    ]  # fmt: skip
    url, log = f"http://127.0.0.1:{port}", directory / f"{name}.log"
    return Server(name, command, url=url, ready="/-/ready", log=log), address


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def has_stores(querier: Server, kind: str, count: int) -> bool:
    listed = data_of(querier.url, "stores").get(kind, [])
    return sum(each["lastError"] is None for each in listed) == count


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    thanos_program()
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    directory = tmp_path_factory.mktemp("sidecars")
    bucket = empty_bucket(directory)
    with ExitStack() as stack:

        def started(server: Server) -> Server:
            return stack.enter_context(server.start())

        addresses: dict[str, list[str]] = {"thanos": [], "cupola": []}
        prometheis, sidecars = {}, {}
        for name in MEMBERS:
            server, data = prometheus(directory, name)
            prometheis[name] = started(server)
            theirs, address = sidecar(directory, f"thanos-{name}", server)
            addresses["thanos"].append(address)
            ours, address = sidecar(
                directory, f"cupola-{name}", server, f"--tsdb.path={data}",
                f"--objstore.config-file={bucket.file}", "--shipper.interval=500ms",
                "--prometheus.get_config_interval=500ms",
            )  # fmt: skip
            addresses["cupola"].append(address)
            sidecars[name] = started(ours)
            started(theirs)
        for server in (*prometheis.values(), *sidecars.values()):
            server.wait_ready()
        replicas = "--query.replica-label=replica"
        queriers = {
            kind: started(thanos_query(directory, f"query-{kind}", own, replicas))
            for kind, own in addresses.items()
        }
        ports = free_ports(0, 0)
        endpoints = f"--stores.endpoints={','.join(addresses['cupola'])}"
        replicas_of_cupola = "--dedup.replica-labels=replica"
        cupola = started(
            cupola_server(directory / "empty", endpoints, replicas_of_cupola, port=ports[0])
        )
        uploaded = lambda: len(list(bucket.directory.glob("*/meta.json"))) == 6  # noqa: E731
        until(uploaded, "never six blocks in the bucket")
        store, address = thanos_store(directory, bucket)
        in_place = started(
            cupola_server(
                directory / "in-place", f"--stores.thanos-bucket={bucket.file}",
                replicas_of_cupola, port=ports[1],
            )
        )  # fmt: skip
        started(store).wait_ready()
        gateway = started(thanos_query(directory, "query-store", [address], replicas))
        for server in (*queriers.values(), cupola, in_place, gateway):
            server.wait_ready()
        for querier in (*queriers.values(), cupola):
            until(lambda q=querier: has_stores(q, "sidecar", 3), f"{querier.name} has no sidecars")
        until(lambda: has_stores(gateway, "store", 1), "no store gateway")
        until(lambda: has_stores(in_place, "thanos-bucket", 1), "no bucket")
        yield Scene(queriers, cupola, in_place, gateway, bucket, sidecars, prometheis, directory)


@pytest.mark.parametrize("dedup", [True, False])
@pytest.mark.parametrize("query", QUERIES)
def test_all_parts_answer_as_thanos_does(scene: Scene, query: str, dedup: bool) -> None:
    asked = {"query": query, "dedup": str(dedup).lower(), **AT}
    expected = data_of(scene.queriers["thanos"].url, "query_range", **asked)["result"]
    for server in (scene.queriers["cupola"], scene.gateway):
        assert_same(data_of(server.url, "query_range", **asked)["result"], expected)
    asked["dedup"] = "penalty" if dedup else "false"
    for server in (scene.cupola, scene.in_place):
        assert_same(data_of(server.url, "query_range", **asked)["result"], expected)


def test_external_labels_alone_select(scene: Scene) -> None:
    """Which Thanos refuses to its own sidecars."""
    at = {"query": 'count({cluster="us"})', "time": END_S - 61}
    for server in (scene.cupola, scene.in_place):
        (only,) = data_of(server.url, "query", **at)["result"]
        assert only["value"][1] == "7"


def test_lists_of_labels_and_series(scene: Scene) -> None:
    span = {"start": START_S, "end": END_S}
    for path in ("labels", "label/pod/values", "label/cluster/values"):
        expected = data_of(scene.queriers["thanos"].url, path, **span)
        # A name that is an external one, and one of a series, is there twice in Thanos.
        found = data_of(scene.queriers["cupola"].url, path, **span)
        assert found == sorted(set(expected)), path
    for match in ("temperature", '{cluster="us", pod!=""}'):
        asked = {"match[]": match, **span}
        found = [
            sorted(sorted(each.items()) for each in data_of(server.url, "series", **asked))
            for server in (*scene.queriers.values(), scene.cupola)
        ]
        assert found[0] == found[1] == found[2] and found[0]


def test_what_is_listed_of_sidecars(scene: Scene) -> None:
    """The same, as soon as each has answered: an endpoint that once did not is not listed."""

    def listed(querier: Server) -> list[tuple[str, str, int]]:
        sidecars = data_of(querier.url, "stores").get("sidecar", [])
        labels = [each["labelSets"][0] for each in sidecars]
        times = [each["minTime"] for each in sidecars]
        return sorted(
            (own["cluster"], own["replica"], time) for own, time in zip(labels, times, strict=True)
        )

    def is_same() -> bool:
        theirs, ours = (listed(querier) for querier in scene.queriers.values())
        return theirs == ours and len(ours) == 3

    until(is_same, "the lists never were equal")


def test_rules_and_targets_are_those_of_the_prometheis(scene: Scene) -> None:
    def rules(querier: Server) -> list[object]:
        groups = data_of(querier.url, "rules")["groups"]
        return sorted(
            (group["name"], rule["name"], sorted(rule["labels"].items()))
            for group in groups for rule in group["rules"]
        )  # fmt: skip

    def targets(querier: Server) -> list[object]:
        active = data_of(querier.url, "targets")["activeTargets"]
        return sorted((each["scrapePool"], sorted(each["labels"].items())) for each in active)

    def are_same() -> bool:
        """Targets are there some seconds after the start."""
        for found in (rules, targets):
            theirs, ours = map(found, scene.queriers.values())
            if theirs != ours or len(ours) < 2:
                return False
        return True

    until(are_same, "rules and targets never were the same")


def test_blocks_are_described_as_thanos_describes_them(scene: Scene) -> None:
    for path in scene.bucket.directory.glob("*/meta.json"):
        meta = json.loads(path.read_text())["thanos"]
        assert meta["labels"] in MEMBERS.values() and meta["source"] == "sidecar"
        for file in meta["files"]:
            if file["rel_path"] != "meta.json":
                assert (path.parent / file["rel_path"]).stat().st_size == file["size_bytes"]
    command = [
        thanos_program(), "tools", "bucket", "verify",
        f"--objstore.config-file={scene.bucket.file}", "--issues=index_known_issues",
        "--issues=overlapped_blocks",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "level=error" not in done.stderr, done.stderr


def test_external_labels_that_change_are_seen(scene: Scene) -> None:
    """The last test: it gives a Prometheus other labels."""
    config = scene.directory / "c"
    about = yaml.safe_load(config.read_text())
    about["global"]["external_labels"]["cluster"] = "mars"
    config.write_text(yaml.safe_dump(about))
    prometheus = scene.prometheis["c"]
    subprocess.run(["curl", "-sf", "-m", "30", "-XPOST", f"{prometheus.url}/-/reload"], check=True)

    def is_seen() -> bool:
        found = data_of(scene.cupola.url, "query", query='count({cluster="mars"})', time=END_S - 61)
        return bool(found["result"])

    until(is_seen, "the new label was never seen")
