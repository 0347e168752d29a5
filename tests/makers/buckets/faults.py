"""A proxy before an S3 server that makes what networks make: errors, rests, lost connections."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = ("connection", "transfer-encoding", "keep-alive")


@dataclass(frozen=True)
class Fault:
    """What happens to a request: it is not passed on but answered with this status, or its
    connection is closed before or after it is passed on, or of its answer only half comes."""

    status: int = 0
    lost_request: bool = False
    lost_answer: bool = False
    half: bool = False
    delay_s: float = 0.0


# Given a request's method, path and number: what happens to it.
Plan = Callable[[str, str, int], Fault | None]


@dataclass
class FaultProxy:
    """A proxy that counts what it passes on. latency_s: what is added to each request."""

    target: str
    plan: Plan = lambda method, path, number: None
    latency_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    answered_bytes: int = 0
    address: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[FaultProxy]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        server.daemon_threads = True
        self.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def note(self, method: str, path: str) -> Fault:
        """Count a request; what is to happen to it."""
        with self._lock:
            number = self.counts.total()
            self.counts[method] += 1
            fault = self.plan(method, path, number)
            self.faults += fault is not None
        return fault or Fault()

    def add_bytes(self, size: int) -> None:
        with self._lock:
            self.answered_bytes += size


def handler_of(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.backend = http.client.HTTPConnection(proxy.target, timeout=60)

        def finish(self) -> None:
            self.backend.close()
            super().finish()

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.note(self.command, self.path)
            time.sleep(proxy.latency_s + fault.delay_s)
            if fault.status:
                self.answer(fault.status, [], b"")
            elif fault.lost_request:
                self.close_connection = True
            else:
                try:
                    self.pass_on(body, fault)
                except OSError:  # the client has given up, or the server is stopped
                    self.close_connection = True

        def pass_on(self, body: bytes, fault: Fault) -> None:
            self.backend.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                self.backend.putheader(name, value)
            self.backend.endheaders(body or None)
            answer = self.backend.getresponse()
            content = answer.read()
            if fault.lost_answer:
                self.close_connection = True
                return
            proxy.add_bytes(len(content))
            self.answer(answer.status, answer.getheaders(), content, half=fault.half)

        def answer(
            self, status: int, headers: list[tuple[str, str]], content: bytes, half: bool = False
        ) -> None:
            self.send_response_only(status)
            names = {name.lower() for name, _ in headers}
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            if "content-length" not in names:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if half else content)
            self.wfile.flush()
            if half:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

    return Handler
