"""Rules against SIGKILL: recorded series have no hole, alerts go on, and nothing is sent twice."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.makers.bodies.v1 import HEADERS, encode

LIMIT_S = 180.0
DOWN_S = 5
RULES = """groups:
- name: g
  interval: 1s
  align_evaluation_time_on_interval: true
  rules:
  - record: sums
    expr: sum(m)
  - record: doubled
    expr: sums * 2
  - alert: Fires
    expr: sums > 0
  - alert: Waits
    expr: sums > 0
    for: 1h
"""


class Alertmanager:
    """Takes alerts, and remembers them: (name, when it began) of each."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for alert in json.loads(body):
                    outer.taken.append((alert["labels"]["alertname"], alert["startsAt"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def alertmanager() -> Iterator[Alertmanager]:
    found = Alertmanager()
    yield found
    found.close()


def until(what: Callable[[], Any]) -> Any:
    """What is asked for, once it is there."""
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


def samples(server: Server, name: str) -> list[tuple[float, str]]:
    """All of one series, by time."""
    query = urllib.parse.urlencode({"query": f"{name}[20m]"})
    with urllib.request.urlopen(f"{server.url}/api/v1/query?{query}", timeout=60) as response:
        found = json.load(response)["data"]["result"]
    return [tuple(sample) for series in found for sample in series["values"]]


def fill(server: Server) -> None:
    """Samples of the next minutes: what senders that lose nothing would deliver."""
    now_ms = int(time.time() * 1000)
    points = [(now_ms + at * 1000, 1.0) for at in range(-60, 580)]
    body = encode([({"__name__": "m", "i": str(i)}, points) for i in range(3)])
    request = urllib.request.Request(f"{server.url}/api/v1/write", data=body, headers=HEADERS)
    urllib.request.urlopen(request, timeout=60).close()


def test_rules_survive_a_kill(tmp_path: Path) -> None:
    rules = tmp_path / "rules" / "default" / "a.yml"
    rules.parent.mkdir(parents=True)
    rules.write_text(RULES)
    (port,) = free_ports(0)
    with alertmanager() as peer:
        flags = (
            f"--rules.files={tmp_path}/rules/*/*.yml",
            "--rules.catch-up-delay=0",
            "--rules.alert.resend-delay=1h",
            f"--rules.alertmanagers.urls={peer.url}",
        )
        server = cupola_server(tmp_path, *flags, port=port)
        with server.start():
            server.wait_ready()
            fill(server)
            until(lambda: peer.taken and len(samples(server, "doubled")) > 2)
            before = samples(server, "doubled")
            since = samples(server, "ALERTS_FOR_STATE{alertname='Waits'}")
            server.kill()
            killed = time.time()
            until(lambda: time.time() > killed + DOWN_S)
            server.start()
            server.wait_ready()
            until(lambda: samples(server, "doubled")[-1][0] > killed + DOWN_S + 3)
            until(
                lambda: (
                    samples(server, "ALERTS_FOR_STATE{alertname='Waits'}")[-1][0] > killed + DOWN_S
                )
            )
            after = samples(server, "doubled")
            still = samples(server, "ALERTS_FOR_STATE{alertname='Waits'}")
            firing = samples(server, "ALERTS{alertname='Fires'}")
    assert after[: len(before)] == before
    assert {value for _, value in after} == {"6"}
    times = [time_s for time_s, _ in after]
    assert times == [times[0] + step for step in range(len(times))]
    assert {value for _, value in still} == {since[0][1]}
    assert {value for _, value in firing} == {"1"}
    # Of the one that fires, once; of the one that waits, never.
    assert [name for name, _ in peer.taken] == ["Fires"]
