"""The whole program with its gRPC server, written to through HTTP and asked by gRPC, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer

from receiver.server import GRPC
from tests.makers.real_api import RealApi, started_api
from tests.makers.thanos.client import StoreClient, connected

Scenario = Callable[[RealApi, StoreClient], Awaitable[None]]


def port_of(api: RealApi) -> int:
    """Where the program serves gRPC."""
    server = api.client.server
    assert isinstance(server, TestServer) and server.app is not None
    return server.app[GRPC].port


def run_store(
    directory: Path,
    scenario: Scenario,
    *,
    metadata: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    credentials: Any = None,
) -> None:
    """Run a scenario against a program. settings: as started_api() takes them."""

    async def main() -> None:
        base = {"grpc__listen_address": "localhost:0"}
        async with (
            started_api(directory, **(base | dict(settings or {}))) as api,
            connected(port_of(api), metadata, credentials) as client,
        ):
            await scenario(api, client)

    asyncio.run(main())
