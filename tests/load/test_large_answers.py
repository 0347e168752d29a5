"""Large answers: what is asked, how it is read, and the tables."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from bodies import Corpus
from large_answers import PART_BYTES, Asked, Growth, ask, in_turns, report_lines, target_of, targets

CORPUS = Corpus("", [0], 1, 2, 4, 0, 0, 900_000)


def test_what_is_asked() -> None:
    line = target_of(CORPUS, 60, 15, {"nocache": "1"})
    assert line.startswith("/api/v1/query_range?query=")
    assert line.endswith("&start=22.000&end=907.000&step=15&nocache=1")


@contextmanager
def answering(status: int, size: int) -> Iterator[tuple[SimpleNamespace, list[str]]]:
    """A server of answers of this size, with a clock of its own; what was accepted."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.headers["Accept"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"x" * size)

        def log_message(self, *_: object) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    program = SimpleNamespace(name="cupola", query_parameters={})
    try:
        yield SimpleNamespace(port=listening.server_port, program=program, cpu_s=lambda: 0.5), came
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_answers_are_read_to_their_end() -> None:
    with answering(200, 3 * PART_BYTES + 7) as (server, _):
        assert ask(server, "/x") == 3 * PART_BYTES + 7
    with answering(503, 5) as (server, _), pytest.raises(OSError, match="503"):
        ask(server, "/x")


def test_all_kinds_are_asked_in_turns() -> None:
    with answering(200, 10) as (server, came):
        found = in_turns([server], CORPUS, 2)
    assert list(found) == ["cupola", "cupola, Arrow", "cupola, CSV"]
    assert came == ["*/*", "application/vnd.apache.arrow.stream", "text/csv"] * 3
    assert [(len(asked.seconds), asked.cpu_s, asked.size) for asked in found.values()] == [
        (2, [0.0, 0.0], 10)
    ] * 3


def test_tables_and_targets() -> None:
    found = {
        "cupola": Asked([0.3, 0.1, 0.2], [0.05], 30_000_000),
        "victoria-metrics": Asked([0.4], [0.4], 31_000_000),
    }
    grown = {"cupola": Growth(100_000_000, 120_000_000)}
    text = "\n".join(report_lines(found, grown))
    assert "0.50x" in text
    assert "MISSED" in text
    time, memory = targets(found, grown)
    assert (time.met, memory.met) == (True, False)
    assert [one.met for one in targets({}, {})] == [None, None]
