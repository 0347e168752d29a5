"""A database that is opened while requests already come."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from receiver.late_database import LateDatabase, NotReady, State
from receiver.wire.decoder import WriteDecoder
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch, Outcome


class FakeDatabase:
    """Says yes to everything, and whether it was closed."""

    closed = 0

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        return Outcome(7)

    def querier(self, tenant: str, **_: Any) -> str:
        return tenant

    def close(self) -> None:
        self.closed += 1


def play(
    open_database: Callable[[], Any], scenario: Callable[[LateDatabase], Awaitable[None]]
) -> None:
    async def main() -> None:
        await scenario(LateDatabase(open_database))

    asyncio.run(main())


def empty_batch() -> Batch:
    return WriteDecoder().decode(KIND_REMOTE_WRITE_1_SNAPPY, b"\x00")


def test_requests_wait_until_it_is_open() -> None:
    gate = threading.Event()
    fake = FakeDatabase()

    def open_slowly() -> FakeDatabase:
        gate.wait()
        return fake

    async def scenario(late: LateDatabase) -> None:
        late.start()
        assert late.state is State.OPENING
        with pytest.raises(NotReady, match="being opened"):
            await late.append("t", empty_batch(), 0)
        with pytest.raises(NotReady):
            late.querier("t", replica_labels=(), dedup=True)
        gate.set()
        await late.opened()
        assert late.state is State.OPEN
        assert await late.append("t", empty_batch(), 0) == Outcome(7)
        assert str(late.querier("t", replica_labels=(), dedup=True)) == "t"
        assert await late.close(1)
        assert (fake.closed, late.state) == (1, State.CLOSED)
        with pytest.raises(NotReady, match="closed"):
            await late.append("t", empty_batch(), 0)
        assert await late.close(1)
        assert fake.closed == 1

    play(open_slowly, scenario)


def test_a_failure_to_open_is_raised_to_who_waits() -> None:
    def fail() -> Any:
        raise OSError("disk")

    async def scenario(late: LateDatabase) -> None:
        late.start()
        with pytest.raises(OSError, match="disk"):
            await late.opened()
        assert late.state is State.FAILED
        with pytest.raises(NotReady):
            late.querier("t", replica_labels=(), dedup=True)
        assert await late.close(1)

    play(fail, scenario)


def test_closing_waits_for_opening_but_not_for_ever() -> None:
    gate = threading.Event()
    fake = FakeDatabase()

    def open_slowly() -> FakeDatabase:
        gate.wait()
        return fake

    async def scenario(late: LateDatabase) -> None:
        late.start()
        assert not await late.close(0.01)
        assert late.state is State.OPENING
        gate.set()
        assert await late.close(60)
        assert fake.closed == 1

    play(open_slowly, scenario)


def test_a_batch_that_is_not_taken_is_released() -> None:
    async def scenario(late: LateDatabase) -> None:
        decoder = WriteDecoder()
        batch = decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, b"\x00")
        assert decoder.kept_bytes == 0
        with pytest.raises(NotReady, match="not yet"):
            await late.append("t", batch, 0)
        assert decoder.kept_bytes > 0

    play(FakeDatabase, scenario)
