"""A running write handler over a fake database, and what it counts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import snappy
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from receiver.errors import WriteError
from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WriteOptions
from receiver.wire.columns import limits_of
from receiver.wire.decoder import WriteDecoder
from receiver.write.handler import WriteHandler
from storage.batch import Batch, Outcome
from storage.errors import StorageError
from storage.refusals.ledger import RejectLedger
from tests.twins.wire.v1 import series

HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
UP = [(b"__name__", b"up")]
WRITE = "/api/v1/write"


def compressed(data: bytes) -> bytes:
    return snappy.compress(data)


BODY = compressed(series(UP, [(1, 2), (3, 4)]))


@dataclass
class FakeDatabase:
    """Notes what it is given; answers as told."""

    answer: Outcome | StorageError | WriteError | None = None
    gate: asyncio.Event | None = None
    seen: list[tuple[str, list[int]]] = field(default_factory=list)

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        assert arrival_ms > 1_700_000_000_000
        self.seen.append((tenant, batch.timestamps.tolist()))
        if self.gate is not None:
            await self.gate.wait()
        batch.release()
        if isinstance(self.answer, StorageError | WriteError):
            raise self.answer
        return self.answer or Outcome(batch.sample_count)


@dataclass
class Scene:
    """A running handler and what it counts."""

    database: FakeDatabase
    handler: WriteHandler
    client: TestClient
    registry: CollectorRegistry
    ledger: RejectLedger

    async def post(self, body: bytes = BODY, headers: dict[str, str] | None = None, path=WRITE):
        """(status, headers, text) of the answer to one write."""
        async with self.client.post(path, data=body, headers=HEADERS | (headers or {})) as response:
            return response.status, response.headers, await response.text()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def play(
    scenario: Callable[[Scene], Awaitable[None]],
    database: FakeDatabase | None = None,
    options: WriteOptions | None = None,
) -> None:
    """Run a scenario against a handler over the fake database."""
    options = options or WriteOptions()

    async def main() -> None:
        registry = CollectorRegistry()
        database_ = database or FakeDatabase()
        decoder = WriteDecoder(limits_of(options))
        ledger = RejectLedger(entries_max=10)
        handler = WriteHandler(database_, decoder, options, ReceiverMetrics(registry), ledger)
        app = web.Application()
        handler.add_routes(app)
        server = TestServer(app)
        await server.start_server(auto_decompress=False)
        async with TestClient(server) as client:
            await scenario(Scene(database_, handler, client, registry, ledger))
        handler.close()

    asyncio.run(main())


SECOND = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
