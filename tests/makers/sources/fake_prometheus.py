"""A Prometheus for tests of what stands beside it: it answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

EQUAL = {"storage.tsdb.min-block-duration": "2h", "storage.tsdb.max-block-duration": "2h"}
STREAMED = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"


class FakePrometheus:
    """labels: external ones; answers: the data of paths of its API; frames: what remote read
    streams; asked: paths and parameters, in order; is_down: it answers 503 to everything."""

    def __init__(self, labels: Mapping[str, str], frames: bytes = b"") -> None:
        self.labels = dict(labels)
        self.flags: dict[str, str] = dict(EQUAL)
        self.metrics = "prometheus_tsdb_lowest_timestamp_seconds 1.5\n"
        self.answers: dict[str, Any] = {}
        self.frames = frames
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.headers: list[Mapping[str, str]] = []
        self.is_down = False
        self.url = ""

    def answer(self, path: str) -> bytes:
        if path == "/metrics":
            return self.metrics.encode()
        config = yaml.safe_dump({"global": {"external_labels": self.labels}})
        data = {"status/config": {"yaml": config}, "status/flags": self.flags, **self.answers}
        name = path.removeprefix("/api/v1/")
        return json.dumps({"status": "success", "data": data.get(name, [])}).encode()

    @contextmanager
    def serving(self) -> Iterator[FakePrometheus]:
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply()

            def do_POST(self) -> None:
                self.reply()

            def reply(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                is_form = "form" in self.headers.get("Content-Type", "")
                query = body.decode() if is_form else parts.query
                own.asked.append((parts.path, parse_qs(query)))
                own.headers.append(dict(self.headers.items()))
                is_read = parts.path.endswith("/read")
                content = own.frames if is_read else own.answer(parts.path)
                self.send_response(503 if own.is_down else 200)
                self.send_header("Content-Type", STREAMED if is_read else "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
