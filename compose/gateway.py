"""A gateway that writes for agents as the tenant named in the path: /TENANT/api/v1/write.

Agents name their tenant themselves, by `headers` of remote_write; but the Prometheus 2.42 of Debian
12 drops these headers (prometheus/prometheus#13030). So on one machine a gateway sets the header,
as in many installations one does after it authenticated the agent. It runs in a thread of its own.

Invariants:
* A request is passed on unchanged, headers but for the tenant included; its answer likewise.
* Where Cupola cannot be reached the agent gets 503, which makes it send the same request again.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

import aiohttp
from aiohttp import web

START_TIMEOUT_S = 10
BODY_BYTES_MAX = 64 << 20
TENANT_HEADER = "X-Scope-OrgID"
# What belongs to one connection, and what the next request gets afresh.
DROPPED_HEADERS = frozenset(["host", "content-length", "connection", TENANT_HEADER.lower()])


class Gateway:
    """Listens on a port of 127.0.0.1 while its `with` lasts, and passes writes on to `target`."""

    def __init__(self, port: int, target: str) -> None:
        self._port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway")

    def write_url(self, tenant: str) -> str:
        return f"http://127.0.0.1:{self._port}/{tenant}/api/v1/write"

    def answered(self, tenant: str, body: bytes, status: int, text: str) -> None:
        """Called with every answer of Cupola before it is passed on to the agent."""

    def __enter__(self) -> Gateway:
        self._thread.start()
        assert self._started.wait(START_TIMEOUT_S), "BUG: the gateway did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/{tenant}/api/v1/write", self._write)
        runner = web.AppRunner(app)
        await runner.setup()
        async with aiohttp.ClientSession() as self._session:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            self._started.set()
            await self._stop.wait()
            await runner.cleanup()

    async def _write(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        body = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in DROPPED_HEADERS}
        headers[TENANT_HEADER] = tenant
        url = f"{self._target}/api/v1/write"
        try:
            async with self._session.post(url, data=body, headers=headers) as answer:
                text = await answer.text()
                status = answer.status
        except aiohttp.ClientError as error:
            return web.Response(status=503, text=f"not reached: {error}")
        self.answered(tenant, body, status, text)
        return web.Response(status=status, text=text)
