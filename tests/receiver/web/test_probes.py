"""Health, readiness and metrics of a program whose database is late."""

import asyncio
import threading
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, Counter

from receiver.late_database import LateDatabase
from receiver.web.probes import Probes


class FakeDatabase:
    """Can be closed."""

    def close(self) -> None: ...


def test_readiness_is_honest_and_health_is_always_good() -> None:
    gate = threading.Event()

    def open_slowly() -> Any:
        gate.wait()
        return FakeDatabase()

    async def main() -> None:
        late = LateDatabase(open_slowly)
        app = web.Application()
        Probes(CollectorRegistry(), late).add_routes(app)
        async with TestClient(TestServer(app)) as client:

            async def status(path: str) -> tuple[int, str]:
                async with client.get(path) as response:
                    return response.status, await response.text()

            assert (await status("/-/ready"))[0] == 503
            late.start()
            assert await status("/-/ready") == (
                503,
                "Cupola is not ready: the database is being opened.\n",
            )
            assert (await status("/-/healthy"))[0] == 200
            gate.set()
            await late.opened()
            assert await status("/-/ready") == (200, "Cupola is ready.\n")
            await late.close(1)
            assert (await status("/-/ready"))[0] == 503
            assert (await status("/-/healthy"))[0] == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("", "text/plain"), ("application/openmetrics-text;version=1.0.0", "application/openmetrics")],
)
def test_metrics_come_in_the_format_asked_for(accept: str, content_type: str) -> None:
    registry = CollectorRegistry()
    Counter("cupola_x", "An x.", registry=registry).inc(3)

    async def main() -> None:
        app = web.Application()
        Probes(registry, LateDatabase(lambda: None)).add_routes(app)  # type: ignore[arg-type, return-value]
        async with (
            TestClient(TestServer(app)) as client,
            client.get("/metrics", headers={"Accept": accept}) as response,
        ):
            assert response.headers["Content-Type"].startswith(content_type)
            assert "cupola_x_total 3.0" in await response.text()

    asyncio.run(main())
