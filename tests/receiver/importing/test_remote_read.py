"""Remote read: a scripted server, and Debian's Prometheus."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import snappy

from compose.processes import Server, free_ports
from receiver.importing import remote_read
from receiver.importing.errors import SourceError
from receiver.importing.parts import Report, Span
from receiver.importing.remote_read import STREAMED, WINDOW_MS, RemoteReadSource
from receiver.wire.messages import message_field, number_field
from storage.chunks.chunks import XOR
from storage.labels.matchers import Matcher
from tests.makers.batches import label
from tests.makers.blocks import crc32c, varint
from tests.makers.bodies.v1 import encode, fields_of
from tests.makers.imports import found_in, imported, parts_of
from tests.twins.storage.chunks import float_bits, float_chunk

SPAN = Span(1000, 5000)
M = (("__name__", "m"),)
N = (("__name__", "n"),)
MATCHERS = [(Matcher("__name__", "=~", "m|n"),), (Matcher("a", "!=", ""),)]
Answer = tuple[int, str, bytes]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_read, "WAIT_SECONDS", 0.001)


@contextmanager
def server(answers: list[Answer]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives these answers in turn; its address, and the requests that came."""
    came: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(snappy.decompress(body))
            status, content_type, text = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/api/v1/read", came
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def source(url: str, report: Report | None = None, span: Span = SPAN) -> RemoteReadSource:
    return RemoteReadSource(url, MATCHERS, span, report or Report(), headers={"X-A": "b"})


def frame(name: bytes, *points: tuple[int, float], kind: int = XOR) -> bytes:
    data = float_chunk([(time, float_bits(value)) for time, value in points])
    chunk = number_field(1, 1) + number_field(3, kind) + message_field(4, data)
    series = label(b"__name__", name) + message_field(2, chunk)
    message = message_field(1, series)
    return varint(len(message)) + crc32c(message).to_bytes(4, "big") + message


FRAMES = frame(b"m", (500, 0.0), (1000, 1.0)) + frame(b"m", (2000, 2.0)) + frame(b"n", (5000, 5.0))
FOUND = {M: [(1000, 1.0), (2000, 2.0)], N: [(5000, 5.0)]}


def test_frames() -> None:
    with server([(200, f"{STREAMED}; proto=x", FRAMES)]) as (url, came):
        parts = parts_of(source(url))
    assert found_in(parts) == FOUND
    assert [part.position for part in parts] == [1000, 5001]
    queries = [dict(fields_of(c)) for n, c in fields_of(came[0]) if n == 1 and isinstance(c, bytes)]
    assert [(q[1], q[2]) for q in queries] == [(1000, 5000)] * 2
    assert [c for n, c in fields_of(came[0]) if n == 2] == [1, 0]
    assert queries[0][3] == number_field(1, 2) + message_field(2, b"__name__") + message_field(
        3, b"m|n"
    )


def test_frames_make_parts_of_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_read, "PART_BYTES", 1)
    with server([(200, STREAMED, FRAMES)]) as (url, _):
        parts = parts_of(source(url))
    assert found_in(parts) == FOUND
    assert len(parts) == 4


def test_samples() -> None:
    body = snappy.decompress(encode([(dict(M), [(999, 0.0), *FOUND[M]]), (dict(N), FOUND[N])]))
    answer = snappy.compress(message_field(1, body) + message_field(1, b""))
    with server([(200, "application/x-protobuf", answer)]) as (url, _):
        found = {}
        # Columns do not outlive their part.
        for part in source(url).parts({}):
            found |= found_in([part])
    assert found == FOUND


@pytest.mark.parametrize(
    "bad",
    [
        (503, "text/plain", b"busy"),
        (500, "text/plain", b""),
        (200, STREAMED, FRAMES[:-1]),
        (200, STREAMED, FRAMES[:-1] + b"\xff"),
        (200, STREAMED, b"\xff" * 20),
        (200, STREAMED, varint(1 << 40) + b"1234"),
        (200, "application/x-protobuf", b"no snappy"),
    ],
)
def test_what_fails_is_asked_for_again(bad: Answer) -> None:
    with server([bad, (200, STREAMED, FRAMES)]) as (url, came):
        parts = parts_of(source(url))
    assert len(came) == 2
    found = found_in(parts)
    assert {key: sorted(set(points)) for key, points in found.items()} == FOUND
    with server([bad] * 5) as (url, came), pytest.raises(SourceError, match="5 attempts"):
        parts_of(source(url))


def test_a_bad_request_is_not_repeated() -> None:
    with (
        server([(400, "text/plain", b"no such matcher")]) as (url, _),
        pytest.raises(SourceError, match="answers 400: no such matcher"),
    ):
        parts_of(source(url))


def test_windows_and_positions() -> None:
    span = Span(WINDOW_MS - 10, 2 * WINDOW_MS + 5)
    with server([(200, STREAMED, b"")] * 3) as (url, came):
        parts = parts_of(source(url, span=span))
    assert [part.position for part in parts] == [WINDOW_MS, 2 * WINDOW_MS, span.end_ms + 1]
    assert len(came) == 3
    with server([(200, STREAMED, b"")]) as (url, came):
        parts_of(source(url, span=span), {"windows": 2 * WINDOW_MS})
    assert len(came) == 1
    with server([]) as (url, came):
        assert parts_of(source(url, span=span), {"windows": span.end_ms + 1}) == []


def test_chunks_of_other_encodings_are_a_loss() -> None:
    report = Report()
    with server([(200, STREAMED, frame(b"m", (1000, 1.0), kind=4))]) as (url, _):
        parts_of(source(url, report))
    assert "of encoding 4" in report.losses["chunks"].examples[0]


OPENMETRICS = "".join(f'm{{n="{k % 4}"}} {k * 0.5} {1_700_000_000 + 30 * k}\n' for k in range(1200))


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_a_prometheus(tmp_path: Path) -> None:
    (tmp_path / "a.om").write_text(OPENMETRICS + "# EOF\n")
    (tmp_path / "prometheus.yml").write_text("global:\n  external_labels: {site: x}\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "a.om", "tsdb"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (port,) = free_ports(1)
    program = [
        "prometheus", f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=100y",
    ]  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    running = Server("p", program, url=base, ready="/-/ready", log=tmp_path / "p.log")
    with running.start():
        running.wait_ready()
        flags = ["--url", base, "--start", "1700000000", "--end", "1700036000"]
        found = imported(tmp_path / "1", *flags)
        chosen = imported(tmp_path / "2", *flags, "--match", 'm{n=~"1|2"}')
    by_text = imported(tmp_path / "3", str(tmp_path / "a.om"))
    assert found == {(*labels, ("site", "x")): points for labels, points in by_text.items()}
    assert len(chosen) == 2
    assert set(chosen) < set(found)
