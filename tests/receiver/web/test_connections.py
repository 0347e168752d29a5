"""Open connections on real sockets: how many there may be, and how long they may send nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WebOptions
from receiver.web.connections import Connections

HEAD = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE_S = 30.0
READ_TIMEOUT_S = 0.5


@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_connections_above_the_bound_are_closed(
    loop: Callable[[], asyncio.AbstractEventLoop] | None, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()

    async def answer(request: web.Request) -> web.Response:
        return web.Response()

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/-/healthy", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        assert runner.server is not None
        connections = Connections(
            runner.server, WebOptions(connections_max=3), ReceiverMetrics(registry)
        )
        server = await asyncio.get_running_loop().create_server(connections, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        # At once, so that all of them are waiting to be accepted.
        asked = [asyncio.create_task(ask(port)) for _ in range(8)]
        answered = [kept for kept in await asyncio.gather(*asked) if kept is not None]
        assert len(answered) == 3
        assert registry.get_sample_value("cupola_open_connections") == 3
        assert registry.get_sample_value("cupola_refused_connections_total") == 5
        answered.pop().close()
        async with asyncio.timeout(PATIENCE_S):
            while (kept := await ask(port)) is None:
                await asyncio.sleep(0.01)
        for writer in (*answered, kept):
            writer.close()
        server.close()
        await runner.cleanup()

    with caplog.at_level(logging.WARNING), asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    assert [record.message for record in caplog.records] == [
        "connections refused: web.max-connections=3 are open"
    ]


async def ask(port: int) -> asyncio.StreamWriter | None:
    """A new connection after an answer over it, or None if it was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        writer.write(HEAD)
        await reader.readuntil(b"\r\n\r\n")
        return writer
    writer.close()
    return None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    (port,) = free_ports(0)
    flag = f"--web.read-timeout={READ_TIMEOUT_S * 1000:.0f}ms"
    with cupola_server(tmp_path_factory.mktemp("server"), flag, port=port).start() as started:
        yield started.wait_ready()


def connect(server: Server) -> socket.socket:
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


@pytest.mark.parametrize(
    "begun", [b"", b"GET", HEAD[:-2], HEAD], ids=["nothing", "a word", "half a head", "a request"]
)
def test_a_connection_without_a_next_request_is_closed(server: Server, begun: bytes) -> None:
    with connect(server) as client:
        client.sendall(begun)
        received = b"".join(iter(lambda: client.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 200 ") == (begun == HEAD)


@pytest.mark.parametrize("first", [b"", HEAD], ids=["at first", "after a request"])
def test_a_head_that_comes_byte_by_byte_is_not_waited_for(server: Server, first: bytes) -> None:
    with connect(server) as client:
        client.sendall(first)
        if first:
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        client.settimeout(READ_TIMEOUT_S / 10)
        assert ended_while_sending(client, b"GET /-/healthy HTTP/1.1\r\nX: " + b"x" * 8_000)


def ended_while_sending(client: socket.socket, data: bytes) -> bool:
    """Whether the other side ends the connection, without an answer, before all bytes are sent."""
    for byte in data:
        try:
            client.sendall(bytes([byte]))
            return client.recv(1) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def test_a_body_has_its_own_time(server: Server) -> None:
    body = b"query=1"
    head = (
        b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" % len(body)
    )
    with connect(server) as client:
        client.sendall(head)
        time.sleep(3 * READ_TIMEOUT_S)
        client.sendall(body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
