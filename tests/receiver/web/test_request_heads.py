"""The bound on heads of requests, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WebOptions
from receiver.web.connections import Connections
from receiver.web.request_heads import parser_limits

KIB = 1 << 10
OPTIONS = WebOptions(head_bytes_max=128 * KIB, headers_max=100)


def head(url: int = 1, *values: int) -> bytes:
    """A head with a URL of this many bytes, and headers whose values have these."""
    lines = [b"GET /%s HTTP/1.1" % (b"u" * (url - 1)), b"Host: x"]
    lines += [b"X-%d: %s" % (number, b"v" * size) for number, size in enumerate(values)]
    return b"\r\n".join([*lines, b"", b""])


def post(*body: bytes) -> bytes:
    """A request whose body comes in chunks, and a head after it."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in body)
    return b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % chunks


def statuses(sent: bytes, *, piece: int) -> list[int]:
    """The statuses of the answers to what is sent in pieces of some length."""

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        received = bytearray()
        answers = asyncio.create_task(collect(reader, received))
        for first in range(0, len(sent), piece):
            writer.write(sent[first : first + piece])  # all of it, behind a refusal, too
            await asyncio.sleep(0.002)
        await answers
        writer.close()
        return bytes(received)

    return found_in(asyncio.run(serve(ask)))


def found_in(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]+) ", received)]


async def serve(ask: Callable[[int], Awaitable[bytes]]) -> bytes:
    """What a client receives, which is given the port of a server."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, keepalive_timeout=0.2, **parser_limits(OPTIONS))
    await runner.setup()
    assert runner.server is not None
    metrics = ReceiverMetrics(CollectorRegistry())
    connections = Connections(runner.server, OPTIONS, metrics)
    server = await asyncio.get_running_loop().create_server(connections, "127.0.0.1", 0)
    received = await ask(server.sockets[0].getsockname()[1])
    server.close()
    await runner.cleanup()
    return received


async def collect(reader: asyncio.StreamReader, received: bytearray) -> None:
    """What arrives until the other side ends the connection."""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(1 << 16):
            received += part


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(), [200]),
        (head(9_000), [200]),
        (head(100 * KIB), [200]),
        (head(200 * KIB), [431]),
        (head(1, 100 * KIB), [200]),
        (head(1, 200 * KIB), [431]),
        (head(40 * KIB, 40 * KIB, 20 * KIB), [200]),
        (head(100 * KIB, 100 * KIB, 100 * KIB), [431]),
        (head(1, *[10 * KIB] * 90), [431]),
        (head(1, *[1] * 99), [200]),
        (head(1, *[1] * 101), [431]),
        (head(100 * KIB) * 3, [200] * 3),
        (post(*[b"b" * 100 * KIB] * 5) + head(100 * KIB), [200, 200]),
        (post(b"b") + head(1, *[100 * KIB] * 9), [200, 431]),
    ],
    ids=lambda case: "" if isinstance(case, bytes) else "-".join(map(str, case)),
)
def test_heads_are_bounded(sent: bytes, status: list[int]) -> None:
    assert statuses(sent, piece=16 * KIB) == status
    if status == [200]:
        assert statuses(sent, piece=1 << 30) == status


def test_what_is_sent_behind_a_refusal_does_not_destroy_it() -> None:
    def send_all(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(head(1, *[100 * KIB] * 40))
            return client.recv(1 << 16)

    async def ask(port: int) -> bytes:
        return await asyncio.to_thread(send_all, port)

    assert found_in(asyncio.run(serve(ask))) == [431]


def test_a_refusal_names_the_settings_and_logs_no_header(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those of the program, which another test may have set up, keep such errors out.
    monkeypatch.setattr(logging.getLogger("aiohttp.server"), "filters", [])
    with caplog.at_level(logging.INFO):
        assert statuses(head(1, 200 * KIB), piece=16 * KIB) == [431]
    assert "allowed are 131072 bytes (web.max-head-bytes) and 100 headers" in caplog.text
    assert "vvv" not in caplog.text
