"""The endpoint of profiles: who gets one, in which form, and how many at a time."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from receiver.access.grants import EVERYTHING, Grant
from receiver.access.guard import GRANT
from receiver.profiling.serving import OFF_STATUS, PATH, Profiling

Asking = Callable[[str], Awaitable[tuple[int, bytes]]]


def with_profiling(
    scenario: Callable[[Asking], Awaitable[None]], enabled: bool = True, grant: Grant = EVERYTHING
) -> None:
    async def main() -> None:
        GRANT.set(grant)
        app = web.Application()
        Profiling(enabled).add_routes(app)
        async with TestClient(TestServer(app)) as client:

            async def ask(query: str) -> tuple[int, bytes]:
                async with client.get(f"{PATH}?{query}") as response:
                    return response.status, await response.read()

            await scenario(ask)

    asyncio.run(main())


def test_forms() -> None:
    async def scenario(ask: Asking) -> None:
        status, body = await ask("seconds=0.1")
        assert status == 200
        assert b"profiling/sampling:" not in gzip.decompress(body)  # not the one that looks
        assert b"asyncio/base_events:BaseEventLoop.run_forever" in gzip.decompress(body)
        status, body = await ask("seconds=0.1&format=speedscope")
        assert (status, len(json.loads(body)["profiles"])) == (200, 2)
        status, body = await ask("seconds=0.1&format=folded")
        assert status == 200
        assert all(line.rpartition(b" ")[2].isdigit() for line in body.splitlines())

    with_profiling(scenario)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("seconds=0", b"got seconds='0'; allowed are numbers above 0, up to 120\n"),
        ("seconds=121", b"got seconds='121'; allowed are numbers above 0, up to 120\n"),
        ("seconds=nan", b"got seconds='nan'; allowed are numbers above 0, up to 120\n"),
        ("seconds=", b"got seconds=''; allowed are numbers above 0, up to 120\n"),
        ("format=svg", b"got format='svg'; allowed are pprof, speedscope, folded\n"),
    ],
)
def test_wrong_parameters(query: str, text: bytes) -> None:
    async def scenario(ask: Asking) -> None:
        assert await ask(query) == (400, text)

    with_profiling(scenario)


@pytest.mark.parametrize(
    ("enabled", "grant", "status"),
    [
        (False, EVERYTHING, OFF_STATUS),
        (True, Grant(EVERYTHING.rights, tenant="a"), 403),
        (True, Grant(EVERYTHING.rights, tenants=frozenset("ab")), 403),
    ],
)
def test_who_gets_none(enabled: bool, grant: Grant, status: int) -> None:
    async def scenario(ask: Asking) -> None:
        assert (await ask("seconds=0.1"))[0] == status

    with_profiling(scenario, enabled, grant)


def test_there_is_one_at_a_time_and_it_ends_with_its_client() -> None:
    async def scenario(ask: Asking) -> None:
        first: asyncio.Task[Any] = asyncio.ensure_future(ask("seconds=119"))
        async with asyncio.timeout(60):
            while (await ask("seconds=0.01"))[0] != 429:
                if first.done():  # the short one was there before it
                    first = asyncio.ensure_future(ask("seconds=119"))
                await asyncio.sleep(0.01)
            first.cancel()
            while (await ask("seconds=0.01"))[0] != 200:
                await asyncio.sleep(0.01)

    with_profiling(scenario)
