"""The health service of a program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from grpc import aio

from api.grpc import health
from receiver.late_database import State
from receiver.server import DATABASE
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import PATIENCE_S, StoreClient
from tests.makers.thanos.program import run_store
from tests.twins.wire.v1 import message

CHECK, WATCH = "grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING, UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"


@pytest.mark.parametrize("service", ["", "thanos.Store", "thanos.info.Info", "none"])
def test_checks_and_watches_follow_the_database(tmp_path: Path, service: str) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        database = api.client.server.app[DATABASE]  # type: ignore[attr-defined]
        body = message(1, service.encode()) if service else b""
        watch = client.open(WATCH, body)
        if service == "none":
            assert await watch.read() == UNKNOWN
            with pytest.raises(aio.AioRpcError) as error:
                await client.one(CHECK, body)
            assert error.value.code() is grpc.StatusCode.NOT_FOUND
            return
        assert await client.one(CHECK, body) == SERVING == await watch.read()
        database.state = State.CLOSED
        assert await client.one(CHECK, body) == NOT_SERVING
        async with asyncio.timeout(PATIENCE_S):
            assert await watch.read() == NOT_SERVING
        database.state = State.OPEN

    run_store(tmp_path, check)


def test_what_cannot_be_understood(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        with pytest.raises(aio.AioRpcError) as error:
            await client.one(CHECK, b"\xff")
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    run_store(tmp_path, check)


def test_watches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WATCHES_MAX", 1)

    async def check(api: RealApi, client: StoreClient) -> None:
        first = client.open(WATCH, b"")
        assert await first.read() == SERVING
        code, text = await client.status(WATCH, b"")
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED and "allowed are 1" in text

    run_store(tmp_path, check)
