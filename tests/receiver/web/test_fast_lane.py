"""Which requests are answered before the HTTP server sees them, over real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from api.web.quick_answers import Answer
from receiver.metrics import ReceiverMetrics
from receiver.server import DATABASE, LANE, build_app
from receiver.settings.config import build
from receiver.settings.options import WebOptions
from receiver.web.connections import Connections
from receiver.web.fast_lane import FastLane, is_idle
from receiver.web.request_heads import parser_limits

OPTIONS = WebOptions()
GET = b"GET /a?b=%20 HTTP/1.1\r\nHost: x\r\n"
# For how long nothing has to arrive until all has arrived.
QUIET_S = 0.15
PLAIN = GET + b"\r\n"


class Scene:
    """A server whose usual way answers `usual`, and a lane that answers /a with `fast`."""

    def __init__(self, prefix: str = "") -> None:
        self.is_open = True
        self.asked: list[tuple[str, str, str | None]] = []
        self.handlers: list[Any] = []
        self.lane = FastLane(
            self.answer,
            is_open=lambda: self.is_open,
            headers=lambda: {"X-Configured": "1"},
            prefix=prefix,
        )

    def answer(
        self, path: str, query: str, headers: Mapping[str, str], client_left: Any
    ) -> Answer | None:
        assert not client_left()
        self.asked.append((path, query, headers.get("X-Asked")))
        if path != "/a":
            return None
        return Answer({"X-Answer": headers.get("X-Wanted", "0")}, b"fast")

    def install(self, handler: Any) -> None:
        self.handlers.append(handler)
        self.lane.install(handler)

    async def usual(self, request: web.Request) -> web.Response:
        body = await request.read()
        return web.Response(text=f"usual{len(body) or ''}")

    async def ask(self, *sent: bytes) -> bytes:
        """What comes back for what is sent on one connection, piece by piece."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.usual)
        runner = web.AppRunner(app, keepalive_timeout=60.0, **parser_limits(OPTIONS))
        received = b""
        async with served(runner, self) as (reader, writer):
            for piece in sent:
                writer.write(piece)
                received += await everything(reader)
        return received


class served:
    """A connection to a server with a lane, until the end of the `async with`."""

    def __init__(self, runner: web.AppRunner, lane: Any) -> None:
        self.runner, self.lane = runner, lane

    async def __aenter__(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        await self.runner.setup()
        assert self.runner.server is not None
        metrics = ReceiverMetrics(CollectorRegistry())
        connections = Connections(self.runner.server, OPTIONS, metrics, self.lane)
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(connections, "127.0.0.1", 0)
        address = self.server.sockets[0].getsockname()
        reader, self.writer = await asyncio.open_connection(*address)
        await asyncio.sleep(0.1)  # the server waits for its first request now
        return reader, self.writer

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        self.server.close()
        await self.runner.cleanup()


async def everything(reader: asyncio.StreamReader, patience_s: float = QUIET_S) -> bytes:
    """What has arrived once nothing more does. patience_s: how long to wait for the first of it."""
    received = b""
    while True:
        try:
            async with asyncio.timeout(QUIET_S if received else patience_s):
                part = await reader.read(1 << 16)
        except TimeoutError:
            return received
        if not part:
            return received + b"<closed>"
        received += part


def bodies(received: bytes) -> list[str]:
    return re.findall(r"fast|usual\d*|<closed>|\b[45]\d\d(?= )", received.decode())


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([PLAIN], ["fast"]),
        ([PLAIN, PLAIN, PLAIN], ["fast", "fast", "fast"]),
        ([PLAIN[:30], PLAIN[30:]], ["fast"]),
        ([GET + b"Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n"], ["fast"]),
        ([PLAIN.replace(b"/a", b"/other"), PLAIN], ["usual", "fast"]),
        ([PLAIN + PLAIN], ["usual", "usual"]),
        ([PLAIN + PLAIN[:20], PLAIN[20:]], ["fast", "fast"]),
        ([PLAIN.replace(b"GET", b"POST")], ["usual"]),
        ([PLAIN.replace(b"GET", b"DELETE"), PLAIN], ["usual", "fast"]),
        ([PLAIN.replace(b"1.1", b"1.0")], ["usual", "<closed>"]),
        ([GET + b"Connection: close\r\n\r\n"], ["usual", "<closed>"]),
        ([GET + b"Content-Length: 2\r\n\r\nxy", PLAIN], ["usual2", "fast"]),
        ([GET + b"Content-Length: 2\r\n\r\n", b"xy", PLAIN], ["usual2", "fast"]),
        ([GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], ["usual"]),
        ([GET + b"Expect: 100-continue\r\n\r\n"], ["usual"]),
        ([GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"], ["usual"]),
        ([PLAIN.replace(b"/a", b"http://x/a")], ["usual"]),
        ([PLAIN.replace(b"%20", b"%20#c")], ["usual"]),
        ([b"GET /a\x01 HTTP/1.1\r\n\r\n"], ["400", "<closed>"]),
    ],
)
def test_plain_requests_are_answered_at_once(sent: list[bytes], expected: list[str]) -> None:
    assert bodies(asyncio.run(Scene().ask(*sent))) == expected


def test_paths_are_answered_below_the_prefix_only() -> None:
    scene = Scene("/below")
    under = PLAIN.replace(b"/a", b"/below/a")
    assert asyncio.run(scene.ask(under)).endswith(b"fast")
    assert asyncio.run(scene.ask(PLAIN)).endswith(b"usual")
    assert [path for path, _, _ in scene.asked] == ["/a"]


def test_path_query_and_headers_come_as_they_were_sent() -> None:
    scene = Scene()
    sent = GET.replace(b"/a?", b"/%61?c&") + b"x-asked: \xff\r\n\r\n"
    asyncio.run(scene.ask(sent, PLAIN))
    assert scene.asked == [("/%61", "c&b=%20", "\udcff"), ("/a", "b=%20", None)]


def test_answers_have_the_headers_of_http_and_the_configured_ones() -> None:
    received = asyncio.run(Scene().ask(GET + b"X-Wanted: 5\r\n\r\n"))
    lines = received.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    names = [line.partition(b":")[0] for line in lines[1 : lines.index(b"")]]
    assert names == [b"X-Answer", b"Content-Length", b"Date", b"Server", b"X-Configured"]
    assert b"X-Answer: 5" in lines
    assert b"Content-Length: 4" in lines


def test_a_header_that_cannot_be_written_goes_the_usual_way() -> None:
    assert bodies(asyncio.run(Scene().ask(GET + b"X-Wanted: \xff\r\n\r\n", PLAIN))) == [
        "usual",
        "fast",
    ]


def test_no_one_passes_by_a_guard() -> None:
    scene = Scene()
    scene.is_open = False
    assert bodies(asyncio.run(scene.ask(PLAIN))) == ["usual"]
    assert scene.asked == []


def test_answers_keep_the_order_of_requests() -> None:
    scene, release = Scene(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="usual")

    async def check() -> list[str]:
        scene.usual = slow  # type: ignore[method-assign]
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", scene.usual)
        runner = web.AppRunner(app, keepalive_timeout=60.0, **parser_limits(OPTIONS))
        async with served(runner, scene) as (reader, writer):
            for sent in (PLAIN.replace(b"/a", b"/other"), PLAIN, PLAIN):
                writer.write(sent)
                assert await everything(reader) == b""
            release.set()
            received = b""
            while len(bodies(received)) < 3:
                received += await everything(reader, patience_s=30.0)
            for sent in (PLAIN[:5], PLAIN[5:]):
                writer.write(sent)
            received += await everything(reader, patience_s=30.0)
        return bodies(received)

    assert asyncio.run(check()) == ["usual", "usual", "usual", "fast"]


def test_an_answer_keeps_the_connection_open() -> None:
    scene = Scene()

    async def check() -> None:
        runner = web.AppRunner(web.Application(), keepalive_timeout=60.0)
        async with served(runner, scene) as (reader, writer):
            (handler,) = scene.handlers
            before = handler._next_keepalive_close_time
            writer.write(PLAIN)
            assert bodies(await everything(reader)) == ["fast"]
            assert handler._next_keepalive_close_time > before

    asyncio.run(check())


IDLE = {
    "_waiter": SimpleNamespace(done=lambda: False),
    "_messages": [],
    "_close": False,
    "_force_close": False,
    "_paused": False,
    "_keepalive_handle": object(),
    "transport": SimpleNamespace(is_closing=lambda: False),
}


@pytest.mark.parametrize(
    ("differs", "expected"),
    [
        ({}, True),
        ({"_waiter": None}, False),
        ({"_waiter": SimpleNamespace(done=lambda: True)}, False),
        ({"_messages": [1]}, False),
        ({"_close": True}, False),
        ({"_force_close": True}, False),
        ({"_paused": True}, False),
        ({"_keepalive_handle": None}, False),
        ({"transport": None}, False),
        ({"transport": SimpleNamespace(is_closing=lambda: True)}, False),
    ],
)
def test_only_idle_connections_are_answered(differs: dict[str, Any], expected: bool) -> None:
    assert is_idle(SimpleNamespace(**(IDLE | differs))) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["status/buildinfo", "labels?match[]=up&start=1", "query?query=1&time=5"]
)
def test_the_program_answers_the_same_with_a_lane(tmp_path: Path, path: str) -> None:
    """Heads included, but for times."""
    request = b"GET /api/v1/%s HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n\r\n" % path.encode()

    async def ask(with_lane: bool) -> tuple[bytes, int]:
        app = build_app(build({"storage.path": str(tmp_path), "storage.shards": "1"}))
        scene, lane, count = Scene(), app[LANE], 0

        def counted(*asked: Any) -> Answer | None:
            nonlocal count
            answer = lane._answer(*asked)
            count += answer is not None
            return answer

        scene.lane = FastLane(counted, is_open=lane._is_open, headers=lane._headers)
        runner = web.AppRunner(app, keepalive_timeout=60.0)
        async with served(runner, scene if with_lane else None) as (reader, writer):
            await app[DATABASE].opened()
            for _ in range(20):
                writer.write(request)
                received = await everything(reader, patience_s=10.0)
                if count:
                    break
        return re.sub(rb"Date: [^\r]*|\[[0-9.]+,", b"", received), count

    usual, _ = asyncio.run(ask(False))
    fast, count = asyncio.run(ask(True))
    assert count == 1
    assert fast == usual
    assert b"Access-Control-Allow-Origin: *" in usual
