"""A target whose metrics change from scrape to scrape in a way that is the same each time.

Errors come in bursts, a queue fills and empties, a heartbeat is missing at times, so that alerts
come and go. Counters begin high, as only those near zero are extrapolated in ways that differ
between versions.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

BASE = 1_000_000
BOUNDS = ("0.1", "0.25", "0.5", "1", "+Inf")
PATHS = ("/", "/cart", "/login")


def lines_of(number: int, shift: int) -> Iterator[str]:
    """The metrics at a scrape. shift: of what comes and goes, from target to target."""
    at = number + shift
    bursts = sum(1 for k in range(at) if k % 24 >= 14)
    for place, path in enumerate(PATHS):
        good, bad = BASE + (7 + place) * number, BASE + (1 + place) * bursts
        yield f'http_requests_total{{code="200",path="{path}"}} {good}'
        yield f'http_requests_total{{code="503",path="{path}"}} {bad}'
    for place, bound in enumerate(BOUNDS):
        slow = 8 * bursts if place >= 2 else 0
        count = BASE * (place + 1) + (2 * place + 1) * number + slow
        yield f'request_duration_seconds_bucket{{le="{bound}"}} {count}'
    for pod in range(4):
        about = f'namespace="n{pod % 2}",pod="p{pod}-{shift}"'
        used = BASE + pod * number * 0.25
        yield f'container_cpu_usage_seconds_total{{{about},container="main"}} {used}'
        yield f'container_cpu_usage_seconds_total{{{about},container=""}} {BASE}'
        yield f'kube_pod_info{{{about},node="node{pod % 3}"}} 1'
        yield f'kube_pod_owner{{{about},owner="o{pod % 2}"}} 1'
        pending = int(pod == 1 and at % 30 >= 12)
        yield f'kube_pod_status_phase{{{about},phase="Pending"}} {pending}'
        yield f'kube_pod_status_phase{{{about},phase="Running"}} {1 - pending}'
    for queue in range(2):
        depth = (at * (3 + 2 * queue)) % 60 if at % 40 < 30 else 55
        yield f'queue_depth{{queue="q{queue}"}} {depth}'
    if at % 28 < 17:
        yield f"heartbeat {number}"


class BusyTarget:
    """Serves on a port for as long as the `with` lasts."""

    def __init__(self, port: int, shift: int) -> None:
        self._scrapes = 0
        target = self

        class Handler(BaseHTTPRequestHandler):
            """Answers each scrape with the next state."""

            def do_GET(self) -> None:
                body = "".join(f"{line}\n" for line in lines_of(target._next(), shift)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def _next(self) -> int:
        with self._lock:
            self._scrapes += 1
            return self._scrapes

    def __enter__(self) -> BusyTarget:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
