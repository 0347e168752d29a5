"""A target whose every scrape is numbered, to hold what arrives against what was scraped.

Scrape n of a path shows a counter and a bucket of value n with an exemplar, and, in the protobuf
form that native histograms are scraped in, a histogram made of n.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from tests.makers.bodies.rich import double, integer, packed, signed, zigzag
from tests.makers.histograms import Plain
from tests.makers.stored_samples import value_bits
from tests.twins.wire.v1 import encode_varint, message, tag

OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
COUNTER, HISTOGRAM = 0, 4
SCHEMA, ZERO_THRESHOLD, ZERO_COUNT = 3, 0.001, 2.0


def open_metrics(n: int, now_s: float) -> bytes:
    exemplar = f'# {{trace_id="{n}",span_id="s"}} {n}.5 {now_s:.3f}'
    lines = (
        "# TYPE scrapes counter",
        "# HELP scrapes Scrapes so far.",
        f'scrapes_total{{odd="\u00e4\\"\\\\"}} {n} {exemplar}',
        "# TYPE wait_seconds histogram",
        '# HELP wait_seconds How "long".',
        "# UNIT wait_seconds seconds",
        f'wait_seconds_bucket{{le="1.0"}} {n} {exemplar}',
        f'wait_seconds_bucket{{le="+Inf"}} {n}',
        f"wait_seconds_sum {n}",
        f"wait_seconds_count {n}",
        "# TYPE temperature gauge",
        "temperature 1",
        "# EOF",
    )
    return ("\n".join(lines) + "\n").encode()


def protobuf(n: int, now_s: float) -> bytes:
    counter = message(3, double(1, float(n)))
    families = (
        family("scrapes_total", COUNTER, message(1, label("odd", "\u00e4")) + counter),
        family("latency", HISTOGRAM, message(7, native_histogram(n))),
    )
    return b"".join(encode_varint(len(one)) + one for one in families)


def family(name: str, kind: int, metric: bytes) -> bytes:
    told = message(1, name.encode()) + message(2, b"Help.") + tag(3, 0) + encode_varint(kind)
    return told + message(4, metric)


def label(name: str, value: str) -> bytes:
    return message(1, name.encode()) + message(2, value.encode())


def native_histogram(n: int) -> bytes:
    """Buckets 1 and 2 with n and n + 1, bucket 5 with 3, bucket -1 of the negative ones with 1."""
    deltas = [encode_varint(zigzag(delta)) for delta in (n, 1, 2 - n)]
    return b"".join(
        (
            integer(1, 2 * n + 5 + int(ZERO_COUNT)),
            double(2, n / 2),
            signed(5, SCHEMA),
            double(6, ZERO_THRESHOLD),
            integer(7, int(ZERO_COUNT)),
            message(9, signed(1, -1) + integer(2, 1)),
            packed(10, [encode_varint(zigzag(1))]),
            message(12, signed(1, 1) + integer(2, 2)),
            message(12, signed(1, 2) + integer(2, 1)),
            packed(13, deltas),
        )
    )


def expected_histogram(n: int) -> Plain:
    """What has to be stored of scrape n."""
    return Plain(
        SCHEMA,
        2 * n + 5 + ZERO_COUNT,
        value_bits(n / 2),
        ZERO_THRESHOLD,
        ZERO_COUNT,
        positive=((1, float(n)), (2, n + 1.0), (5, 3.0)),
        negative=((-1, 1.0),),
    )


FORMS: dict[str, tuple[str, Callable[[int, float], bytes]]] = {
    "text": (OPEN_METRICS, open_metrics),
    "native": (PROTOBUF, protobuf),
}


class NumberedTarget:
    """Serves /<sender>/text and /<sender>/native, each with numbers of its own.

    scrapes: path -> how often it was scraped; exemplar_times: path -> number -> ms.
    """

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.scrapes: Counter[str] = Counter()
        self.exemplar_times_ms: dict[str, dict[int, int]] = {}
        self._lock = threading.Lock()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = target.answer(self.path)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing: the tests look at what arrives."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def answer(self, path: str) -> tuple[str, bytes]:
        kind, make = FORMS[path.rpartition("/")[2]]
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            self.scrapes[path] += 1
            n = self.scrapes[path]
            self.exemplar_times_ms.setdefault(path, {})[n] = now_ms
        return kind, make(n, now_ms / 1000)

    def __enter__(self) -> NumberedTarget:
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
