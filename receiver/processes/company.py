"""The processes of a server as one of them sees them: itself and the others.

A process that is alone passes nothing on and asks no one; it reports itself, and that is all.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from receiver.late_database import LateDatabase
from receiver.limits.gate import WriteGate
from receiver.processes import merging
from receiver.processes.arenas import ArenaPool
from receiver.processes.cluster import Cluster
from receiver.processes.handing import Handing
from receiver.processes.metrics import DECODER, Family, Merged, OwnMetrics, added, read_counted
from receiver.processes.passing import Passing, PassingMetrics, tenants_of
from receiver.processes.peers import NoAnswer, Part, Peers
from receiver.processes.place import Place
from receiver.processes.reading.asking import AskingMetrics
from receiver.processes.reading.view import Reading, Reads, SharedView
from receiver.processes.routes import PLACES, Answered
from receiver.processes.sockets import COLUMNS, Meeting
from receiver.processes.taking import Taking
from receiver.settings.config import Config
from receiver.settings.options import WebOptions
from receiver.web.fast_lane import Answer, Answering
from receiver.wire.buffers import BufferPool
from receiver.wire.columns import limits_of
from receiver.wire.decoder import POOL_BYTES_MAX, WriteDecoder
from receiver.write.handler import WriteDatabase

# What the head of a request may have beyond web.max-head-bytes once it is passed on: the grant.
GRANT_BYTES_MAX = 4 << 20
GRANT_HEADERS = 8
DRAIN_LOOK_S = 0.05
_LABEL_VALUES = re.compile(r"/api/v1/label/[^/]+/values")


@dataclass(frozen=True, slots=True)
class Writes:
    """Where writes go, who is asked before their bodies are read, and what decodes them: in most
    cases, and of each tenant."""

    database: WriteDatabase
    admit: Callable[[str, int | None], None]
    decoder: WriteDecoder
    decoder_of: Callable[[str], WriteDecoder]


class Company:
    """What a process does for being one of several."""

    def __init__(
        self, place: Place, config: Config, registry: CollectorRegistry, database: LateDatabase
    ) -> None:
        self.place = replace(place, shards=config.storage.shards) if place.is_alone else place
        self._peers: Peers | None = None
        self._passing: Passing | None = None
        metrics, asking_metrics = PassingMetrics(registry), AskingMetrics(registry)
        self._cluster = Cluster(
            self.place, database, registry, passed_on=lambda: int(metrics.passed._value.get())
        )
        self.head_limits = inner_limits(config.web)
        self._decode_limits = limits_of(config.write)
        if place.is_alone:
            return
        self._meeting = Meeting(Path(config.storage.path))
        self._reading = Reading(
            place,
            self._meeting,
            asking_metrics,
            timeout_s=config.query.timeout_ms / 1000,
            bytes_max=config.program.bytes_between_processes_max,
        )
        self._arenas = ArenaPool(BufferPool(POOL_BYTES_MAX))
        own = OwnMetrics(registry, self._file(place.share.number), inherits=place.restarts > 0)
        mergers = {path: merging.merged(merge) for path, merge in merging.DOCUMENTS.items()}
        mergers |= {
            "/-/ready": merging.ready,
            "/metrics": self.merged_metrics,
            "/api/v1/status/cluster": self._cluster.merge,
            "/api/v1/status/rejected": merging.rejected,
            "/api/v1/status/active_queries": merging.active_queries,
            "/api/v1/status/slow_queries": merging.slow_queries,
            "/api/v1/status/deletions": merging.deletions,
            "/api/v1/user_stats": merging.user_stats,
        }
        self._passing = Passing(place, self._others, mergers, metrics, own.report)

    @property
    def shards(self) -> list[int]:
        """Those of this process."""
        return self.place.share.shards(self.place.shards)

    def has(self, tenant: str) -> bool:
        """Whether this process has a tenant."""
        return self.place.has(tenant)

    def add_routes(self, app: web.Application) -> None:
        self._cluster.add_routes(app)

    def install(self, app: web.Application) -> None:
        """Pass on what others have; behind what decides who may ask, before the routes."""
        if self._passing is not None:
            self._passing.install(app)

    def around(self, own: Reads, name: str) -> Reads | SharedView:
        """What is read of all tenants, around what is read of those of this process, which the
        others know by a name."""
        return own if self.place.is_alone else self._reading.around(own, name)

    def lane(self, answer: Answering) -> Answering:
        """What answers requests at once, of those that are not to be passed on."""
        if self.place.is_alone:
            return answer

        def own(
            path: str, query: str, headers: Mapping[str, str], client_left: Callable[[], bool]
        ) -> Answer | None:
            bare = path.removeprefix("/prometheus")
            bare = _LABEL_VALUES.sub("/api/v1/label/{name}/values", bare)
            is_own = PLACES.get(bare) is Answered.OWNER and all(
                map(self.place.has, tenants_of(headers))
            )
            return answer(path, query, headers, client_left) if is_own else None

        return own

    def listen(self) -> socket.socket | None:
        """The socket by which the others reach this process, if there are any. Raises OSError."""
        return None if self.place.is_alone else self._meeting.listen(self.place.share.number)

    def writes(self, gate: WriteGate, decoder: WriteDecoder) -> Writes:
        """Where writes go, and what decodes them, within the limits of requests."""
        decoder = decoder.with_limits(self._decode_limits)
        if self.place.is_alone:
            return Writes(gate, gate.admit, decoder, lambda tenant: decoder)
        sharing = decoder.with_pool(self._arenas)
        self._taking = Taking(gate, decoder.decode)
        self._handing = Handing(self.place, self._meeting, self._arenas, gate, gate.admit)
        return Writes(
            self._handing,
            self._handing.admit,
            decoder,
            lambda tenant: decoder if self.has(tenant) else sharing,
        )

    async def run(self) -> AsyncIterator[None]:
        """For the program's cleanup contexts."""
        if self.place.is_alone:
            yield
            return
        self._taking.listen(self._meeting.listen(self.place.share.number, COLUMNS))
        self._peers = Peers(
            self._meeting, self.place.share.count, head_bytes_max=self.head_limits.head_bytes_max
        )
        yield
        self._handing.close()
        await self._taking.close()
        await self._peers.close()
        self._meeting.close()

    async def read(self) -> AsyncIterator[None]:
        """For the program's cleanup contexts: others read here for as long as the database is
        there."""
        if self.place.is_alone:
            yield
            return
        async for _ in self._reading.run():
            yield

    @contextmanager
    def warming(self) -> Iterator[None]:
        """One process compiles kernels that no one has compiled yet, and the others find them
        then. Blocks."""
        if self.place.is_alone:
            yield
            return
        descriptor = os.open(self._meeting.path / "warm_up.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            is_first = self.place.share.number == 0
            fcntl.flock(descriptor, fcntl.LOCK_EX if is_first else fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    async def drained(self, timeout_s: float) -> None:
        """Wait until clients have their answers, or for so long: others may be needed for them."""
        ends = time.monotonic() + timeout_s
        while self._passing is not None and self._passing.under_way and time.monotonic() < ends:
            await asyncio.sleep(DRAIN_LOOK_S)

    def merged_metrics(
        self, request: web.Request, parts: Sequence[Part | NoAnswer]
    ) -> web.Response:
        """Those of all; of a process that does not answer, what it has counted."""
        found = [self._families(number, part) for number, part in enumerate(parts)]
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = encode(Merged(added(found)))
        return web.Response(body=body, headers={"Content-Type": content_type})

    def _families(self, number: int, part: Part | NoAnswer) -> list[Family]:
        if isinstance(part, Part) and part.status == 200:
            return DECODER.decode(part.body)
        return read_counted(self._file(number))

    def _file(self, number: int) -> Path:
        return self._meeting.path / f"{number}.metrics"

    def _others(self) -> Peers:
        assert self._peers is not None, "BUG: a request before the program was started"
        return self._peers


def inner_limits(options: WebOptions) -> WebOptions:
    """What heads between processes may have: those of clients, and who they are from."""
    return WebOptions(
        head_bytes_max=options.head_bytes_max + GRANT_BYTES_MAX,
        headers_max=options.headers_max + GRANT_HEADERS,
    )
