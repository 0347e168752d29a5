"""The whole program over a real data directory, written to and read through HTTP, for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from receiver.server import DATABASE, build_app
from receiver.settings.config import build
from receiver.web.request_heads import parser_limits
from tests.makers.bodies.v1 import HEADERS, encode

Series = tuple[dict[str, str], Sequence[tuple[int, float]]]


class RealApi:
    """A running program."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def write(self, *series: Series, tenant: str = "t") -> None:
        headers = HEADERS | {"X-Scope-OrgID": tenant}
        body = encode(series)
        async with self.client.post("/api/v1/write", data=body, headers=headers) as response:
            assert response.status == 204, await response.text()

    async def get(self, path: str, *, tenant: str = "t", **params: Any) -> tuple[int, Any]:
        """Status, and the data or the text of the error."""
        headers = {"X-Scope-OrgID": tenant}
        url = f"/api/v1/{path}"
        async with self.client.get(url, params=params, headers=headers) as response:
            answer = await response.json()
            return response.status, answer.get("data", answer.get("error"))

    async def query(self, query: str, *, tenant: str = "t", **params: Any) -> list[Any]:
        """The result of a query that succeeds."""
        path = "query_range" if "step" in params else "query"
        status, data = await self.get(path, tenant=tenant, query=query, **params)
        assert status == 200, data
        result: list[Any] = data["result"]
        return result


@asynccontextmanager
async def started_program(settings: Mapping[str, object]) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of a program with these settings by dotted name, until the end of the `async
    with`."""
    config = build(settings)
    app = build_app(config)
    server = TestServer(app)
    try:
        await server.start_server(auto_decompress=False, **parser_limits(config.web))
    except OSError:
        await app.cleanup()
        raise
    async with TestClient(server) as client:
        await app[DATABASE].opened()
        yield client


@asynccontextmanager
async def started_api(directory: Path, **settings: str) -> AsyncIterator[RealApi]:
    """A program that accepts samples of any time, until the end of the `async with`.

    settings: of the configuration; a double underscore stands for the dot, one for the hyphen.
    """
    given = {name.replace("__", ".").replace("_", "-"): text for name, text in settings.items()}
    base = {"storage.path": str(directory), "storage.shards": "3", "storage.retention": "0"}
    base |= {"dedup.replica-labels": "replica"}
    async with started_program(base | given) as client:
        yield RealApi(client)


def run_real_api(
    directory: Path, scenario: Callable[[RealApi], Awaitable[None]], **settings: str
) -> None:
    """Run a scenario against a program of started_api()."""

    async def main() -> None:
        async with started_api(directory, **settings) as api:
            await scenario(api)

    asyncio.run(main())


def run_program(
    settings: Mapping[str, object], scenario: Callable[[TestClient[Any, Any]], Awaitable[None]]
) -> None:
    """Run a scenario against a program of started_program()."""

    async def main() -> None:
        async with started_program(settings) as client:
            await scenario(client)

    asyncio.run(main())


class ServedProgram:
    """A program that a thread of its own serves, for clients that wait for their answers, from
    entering to leaving. fill: what is written before anyone else asks."""

    def __init__(
        self, settings: Mapping[str, object], fill: Callable[[RealApi], Awaitable[None]]
    ) -> None:
        self.port = 0
        self._settings, self._fill = settings, fill
        self._failure: BaseException | None = None
        self._is_served, self._loop = threading.Event(), asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._is_served.set()

    async def _serve(self) -> None:
        async with started_program(self._settings) as client:
            await self._fill(RealApi(client))
            assert client.port is not None, "BUG: served without a port"
            self.port = client.port
            self._is_served.set()
            await self._end.wait()

    def __enter__(self) -> ServedProgram:
        self._thread.start()
        self._is_served.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()
