"""Handing writes over: acceptor and owner in one event loop, with a gate that does little."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from receiver.errors import RateLimited
from receiver.processes.arenas import ArenaPool, arena_of
from receiver.processes.handing import Handing, OwnerGone, is_gone
from receiver.processes.place import Place
from receiver.processes.sockets import COLUMNS, Meeting
from receiver.processes.taking import Taking
from receiver.wire.buffers import BufferPool
from receiver.wire.columns import Secrets
from receiver.wire.decoder import WriteDecoder
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch, Outcome
from storage.errors import Overloaded
from storage.tenants.placement import Share
from tests.makers.bodies.v1 import encode

PATIENCE_S = 120.0
# Of two shards, by the rule of names.
OWN, OTHER = "tenant-2", "a"
SEED = b"y" * 32


class Gate:
    """Notes what was written; waits for `goes_on` before it answers."""

    def __init__(self) -> None:
        self.written: list[tuple[str, list[int], int]] = []
        self.admitted: list[tuple[str, int | None]] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.begun = asyncio.Event()

    def admit(self, tenant: str, body_bytes: int | None) -> None:
        self.admitted.append((tenant, body_bytes))
        if len(self.admitted) > 3:
            raise RateLimited("too fast", status=429, retry_after_s=1)

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        self.begun.set()
        await self.goes_on.wait()
        self.written.append((tenant, batch.timestamps.tolist(), arrival_ms))
        batch.release()
        if arrival_ms == 13:
            raise Overloaded("full")
        return Outcome(batch.sample_count)


class Two:
    """Process 0, which hands over, and 1, which takes."""

    def __init__(self, data: Path) -> None:
        self.meeting = Meeting(data)
        self.arenas = ArenaPool(BufferPool(1 << 20), 2)
        self.first, self.second = Gate(), Gate()
        place = Place(Share(0, 2), shards=2)
        self.handing = Handing(place, self.meeting, self.arenas, self.first, self.first.admit)
        decoder = WriteDecoder(secrets=Secrets(SEED))
        self.sharing = decoder.with_pool(self.arenas)
        self.taking = Taking(self.second, decoder.decode)

    def batch(self, *times: int) -> Batch:
        body = encode([({"__name__": "up"}, [(at, 1.0) for at in times])])
        return self.sharing.decode(KIND_REMOTE_WRITE_1_SNAPPY, body)


def play(data: Path, scenario: Callable[[Two], Awaitable[None]], *, listens: bool = True) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S):
            two = Two(data)
            if listens:
                two.taking.listen(two.meeting.listen(1, COLUMNS))
            await scenario(two)
            two.handing.close()
            await two.taking.close()
            two.meeting.close()

    asyncio.run(main())


def test_writes_go_to_who_has_their_tenant(tmp_path: Path) -> None:
    async def scenario(two: Two) -> None:
        for tenant in (OWN, OTHER):
            two.handing.admit(tenant, 9)
            assert await two.handing.append(tenant, two.batch(1, 2), 12) == Outcome(2)
        assert two.first.written == [(OWN, [1, 2], 12)]
        assert two.second.written == [(OTHER, [1, 2], 12)]
        # The rate of a tenant is counted where it lives.
        assert two.first.admitted == [(OWN, 9)]
        assert [tenant for tenant, _ in two.second.admitted] == [OTHER]
        assert two.arenas.free == 2

    play(tmp_path, scenario)


def test_many_at_a_time_and_more_than_there_are_arenas(tmp_path: Path) -> None:
    async def scenario(two: Two) -> None:
        two.second.admit = lambda tenant, size: None  # type: ignore[method-assign]
        batches = [two.batch(n) for n in range(20)]
        assert sum(arena_of(batch) is not None for batch in batches) == 2
        outcomes = await asyncio.gather(
            *(two.handing.append(OTHER, batch, n) for n, batch in enumerate(batches) if n != 13)
        )
        assert outcomes == [Outcome(1)] * 19
        assert sorted(two.second.written) == [(OTHER, [n], n) for n in range(20) if n != 13]
        batches[13].release()
        assert two.arenas.free == 2

    play(tmp_path, scenario)


def test_what_the_owner_raises_is_raised(tmp_path: Path) -> None:
    async def scenario(two: Two) -> None:
        with pytest.raises(Overloaded, match="full"):
            await two.handing.append(OTHER, two.batch(1), 13)
        for _ in range(2):
            await two.handing.append(OTHER, two.batch(1), 1)
        with pytest.raises(RateLimited, match="too fast") as raised:
            await two.handing.append(OTHER, two.batch(1), 1)
        assert (raised.value.status, raised.value.retry_after_s) == (429, 1)
        assert two.arenas.free == 2

    play(tmp_path, scenario)


def test_without_an_owner_nothing_is_kept_back(tmp_path: Path) -> None:
    async def scenario(two: Two) -> None:
        with pytest.raises(OwnerGone, match="process 1 of this server"):
            await two.handing.append(OTHER, two.batch(1), 1)
        assert two.arenas.free == 2
        two.taking.listen(two.meeting.listen(1, COLUMNS))
        assert await two.handing.append(OTHER, two.batch(1), 1) == Outcome(1)

    play(tmp_path, scenario, listens=False)


def test_an_arena_that_may_still_be_read_is_not_used_again(tmp_path: Path) -> None:
    async def scenario(two: Two) -> None:
        two.second.goes_on.clear()
        writing = asyncio.ensure_future(two.handing.append(OTHER, two.batch(1), 1))
        await two.second.begun.wait()
        for link in two.handing._links.values():
            link.close()
        with pytest.raises(OwnerGone):
            await writing
        # The owner is this process, which is not gone.
        leases = [two.arenas.lease() for _ in range(2)]
        numbers = [getattr(lease.buffers, "number", None) for lease in leases]
        assert numbers.count(None) == 1
        two.second.goes_on.set()

    play(tmp_path, scenario)


def test_who_leaves_does_not_take_the_memory_away(tmp_path: Path) -> None:
    async def scenario(two: Two) -> None:
        two.second.goes_on.clear()
        writing = asyncio.ensure_future(two.handing.append(OTHER, two.batch(1), 1))
        await two.second.begun.wait()
        writing.cancel()
        await asyncio.wait([writing])
        assert two.arenas.free == 1
        two.second.goes_on.set()
        while two.arenas.free < 2:
            await asyncio.sleep(0.01)
        assert two.second.written == [(OTHER, [1], 1)]

    play(tmp_path, scenario)


def test_who_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not is_gone(process.pid)
    assert not is_gone(os.getpid())
    process.kill()
    while not is_gone(process.pid):  # not buried yet
        pass
    process.wait()
    process.communicate()
    assert is_gone(process.pid)
