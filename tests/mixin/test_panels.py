"""Every panel of every dashboard shows something of a server that is scraped, written to and asked.

The server's own /metrics are what it is asked for: they are scraped between its requests, and sent
to it as a minute apart, because rates are over minutes.
"""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from mixin.render import names
from tests.makers.bodies import v1
from tests.makers.mixin.dashboard_queries import queries
from tests.makers.mixin.using import LIMIT_S, get, make_use_of, write

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


@pytest.mark.parametrize(
    ("title", "expr"),
    [pytest.param(*found, id=found[0]) for name in names() for found in queries(name)],
)
def test_the_panel_shows_something(server: Server, title: str, expr: str) -> None:
    asked = urllib.parse.urlencode({"query": expr})
    answer = json.loads(get(server, f"/api/v1/query?{asked}", WATCHER))
    assert answer["status"] == "success"
    assert answer["data"]["result"], expr
