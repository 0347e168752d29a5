"""Whom an Alertmanager notifies, and waiting for what happens there."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from compose.scene import ALERTMANAGER_PROGRAM

PATIENCE_S = 120.0


def need_alertmanager() -> None:
    if shutil.which(ALERTMANAGER_PROGRAM) is None:
        pytest.skip("Debian's package prometheus-alertmanager is not installed")


@dataclass
class Webhook:
    """What people would get: (status, alert's name) of each notification, in order."""

    port: int
    got: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Webhook:
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
                got.extend((each["status"], each["labels"]["alertname"]) for each in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The default would write to stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def until(is_true: Callable[[], bool], shown: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.05)
