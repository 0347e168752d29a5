"""A client of a server of processes, of which any may get each of its requests."""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compose.processes import Server
from tests.makers.bodies.v1 import HEADERS, encode

PATIENCE_S = 900.0
SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]


@dataclass(slots=True)
class Asking:
    """A client that makes a connection of its own for each request, so that any process may get
    it."""

    server: Server

    def ask(
        self, method: str, path: str, tenant: str = "", token: str = "all", body: bytes = b"",
        **headers: str,
    ) -> Answer:  # fmt: skip
        given = {"Authorization": f"Bearer {token}"} if token else {}
        given |= {"X-Scope-OrgID": tenant} if tenant else {}
        given |= {name.replace("_", "-"): text for name, text in headers.items()}
        address = self.server.url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body or None, given)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def write(self, tenant: str, at_ms: int, value: float, name: str = "up") -> Answer:
        samples = [(at_ms - n * 1_000, value) for n in range(SAMPLES)]
        body = encode([({"__name__": name, "tenant": tenant}, samples)])
        return self.ask("POST", "/api/v1/write", tenant, body=body, **HEADERS)

    def query(self, tenant: str, text: str, **more: str) -> Answer:
        return self.ask("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": text}), tenant,
                        **more)  # fmt: skip

    def cluster(self) -> dict[str, Any]:
        data: dict[str, Any] = self.ask("GET", "/api/v1/status/cluster").data
        return data

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels."""
        found = 0.0
        for line in self.ask("GET", "/metrics").body.decode().splitlines():
            key, _, value = line.rpartition(" ")
            if key.partition("{")[0] == name and all(
                f'{label}="{text}"' in key for label, text in labels.items()
            ):
                found += float(value)
        return found


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)


def begun(asking: Asking) -> Asking:
    """Once all kernels of all processes are there, so that no request waits for them."""
    until(lambda: asking.metric("cupola_kernels_warm") == 1)
    return asking
