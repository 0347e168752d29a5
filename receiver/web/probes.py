"""The endpoints that watch the program itself: /-/healthy, /-/ready and /metrics."""

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from receiver.late_database import LateDatabase, State


class Probes:
    """Says that the program lives, whether it serves, and what it counts."""

    def __init__(self, registry: CollectorRegistry, database: LateDatabase) -> None:
        self._registry = registry
        self._database = database

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/-/healthy", self.healthy)
        app.router.add_get("/-/ready", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def healthy(self, request: web.Request) -> web.Response:
        """200 as long as the event loop turns."""
        return web.Response(text="Cupola is healthy.\n")

    async def ready(self, request: web.Request) -> web.Response:
        """200 once the database is open."""
        if self._database.state is State.OPEN:
            return web.Response(text="Cupola is ready.\n")
        return web.Response(
            status=503, text=f"Cupola is not ready: the database is {self._database.state.value}.\n"
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """All metrics in the format that the Accept header asks for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encode, self._registry)
        return web.Response(body=body, headers={"Content-Type": content_type})
