"""A receiver of remote write that answers by script, or passes requests on, and notes them."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cramjam
import snappy

# What belongs to one connection is not passed on.
KEPT_HEADERS = ("content-type", "content-encoding", "x-victoriametrics-remote-write-version")


@dataclass(frozen=True, slots=True)
class Noted:
    """A request: the headers that decide how it is read, its uncompressed body, the answer."""

    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def encoding(self) -> str:
        return self.headers.get("content-encoding", "")


@dataclass
class ScriptedReceiver:
    """answers: the status of the first request that has a text in its body; all others are passed
    on to `target`, or answered 204 where there is none."""

    port: int
    target: str = ""
    answers: dict[bytes, int] = field(default_factory=dict)
    seen: list[Noted] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/write"

    def __enter__(self) -> ScriptedReceiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                status, text = receiver.answer(
                    {name.lower(): value for name, value in self.headers.items()}, payload
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """The default would write to stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, headers: dict[str, str], payload: bytes) -> tuple[int, bytes]:
        is_zstd = headers.get("content-encoding") == "zstd"
        unpack: Any = cramjam.zstd.decompress if is_zstd else snappy.decompress
        body = bytes(unpack(payload))
        chosen = [text for text in self.answers if text in body]
        if chosen:
            status, answer = self.answers.pop(chosen[0]), b"by script"
        elif self.target:
            status, answer = self._passed_on(headers, payload)
        else:
            status, answer = 204, b""
        self.seen.append(Noted(headers, body, status))
        return status, answer

    def _passed_on(self, headers: dict[str, str], payload: bytes) -> tuple[int, bytes]:
        kept = {name: text for name, text in headers.items() if name in KEPT_HEADERS}
        request = urllib.request.Request(self.target, payload, kept, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
