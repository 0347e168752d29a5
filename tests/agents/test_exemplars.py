"""Exemplars and metadata of a real agent arrive as they were exposed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.processes import free_ports
from compose.scene import Agent, Client, agent_server, cupola_server
from storage.tenant import DEFAULT_TENANT
from tests.agents.conftest import need_agents

PATIENCE_S = 45
PAGE = """\
# HELP requests What came "in".
# TYPE requests counter
requests_total{{code="200"}} {n} # {{trace_id="t{n}",span_id="s"}} {n}.5
# HELP wait_seconds How long.
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{{le="1.0"}} {n} # {{trace_id="w{n}"}} 0.25
wait_seconds_bucket{{le="+Inf"}} {n}
wait_seconds_sum {n}
wait_seconds_count {n}
# TYPE temperature gauge
temperature 1
# EOF
"""


@dataclass
class Target:
    """Serves a page whose exemplars are new at every scrape."""

    port: int
    scrapes: int = 0
    server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Target:
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target.scrapes += 1
                self.send_response(200)
                kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(PAGE.format(n=target.scrapes).encode())

            def log_message(self, *_: Any) -> None:
                """Nothing is logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A reader of what an agent that scrapes a Target writes."""
    need_agents()
    directory = tmp_path_factory.mktemp("exemplars")
    cupola_port, agent_port, target_port = free_ports(0, 0, 0)
    with Target(target_port), cupola_server(directory, port=cupola_port).start() as cupola:
        cupola.wait_ready()
        url = f"{cupola.url}/api/v1/write"
        agent = Agent(DEFAULT_TENANT, url, {}, {"page": [f"127.0.0.1:{target_port}"]}, 1)
        server = agent_server(directory, "agent", agent, port=agent_port)
        change_agent(directory / "agent.yml", server.command)
        with server.start():
            server.wait_ready()
            yield Client(cupola.url, DEFAULT_TENANT)


def change_agent(path: Path, command: list[str]) -> None:
    """Let the agent send exemplars, and metadata each second."""
    config = yaml.safe_load(path.read_text())
    write = config["remote_write"][0]
    write["send_exemplars"] = True
    write["metadata_config"] = {"send_interval": "1s"}
    path.write_text(yaml.safe_dump(config))
    command[command.index("--enable-feature=agent")] = "--enable-feature=agent,exemplar-storage"


def found_within_patience(client: Client, endpoint: str, least: int, **params: str) -> Any:
    """What an endpoint tells once it tells of so many things."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = client.get(endpoint, **params)
        if len(found) >= least or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def test_exemplars_arrive(client: Client) -> None:
    found = found_within_patience(client, "query_exemplars", 2, query="{job='page'}")
    by_name = {series["seriesLabels"]["__name__"]: series for series in found}
    assert set(by_name) == {"requests_total", "wait_seconds_bucket"}
    assert by_name["requests_total"]["seriesLabels"]["code"] == "200"
    for exemplar in by_name["requests_total"]["exemplars"]:
        number = float(exemplar["value"]) - 0.5
        assert exemplar["labels"] == {"span_id": "s", "trace_id": f"t{number:.0f}"}
        assert abs(exemplar["timestamp"] - time.time()) < 2 * PATIENCE_S
    assert by_name["wait_seconds_bucket"]["seriesLabels"]["le"] in ("1", "1.0")


def test_metadata_arrives(client: Client) -> None:
    found = found_within_patience(client, "metadata", 3)
    assert found["requests"] == [{"type": "counter", "help": 'What came "in".', "unit": ""}]
    assert found["wait_seconds"] == [{"type": "histogram", "help": "How long.", "unit": "seconds"}]
    assert found["temperature"] == [{"type": "gauge", "help": "", "unit": ""}]
