"""Every panel of every dashboard shows something of a server that is scraped, written to and asked.

The server's own /metrics are what it is asked for: they are scraped between its requests, and sent
to it as a minute apart, because rates are over minutes.
"""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from mixin.render import names
from tests.makers.bodies import exemplars, v1
from tests.makers.mixin.dashboard_queries import queries

WATCHER = "watch"
SCRAPES, MINUTE_MS = 4, 60_000
RULES = """
groups:
- name: scene
  interval: 1s
  rules:
  - record: recorded
    expr: vector(1)
  - alert: Fires
    expr: vector(1)
"""
LIMIT_S = 180.0
WANTED = {
    "prometheus_rule_evaluations_total",
    "prometheus_notifications_errors_total",
    "cupola_replica_silence_seconds",
    "cupola_series",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose own metrics are stored by itself, as those of tenant WATCHER."""
    folder = tmp_path_factory.mktemp("panels")
    port, nothing = free_ports(0, 0)
    (folder / "rules.yml").write_text(RULES)
    flags = (
        f"--rules.files={folder / 'rules.yml'}",
        f"--rules.alertmanagers.urls=http://127.0.0.1:{nothing}",
        "--storage.shards=1",
    )
    with cupola_server(folder, *flags, port=port).start() as server:
        server.wait_ready()
        store(server)
        yield server


def store(server: Server) -> None:
    """Let the server do all sorts of things, and store what it says of itself meanwhile."""
    scraped = []
    for number in range(SCRAPES):
        make_use_of(server, number)
        scraped.append(scrape(server))
    now_ms = int(time.time() * 1000)
    series = []
    for number, text in enumerate(scraped):
        then_ms = now_ms - (SCRAPES - 1 - number) * MINUTE_MS
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                own = {"job": "cupola", "instance": "a"}
                labels = {"__name__": sample.name, **sample.labels, **own}
                series.append((labels, [(then_ms, sample.value)]))
    write(server, v1.encode(series), WATCHER)


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


def scrape(server: Server) -> str:
    """What it says of itself once rules were evaluated, alerts were sent, which no one takes, and
    what is brought up to date from time to time has been."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        text = get(server, "/metrics").decode()
        found = {s.name for f in text_string_to_metric_families(text) for s in f.samples if s.value}
        if found >= WANTED:
            return text
        time.sleep(0.1)
    raise AssertionError(f"not seen within {LIMIT_S} s: {WANTED - found}")


def get(server: Server, path: str, tenant: str = "") -> bytes:
    request = urllib.request.Request(server.url + path, headers={"X-Scope-OrgID": tenant or "x"})
    with urllib.request.urlopen(request, timeout=LIMIT_S) as response:
        return bytes(response.read())


def write(server: Server, body: bytes, tenant: str) -> None:
    headers = {**v1.HEADERS, "X-Scope-OrgID": tenant}
    request = urllib.request.Request(f"{server.url}/api/v1/write", body, headers)
    with urllib.request.urlopen(request, timeout=LIMIT_S):
        pass


@pytest.mark.parametrize(
    ("title", "expr"),
    [pytest.param(*found, id=found[0]) for name in names() for found in queries(name)],
)
def test_the_panel_shows_something(server: Server, title: str, expr: str) -> None:
    asked = urllib.parse.urlencode({"query": expr})
    answer = json.loads(get(server, f"/api/v1/query?{asked}", WATCHER))
    assert answer["status"] == "success"
    assert answer["data"]["result"], expr
