"""A real querier of Thanos in distributed mode: what can be computed by each of two Cupolas is."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.agents.thanos.programs import thanos_program, thanos_query
from tests.agents.thanos.test_stores import ask, write

PATIENCE_S = 120
CLUSTERS = ("eu", "us")
MODES = ("local", "distributed")
QUERIES = (
    "sum(rate(m_total[5m]))",
    "sum by (cluster) (rate(m_total[5m]))",
    "max by (pod) (m_total)",
    "count(m_total)",
    "topk(2, m_total)",
    "avg(m_total)",
    'm_total{cluster="eu"}',
    "sum(m_total) / count(m_total)",
    "histogram_quantile(0.5, sum by (le) (m_total))",
    "absent(none)",
)


@dataclass(frozen=True)
class Scene:
    """Cupolas, queriers over all of them by their mode, and the time of the last samples in s."""

    cupolas: list[Server]
    queriers: dict[str, Server]
    end_s: int


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    thanos_program()
    folder = tmp_path_factory.mktemp("distributed")
    end_s = int(time.time()) // 60 * 60
    with ExitStack() as stack:
        cupolas, addresses = [], []
        for cluster in CLUSTERS:
            port, grpc_port = free_ports(0, 0)
            addresses.append(f"127.0.0.1:{grpc_port}")
            (folder / cluster).mkdir()
            cupola = cupola_server(
                folder / cluster,
                f"--grpc.listen-address={addresses[-1]}",
                "--grpc.announced-labels=cluster",
                "--dedup.replica-labels=replica",
                "--dedup.algorithm=penalty",
                port=port,
            )
            stack.enter_context(cupola.start()).wait_ready()
            write(f"{cupola.url}/api/v1/write", series_of(cluster, end_s))
            cupolas.append(cupola)
        queriers = {}
        for mode in MODES:
            flags = (f"--query.mode={mode}", "--query.promql-engine=thanos")
            replicas = "--query.replica-label=replica"
            querier = thanos_query(folder, mode, addresses, *flags, replicas)
            queriers[mode] = stack.enter_context(querier.start())
            querier.wait_ready()
            until_listed(querier.url)
        yield Scene(cupolas, queriers, end_s)


def series_of(cluster: str, end_s: int) -> list[Any]:
    return [
        (
            {"__name__": "m_total", "cluster": cluster, "pod": str(pod), "replica": replica},
            [((end_s - 3600 + 15 * k) * 1000 + late, float(k * (pod + 1))) for k in range(240)],
        )
        for replica, late in (("a", 0), ("b", 3_000))
        for pod in range(4)
    ]


def until_listed(url: str) -> None:
    """Wait until a querier knows what labels its stores have."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        listed = ask(url, "stores")["data"].get("receive", [])
        if sorted(each["labelSets"][0]["cluster"] for each in listed if each["labelSets"]) == [
            *CLUSTERS
        ]:
            return
        assert time.monotonic() < deadline, listed
        time.sleep(0.2)


def evaluated(cupola: Server) -> float:
    """How many queries it has evaluated for others."""
    with closing(urllib.request.urlopen(f"{cupola.url}/metrics", timeout=60)) as answer:
        lines = answer.read().decode().splitlines()
    counted = [line for line in lines if "thanos.Query/QueryRange" in line and "_count{" in line]
    return float(counted[0].rpartition(" ")[2]) if counted else 0.0


def test_parts_are_computed_where_the_data_are(scene: Scene) -> None:
    times = {"start": scene.end_s - 1800, "end": scene.end_s - 60, "step": 60}
    for query in QUERIES:
        found = {}
        for mode, querier in scene.queriers.items():
            before = [evaluated(cupola) for cupola in scene.cupolas]
            result = ask(querier.url, "query_range", query=query, **times)["data"]["result"]
            found[mode] = sorted(
                (json.dumps(each["metric"], sort_keys=True), each["values"]) for each in result
            )
            after = [evaluated(cupola) for cupola in scene.cupolas]
            assert (after != before) is (mode == "distributed"), (query, mode)
        assert found["distributed"] == found["local"], query
