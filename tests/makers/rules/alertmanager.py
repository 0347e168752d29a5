"""An Alertmanager that answers by script and keeps what it took, and notices to be sent to it."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from rules.evaluation.alerts import Alert, State
from rules.ruler.ports import Notice

PATIENCE_S = 60.0
FAR_MS = 4_000_000_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its path, its headers by lower-case name, its alerts, the answer's status."""

    path: str
    headers: dict[str, str]
    alerts: list[dict[str, Any]]
    status: int

    @property
    def names(self) -> list[str]:
        return [alert["labels"]["alertname"] for alert in self.alerts]


@dataclass
class ScriptedAlertmanager:
    """answers: statuses of the next requests; then `status` is that of all. Between hold() and
    release() it takes requests and does not answer. tls: of a server, with its certificate."""

    status: int = 200
    answers: list[int] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.is_held = False
        self.arrived = 0
        # Bound, so that no one else gets the port, and refusing connections up to __enter__.
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), handler_of(self), bind_and_activate=False
        )
        self._server.daemon_threads = True
        self._server.server_bind()
        self.port = int(self._server.server_address[1])
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def taken(self) -> list[str]:
        """The names of the alerts of requests that were answered with 200."""
        return [
            name for request in self.requests if request.status == 200 for name in request.names
        ]

    def wait(self, is_true: Any, what: str = "") -> None:
        """Wait until something holds of it, asked after every request."""
        with self.changed:
            assert self.changed.wait_for(is_true, PATIENCE_S), what or self.requests

    def hold(self) -> None:
        """Do not answer from now on."""
        with self.changed:
            self.is_held = True

    def release(self) -> None:
        with self.changed:
            self.is_held = False
            self.changed.notify_all()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self.changed:
            self.arrived += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self.is_held)
            status = self.answers.pop(0) if self.answers else self.status
            self.requests.append(Request(path, headers, orjson.loads(body), status))
            self.changed.notify_all()
        return status

    def __enter__(self) -> ScriptedAlertmanager:
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self.close()

    def close(self) -> None:
        """Of one that was never entered: give its port back."""
        self._server.server_close()


def handler_of(own: ScriptedAlertmanager) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = own.answer(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """The default would write to stderr."""

    return Handler


def firing(name: str, *, sent_ms: int = 1_000_000, until_ms: int = FAR_MS, **labels: str) -> Notice:
    """A notice of an alert that fires since a minute before it was sent."""
    alert = Alert(
        {"alertname": name, **labels},
        {"summary": f"{name} fires"},
        1.0,
        State.FIRING,
        active_ms=sent_ms - 120_000,
        fired_ms=sent_ms - 60_000,
        last_sent_ms=sent_ms,
        valid_until_ms=until_ms,
    )
    return Notice(alert, f"http://cupola/graph?g0.expr={name}&g0.tab=1")


def resolved(name: str, *, end_ms: int = FAR_MS, **labels: str) -> Notice:
    alert = Alert(
        {"alertname": name, **labels},
        {},
        1.0,
        State.INACTIVE,
        active_ms=1_000,
        fired_ms=2_000,
        resolved_ms=end_ms,
        last_sent_ms=end_ms,
        valid_until_ms=end_ms,
    )
    return Notice(alert)
