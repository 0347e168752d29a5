"""What there is to know of the processes of a server: which they are, what they have, how they are.

GET /api/v1/status/cluster, and the same as metrics. A server of one process has one of them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge

from receiver.late_database import LateDatabase, State
from receiver.processes.peers import NoAnswer, Part
from receiver.processes.place import Place
from receiver.tenant_header import PREFIXES

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Cluster:
    """The part of one process."""

    def __init__(
        self,
        place: Place,
        database: LateDatabase,
        registry: CollectorRegistry,
        *,
        passed_on: Callable[[], int] = lambda: 0,
    ) -> None:
        """passed_on: how many requests were passed on to others."""
        self._place, self._database, self._passed_on = place, database, passed_on
        self._started_s = time.time()
        number = str(place.share.number)
        gauge = Gauge("cupola_processes", "Processes that share the shards.", registry=registry)
        gauge.set(place.share.count)
        self._gauge(registry, "open", "1 if a process has its shards open.").labels(
            number
        ).set_function(lambda: database.state is State.OPEN)
        restarts = self._gauge(registry, "restarts", "How often a process was started again.")
        restarts.labels(number).set(place.restarts)
        shards = self._gauge(registry, "shards", "Shards that a process has.")
        shards.labels(number).set(len(place.share.shards(place.shards)))
        self._gauge(registry, "memory_bytes", "Resident memory of a process.").labels(
            number
        ).set_function(lambda: resident_bytes(os.getpid()))

    def _gauge(self, registry: CollectorRegistry, name: str, text: str) -> Gauge:
        return Gauge(f"cupola_process_{name}", text, ["process"], registry=registry)

    def add_routes(self, app: web.Application) -> None:
        for prefix in PREFIXES:
            app.router.add_get(f"{prefix}/api/v1/status/cluster", self.get)

    async def get(self, request: web.Request) -> web.Response:
        return enveloped([self.own()], self._place)

    def merge(self, request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
        """The document of all; one that does not answer is told of as such."""
        found = [
            json.loads(part.body)["data"]["processes"][0]
            if isinstance(part, Part) and part.status == 200
            else {"process": number, "state": "down", "shards": self._shards(number)}
            for number, part in enumerate(parts)
        ]
        return enveloped(found, self._place)

    def own(self) -> dict[str, Any]:
        """Of this process. Sizes are bytes, times seconds."""
        pid = os.getpid()
        return {
            "process": self._place.share.number,
            "state": self._database.state.name.lower(),
            "pid": pid,
            "shards": self._shards(self._place.share.number),
            "restarts": self._place.restarts,
            "startTime": round(self._started_s, 3),
            "residentBytes": resident_bytes(pid),
            "processorSeconds": round(time.process_time(), 3),
            "passedOn": self._passed_on(),
        }

    def _shards(self, number: int) -> list[int]:
        return list(range(number, self._place.shards, self._place.share.count))


def enveloped(processes: Sequence[dict[str, Any]], place: Place) -> web.Response:
    data: dict[str, Any] = {"count": place.share.count, "shards": place.shards}
    if not place.is_alone:
        parent = os.getppid()
        data["parent"] = {"pid": parent, "residentBytes": resident_bytes(parent)}
    data["processes"] = processes
    body = json.dumps({"status": "success", "data": data}).encode()
    return web.Response(body=body, content_type="application/json")


def resident_bytes(pid: int) -> int:
    """The memory of a process; 0 if that is not to be known."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
