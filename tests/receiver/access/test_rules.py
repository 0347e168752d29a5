"""What requests need, before anyone looks at who sends them."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from receiver.access.rules import Need, need_of


@pytest.mark.parametrize(
    ("method", "path", "need"),
    [
        ("GET", "/-/healthy", Need.NOTHING),
        ("GET", "/prometheus/api/v1/query", Need.READ),
        ("POST", "/api/v1/write", Need.WRITE),
        ("OPTIONS", "/api/v1/write", Need.NOTHING),
        ("OPTIONS", "/api/v1/unknown", Need.LOGIN),
        ("GET", "/api/v1/write", Need.LOGIN),
        ("GET", "/unknown", Need.LOGIN),
        ("GET", "/without-a-rule", Need.LOGIN),
        ("GET", "/prometheus/config/v1/rules/ns", Need.READ),
        ("POST", "/prometheus/config/v1/rules/ns", Need.CONFIGURE),
    ],
)
def test_needs(method: str, path: str, need: Need) -> None:
    found = []

    @web.middleware
    async def note(request: web.Request, handler: object) -> web.Response:
        found.append(need_of(request))
        return web.Response()

    async def never(request: web.Request) -> web.Response:
        raise NotImplementedError

    async def main() -> None:
        app = web.Application(middlewares=[note])
        app.router.add_get("/-/healthy", never)
        app.router.add_get("/without-a-rule", never)
        app.router.add_get("/prometheus/api/v1/query", never)
        app.router.add_post("/api/v1/write", never)
        app.router.add_get("/prometheus/config/v1/rules/{namespace}", never)
        app.router.add_post("/prometheus/config/v1/rules/{namespace}", never)
        app.router.add_route("OPTIONS", "/api/v1/write", never)
        async with (
            TestClient(TestServer(app)) as client,
            client.request(method, path) as response,
        ):
            assert response.status == 200

    asyncio.run(main())
    assert found == [need]
