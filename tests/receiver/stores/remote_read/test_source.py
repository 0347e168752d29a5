"""Servers of remote read as sources: honest ones, those that lie, and Debian's Prometheus."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import snappy
from prometheus_client import CollectorRegistry

from receiver.stores.limits import AnswerLimits, CallLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.remote_read.servers import Server
from receiver.stores.remote_read.source import ReadSource, ServerState
from receiver.stores.terms import Asked, Terms
from receiver.stores.waiting import Calls
from receiver.wire.messages import encode_varint, message_field, number_field
from storage.bucket.pieces import without_fetching
from storage.chunks.encoder import encode_series
from storage.errors import MustFetch, SourceFailed
from storage.kernels.crc32c import checksums
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT
from tests.makers.bodies.v1 import encode
from tests.makers.memory_store import float_samples_of
from tests.makers.sources.fake_store import label_field

STREAMED = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
UP = Matcher("__name__", "=", "up")
AMPLE = AnswerLimits(1 << 20, 1_000, 10_000, 1_000_000)
Points = list[tuple[int, float]]


def frame(message: bytes) -> bytes:
    data = np.frombuffer(bytes(4) + message, np.uint8)
    check = int(checksums(data, np.array([4]), np.array([len(data)]))[0])
    return encode_varint(len(message)) + struct.pack(">I", check) + message


def line(points: Points, **labels: str) -> bytes:
    """A frame of `up` with these labels."""
    encoded = encode_series(float_samples_of([points]))
    named = sorted({"__name__": "up", **labels}.items())
    content = b"".join(label_field(1, *pair) for pair in named)
    for k in range(len(encoded.starts)):
        data = bytes(encoded.data[encoded.starts[k] : encoded.ends[k]])
        kind = number_field(3, int(encoded.encodings[k]))
        content += message_field(2, kind + message_field(4, data))
    return frame(message_field(1, content))


class FakeServer:
    """Answers every request with one body. asked: the headers of requests, by lower-case name."""

    def __init__(self, body: bytes, kind: str = STREAMED, status: int = 200) -> None:
        self.body, self.kind, self.status = body, kind, status
        self.cut = 0  # bytes of the body that are not sent
        self.holds = threading.Event()
        self.is_silent = False
        self.asked: list[Mapping[str, str]] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                own.asked.append({name.lower(): text for name, text in self.headers.items()})
                self.send_response(own.status)
                self.send_header("Content-Type", own.kind)
                self.send_header("Content-Length", str(len(own.body)))
                self.end_headers()
                self.wfile.write(own.body[: len(own.body) - own.cut])
                if own.is_silent:
                    own.holds.wait(120)

            def log_message(self, *_: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/read"
            finally:
                self.holds.set()
                server.shutdown()
                thread.join()


@contextmanager
def asking(
    url: str,
    *,
    labels: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    terms: Terms | None = None,
    silence_s: float = 60.0,
    timeout_s: float = 120.0,
) -> Iterator[ReadSource]:
    with ThreadPoolExecutor(4) as threads:
        limits = CallLimits(timeout_s, silence_s, 1 << 20)
        state = ServerState(Server(url, labels or {}, headers or {}), limits)
        metrics = StoreMetrics(CollectorRegistry())
        yield ReadSource(state, Asked(terms or Terms("t"), AMPLE, Calls(threads), metrics))


def found(source: ReadSource, *matchers: Matcher) -> list[tuple[dict[str, str], list[float]]]:
    series = source.select(matchers or (UP,), (0, 100), NO_HINT)()
    rows = np.arange(series.labels.rows)
    opened = series.open(rows, (0, 100))
    return [
        (series.labels.labelset(row), opened.read(row, row + 1).values.tolist()) for row in rows
    ]


def test_streamed_chunks_become_series() -> None:
    server = FakeServer(line([(1, 1.0), (99, 2.0)], r="a") + line([(101, 3.0)]) + line([(5, 4.0)]))
    with server.serving() as url, asking(url, headers={"X-Key": "k"}) as source:
        assert found(source) == [
            ({"__name__": "up", "r": "a"}, [1.0, 2.0]),
            ({"__name__": "up"}, [4.0]),
        ]
        assert source.losses == ()
        assert source.series([[UP]], (0, 100))().rows == 2
        assert server.asked[0]["x-key"] == "k"
        assert source.exemplars([], (0, 1))().labels.rows == 0
        assert source.metadata("")() == {}
        assert source.gauges(source.series([], (0, 1))()) is None


def test_samples_in_one_piece_become_series() -> None:
    body = snappy.decompress(encode([({"__name__": "up", "r": "a"}, [(7, 1.5)])]))
    answer = bytes(snappy.compress(message_field(1, body)))
    server = FakeServer(answer, "application/x-protobuf")
    with server.serving() as url, asking(url) as source:
        assert found(source) == [({"__name__": "up", "r": "a"}, [1.5])]


def test_external_labels_are_added_and_asked_for_here() -> None:
    server = FakeServer(line([(1, 1.0)]) + line([(1, 2.0)], cluster="own"))
    with server.serving() as url, asking(url, labels={"cluster": "eu"}) as source:
        assert found(source) == [
            ({"__name__": "up", "cluster": "eu"}, [1.0]),
            ({"__name__": "up", "cluster": "own"}, [2.0]),
        ]
        assert found(source, Matcher("cluster", "=", "eu")) == [
            ({"__name__": "up", "cluster": "eu"}, [1.0])
        ]
        count = len(server.asked)
        assert found(source, Matcher("cluster", "=", "us")) == []
        assert len(server.asked) == count


def wrong(change: Callable[[FakeServer], None]) -> FakeServer:
    server = FakeServer(line([(1, 1.0)]) + line([(2, 2.0)], r="b"))
    change(server)
    return server


def refuse(server: FakeServer) -> None:
    server.status, server.body = 500, b"too many queries\n"


def cut(server: FakeServer) -> None:
    server.cut = 3


def flip(server: FakeServer) -> None:
    server.body = server.body[:-1] + bytes([server.body[-1] ^ 1])


def swell(server: FakeServer) -> None:
    server.body = encode_varint(1 << 40)


def silence(server: FakeServer) -> None:
    server.is_silent = True
    server.cut = 3


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (refuse, "it answers 500: too many queries"),
        (cut, "frame of"),
        (flip, "a frame whose checksum is wrong"),
        (swell, "at most"),
        (silence, "it sent nothing for 0.3 s (stores.response-timeout)"),
    ],
)
def test_what_servers_do_wrong_is_said(change: Callable[[FakeServer], None], text: str) -> None:
    server = wrong(change)
    silence_s = 0.3 if change is silence else 60.0
    with server.serving() as url, asking(url, silence_s=silence_s) as source:
        values = [values for _, values in found(source)]
        assert values == [] or values[0] == [1.0]
        (said,) = source.losses
        assert text in said and url in said
        assert source.state.error and source.state.checked_ms
    with (
        server.serving() as url,
        asking(url, terms=Terms("t", is_whole=True), silence_s=silence_s) as source,
        pytest.raises(SourceFailed, match="partial_response=false"),
    ):
        server.holds.clear()
        found(source)


def test_an_answer_has_its_time() -> None:
    server = wrong(silence)
    with server.serving() as url, asking(url, timeout_s=0.3) as source:
        found(source)
        assert "it did not answer in time (stores.timeout)" in source.losses[0]


def test_one_that_is_not_there_is_said() -> None:
    with asking("http://127.0.0.1:9/read") as source:
        assert found(source) == []
        assert "refused" in source.losses[0]


def test_who_must_not_wait_does_not_ask() -> None:
    with asking("http://127.0.0.1:9/") as source, without_fetching(), pytest.raises(MustFetch):
        source.select((UP,), (0, 1), NO_HINT)
