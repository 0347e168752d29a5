"""What panels are about: a server that is written to and asked, rightly and not."""

from __future__ import annotations

import contextlib
import time
import urllib.error
import urllib.request

from compose.processes import Server
from tests.makers.bodies import exemplars, v1

LIMIT_S = 180.0


def make_use_of(server: Server, number: int) -> None:
    """Writes of a pair, one that is refused and one that is none; queries, one of them wrong."""
    now_ms = int(time.time() * 1000)
    for replica in "ab":
        labels = {"__name__": "up", "cluster": "c", "prometheus_replica": replica}
        write(server, v1.encode([(labels, [(now_ms, 1.0)])]), "edge")
    future = [({"__name__": "up"}, [(now_ms + 10**10, 1.0)])]
    for body in (v1.encode(future), b"nonsense"):
        with contextlib.suppress(urllib.error.HTTPError):
            write(server, body, "edge")
    traced = ({"__name__": "traced"}, [(now_ms, 1.0)], [(now_ms, 1.0, {"trace_id": "abc"})])
    write(server, exemplars.body([traced]), "edge")
    start = now_ms / 1000 - 3600
    get(server, f"/api/v1/query?query=up&time={start + number}", "edge")
    get(server, f"/api/v1/query_range?query=up&start={start}&end={start + 600}&step=15", "edge")
    get(server, "/api/v1/label/cluster/values", "edge")
    with contextlib.suppress(urllib.error.HTTPError):
        get(server, "/api/v1/query?query=(", "edge")


def get(server: Server, path: str, tenant: str = "") -> bytes:
    request = urllib.request.Request(server.url + path, headers={"X-Scope-OrgID": tenant or "x"})
    with urllib.request.urlopen(request, timeout=LIMIT_S) as response:
        return bytes(response.read())


def write(server: Server, body: bytes, tenant: str) -> None:
    headers = {**v1.HEADERS, "X-Scope-OrgID": tenant}
    request = urllib.request.Request(f"{server.url}/api/v1/write", body, headers)
    with urllib.request.urlopen(request, timeout=LIMIT_S):
        pass
