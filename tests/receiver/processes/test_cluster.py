"""What is told of the processes of a server."""

from __future__ import annotations

import json
import os
from typing import Any

from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry

from receiver.late_database import LateDatabase
from receiver.processes.cluster import Cluster, resident_bytes
from receiver.processes.peers import NoAnswer, Part
from receiver.processes.place import ALONE, Place
from storage.tenants.placement import Share


def never() -> Any:
    raise AssertionError("not to be opened")


def cluster(place: Place, registry: CollectorRegistry | None = None) -> Cluster:
    return Cluster(place, LateDatabase(never), registry or CollectorRegistry(), passed_on=lambda: 7)


def test_of_one_process() -> None:
    own = cluster(ALONE).own()
    assert (own["process"], own["state"], own["pid"]) == (0, "new", os.getpid())
    assert (own["shards"], own["restarts"], own["passedOn"]) == ([0], 0, 7)
    assert own["residentBytes"] > 1 << 20


def test_one_that_does_not_answer_is_told_of() -> None:
    first, second = (cluster(Place(Share(n, 3), shards=4, restarts=n)) for n in (0, 1))
    parts = [
        Part(200, {}, json.dumps({"data": {"processes": [each.own()]}}).encode())
        for each in (first, second)
    ]
    request = make_mocked_request("GET", "/api/v1/status/cluster")
    answer = first.merge(request, [*parts, NoAnswer("process 2 is away")])
    assert isinstance(answer.body, bytes)
    data = json.loads(answer.body)["data"]
    assert (data["count"], data["shards"]) == (3, 4)
    assert data["parent"]["pid"] == os.getppid()
    assert [p["shards"] for p in data["processes"]] == [[0, 3], [1], [2]]
    assert [p["state"] for p in data["processes"]] == ["new", "new", "down"]
    assert data["processes"][1]["restarts"] == 1


def test_the_same_as_metrics() -> None:
    registry = CollectorRegistry()
    cluster(Place(Share(1, 3), shards=5, restarts=2), registry)
    labels = {"process": "1"}
    assert registry.get_sample_value("cupola_processes") == 3
    assert registry.get_sample_value("cupola_process_open", labels) == 0
    assert registry.get_sample_value("cupola_process_restarts", labels) == 2
    assert registry.get_sample_value("cupola_process_shards", labels) == 2
    memory = registry.get_sample_value("cupola_process_memory_bytes", labels)
    assert memory is not None
    assert memory > 1 << 20


def test_the_memory_of_no_process() -> None:
    assert resident_bytes(1 << 30) == 0
