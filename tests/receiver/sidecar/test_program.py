"""The whole sidecar over a Prometheus that answers as it is told: HTTP, gRPC, uploads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from receiver.gateway.program import Gateway, build
from receiver.settings.config import ConfigError
from receiver.settings.config import build as configured
from receiver.sidecar.options import SidecarOptions, server_of_file
from receiver.sidecar.program import maker_of
from receiver.stores.storeapi.messages import parse_info
from tests.makers.blocks import write_block
from tests.makers.sources.fake_prometheus import FakePrometheus
from tests.makers.thanos.client import connected
from tests.receiver.importing.tsdb.test_block import WRITTEN
from tests.receiver.stores.bucket.test_view import ULIDS
from tests.receiver.stores.remote_read.test_source import line

EU = {"cluster": "eu", "replica": "a"}
Client = TestClient[Any, Any]


@asynccontextmanager
async def running(
    fake: FakePrometheus, directory: str = "", tenant: str = "", **settings: str
) -> AsyncIterator[tuple[Client, Gateway]]:
    server = server_of_file(fake.url, "")
    options = SidecarOptions(server, directory, 0.05, 0.05, tenant=tenant)
    given = {"grpc.listen-address": "localhost:0", **settings}
    gateway = build(configured(given), maker_of(options))
    async with TestClient(TestServer(gateway.app)) as client:
        yield client, gateway


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 900))  # type: ignore[arg-type]


async def text(client: Client, path: str) -> tuple[int, str]:
    async with client.get(path) as response:
        return response.status, await response.text()


async def until_ready(client: Client) -> None:
    for _ in range(6_000):
        if (await text(client, "/-/ready"))[0] == 200:
            return
        await asyncio.sleep(0.01)
    raise AssertionError((await text(client, "/-/ready"))[1])


def test_queries_over_http_and_grpc() -> None:
    frames = line([(1_000, 1.0), (2_000, 2.0)], pod="a", replica="own")

    async def scenario() -> None:
        async with running(fake, **{"dedup.replica-labels": "replica"}) as (client, gateway):
            await until_ready(client)
            async with client.get("/api/v1/query?query=up&time=3") as response:
                (found,) = (await response.json())["data"]["result"]
                assert found["metric"] == {"__name__": "up", "pod": "a", "cluster": "eu"}
            async with client.get("/api/v1/stores") as response:
                (listed,) = (await response.json())["data"]["prometheus"]
                assert listed["labelSets"] == [EU] and listed["minTime"] == 1500
            status, metrics = await text(client, "/metrics")
            assert status == 200 and "cupola_ready 1.0" in metrics
            assert (await text(client, "/-/healthy"))[0] == 200
            async with connected(gateway.grpc.port) as store:
                info = parse_info(await store.one("thanos.info.Info/Info"))
                assert info.kind == "sidecar" and info.labels == (EU,)
                assert info.span is not None and info.span[0] == 1500
                answer = await store.series([("__name__", "=", "up")])
                assert answer.labelsets == [{"__name__": "up", "pod": "a", **EU}]
                assert answer.series[0].points() == [(1_000, 1.0), (2_000, 2.0)]
                wanted = [("cluster", "=", "us"), ("__name__", "=", "up")]
                assert (await store.series(wanted)).series == []
                assert await store.names(label="pod") == ["a"]

    with FakePrometheus(EU, frames).serving() as fake:
        fake.answers["series"] = [{"__name__": "up", "pod": "a", "replica": "own"}]
        run(scenario)


def test_blocks_go_to_the_bucket(tmp_path: Path) -> None:
    write_block(tmp_path / "tsdb", WRITTEN, ulid=ULIDS[0])
    bucket = f"{{type: FILESYSTEM, config: {{directory: {tmp_path / 'bucket'}}}}}"
    uploaded = tmp_path / "bucket" / ULIDS[0] / "meta.json"

    async def scenario() -> None:
        settings = {"objstore.config": bucket}
        async with running(fake, str(tmp_path / "tsdb"), **settings) as (client, _):
            for _ in range(6_000):
                status, why = await text(client, "/-/ready")
                if "min-block-duration is 2h" in why:
                    break
                await asyncio.sleep(0.01)
            assert status == 503 and "max-block-duration is 1d" in why
            assert not uploaded.exists()
            fake.flags["storage.tsdb.max-block-duration"] = "2h"
            await until_ready(client)
            for _ in range(6_000):
                if uploaded.exists():
                    break
                await asyncio.sleep(0.01)
            assert uploaded.exists()

    with FakePrometheus(EU).serving() as fake:
        fake.flags["storage.tsdb.max-block-duration"] = "1d"
        run(scenario)


def test_blocks_become_segments(tmp_path: Path) -> None:
    """Whatever the Prometheus compacts: what was made of blocks has nothing new."""
    write_block(tmp_path / "tsdb", WRITTEN, ulid=ULIDS[0])
    settings = {
        "objstore.config": f"{{type: FILESYSTEM, config: {{directory: {tmp_path / 'bucket'}}}}}",
        "storage.path": str(tmp_path / "data"), "storage.retention": "0s",
        "storage.head.max-age": "1s", "objstore.interval": "100ms",
    }  # fmt: skip

    async def scenario() -> None:
        async with running(fake, str(tmp_path / "tsdb"), "team", **settings) as (client, _):
            await until_ready(client)
            for _ in range(60_000):
                if list((tmp_path / "bucket").glob("**/samples.parquet")):
                    break
                await asyncio.sleep(0.01)
            assert list((tmp_path / "bucket").glob("**/samples.parquet"))
            metrics = (await text(client, "/metrics"))[1]
            assert "cupola_sidecar_uploads_total 1.0" in metrics
            assert not (tmp_path / "bucket" / ULIDS[0]).exists()

    with FakePrometheus(EU).serving() as fake:
        fake.flags["storage.tsdb.max-block-duration"] = "1d"
        run(scenario)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    options = SidecarOptions(server_of_file("http://x:1", ""), str(tmp_path / "none"))
    bucket = f"{{type: FILESYSTEM, config: {{directory: {tmp_path}}}}}"
    with pytest.raises(ConfigError, match="--tsdb.path"):
        build(configured({"objstore.config": bucket}), maker_of(options))
