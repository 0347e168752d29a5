"""Native histograms of a real agent arrive as they were exposed."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from compose.processes import free_ports
from compose.scene import Agent, Client, agent_server, cupola_server
from storage.labels import Matcher
from storage.tenant import DEFAULT_TENANT
from tests.agents.conftest import need_agents
from tests.databases import opened, read_mixed
from tests.histogram_columns import Plain
from tests.naive_wire import encode_varint, message
from tests.rich_bodies import double, integer, packed, signed, zigzag

PATIENCE_S = 45
SAMPLES = 3
CONTENT_TYPE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)


def exposed(count: int) -> bytes:
    """A family of one histogram, as Prometheus scrapes it: two observations in the zero bucket,
    one in the negative bucket 3, `count` in the positive bucket 2 and one in 5."""
    deltas = [encode_varint(zigzag(delta)) for delta in (count, 1 - count)]
    histogram = (
        integer(1, count + 4)
        + double(2, 0.5)
        + signed(5, 3)
        + double(6, 0.001)
        + integer(7, 2)
        + message(9, signed(1, 3) + integer(2, 1))
        + packed(10, [encode_varint(zigzag(1))])
        + message(12, signed(1, 2) + integer(2, 1))
        + message(12, signed(1, 2) + integer(2, 1))
        + packed(13, deltas)
    )
    family = message(1, b"wait_seconds") + integer(3, 4) + message(4, message(7, histogram))
    return encode_varint(len(family)) + family


class Page(BaseHTTPRequestHandler):
    """One observation more at every scrape."""

    scrapes = 0

    def do_GET(self) -> None:
        Page.scrapes += 1
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.end_headers()
        self.wfile.write(exposed(Page.scrapes))

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def test_native_histograms_arrive_as_they_were_exposed(tmp_path: Path) -> None:
    need_agents()
    cupola_port, agent_port, target_port = free_ports(0, 0, 0)
    target = ThreadingHTTPServer(("127.0.0.1", target_port), Page)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    with cupola_server(tmp_path, port=cupola_port).start() as cupola:
        cupola.wait_ready()
        url = f"{cupola.url}/api/v1/write"
        agent = Agent(DEFAULT_TENANT, url, {}, {"page": [f"127.0.0.1:{target_port}"]}, 1)
        server = agent_server(tmp_path, "agent", agent, port=agent_port)
        change_agent(tmp_path / "agent.yml", server.command)
        with server.start():
            server.wait_ready()
            wait_for_samples(Client(cupola.url, DEFAULT_TENANT))
    target.shutdown()
    target.server_close()
    with opened(tmp_path / "data", retention_ms=1 << 40) as database:
        name = Matcher("__name__", "=", "wait_seconds")
        ((_, points),) = read_mixed(database, name, tenant=DEFAULT_TENANT).items()
    found = [value for _, value, _ in points if isinstance(value, Plain) and value.count]
    assert len(found) >= SAMPLES
    for one in found:
        observed = one.count - 4
        positive = ((2, observed), (5, 1.0))
        sum_bits = 0x3FE0000000000000  # 0.5
        expected = Plain(3, one.count, sum_bits, 0.001, 2.0, positive, ((3, 1.0),))
        assert one._replace(hint=0) == expected
    counts = [one.count for one in found]
    assert counts == sorted(set(counts))


def change_agent(path: Path, command: list[str]) -> None:
    """Let the agent scrape and send native histograms."""
    config = yaml.safe_load(path.read_text())
    config["remote_write"][0]["send_native_histograms"] = True
    path.write_text(yaml.safe_dump(config))
    command[command.index("--enable-feature=agent")] = "--enable-feature=agent,native-histograms"


def wait_for_samples(client: Client) -> None:
    """Until some scrapes after the first sample that Cupola knows of have been written."""
    deadline = time.monotonic() + PATIENCE_S
    known_at = 0
    while time.monotonic() < deadline:
        if not known_at and client.get("series", **{"match[]": "wait_seconds"}):
            known_at = Page.scrapes
        if known_at and Page.scrapes >= known_at + 2 * SAMPLES + 6:
            return
        time.sleep(0.5)
