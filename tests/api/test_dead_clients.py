"""Clients that leave in the middle of their queries: nothing more is computed for them, and nothing
of them stays."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.promql.options import EngineOptions
from storage.samples.samples import Samples
from tests.makers.fake_store import Running, run_api
from tests.makers.memory_store import MemorySelection

CLIENTS, PLACES, THREADS = 64, 4, 2
ROWS = 6_000  # 24 blocks of 256


class Reads:
    """What selections read, and a door before each read but the first few."""

    def __init__(self) -> None:
        self.begun = 0
        self.open = threading.Event()
        self.selections: list[weakref.ref[Any]] = []
        self._lock = threading.Lock()

    def watch(self, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        read, select = MemorySelection.read, type(running.store.tenant()).select

        def counted(selection: Any, first_row: int, end_row: int) -> Samples:
            with self._lock:
                self.begun += 1
            assert self.open.wait(120), "BUG: the door stayed closed"
            return read(selection, first_row, end_row)

        def noted(*args: Any, **kwargs: Any) -> Any:
            made = select(*args, **kwargs)
            self.selections.append(weakref.ref(made))
            return made

        monkeypatch.setattr(MemorySelection, "read", counted)
        monkeypatch.setattr(type(running.store.tenant()), "select", noted)


def fill(running: Running) -> None:
    for i in range(ROWS):
        running.store.tenant().write({"__name__": "x", "i": str(i)}, [(0, float(i))])


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def all_ended(running: Running) -> bool:
    busy = [running.sample(f"cupola_api_requests_{what}") for what in ("running", "waiting")]
    return busy == [0, 0]


def play(test: Callable[[Running], Awaitable[None]]) -> None:
    run_api(test, engine_options=EngineOptions(max_concurrency=PLACES, threads=THREADS))


async def ask_and_leave(running: Running, clients: int, query: str, reads: Reads) -> None:
    """Ask, and leave once as many as may be are computed and all others wait."""
    writers = []
    for i in range(clients):
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        path = f"/api/v1/query?query={query}%2B{i}&time=0"  # equal ones would be computed once
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        writers.append(writer)
    computed = min(clients, PLACES)
    await until(lambda: reads.begun >= min(computed, THREADS))
    await until(lambda: running.sample("cupola_api_requests_running") == computed)
    await until(lambda: running.sample("cupola_api_requests_waiting") == clients - computed)
    entries = running.api.server.running.active(["default"])
    assert len(entries) == computed
    for writer in writers:
        writer.transport.abort()
    await until(lambda: all(entry.turn is None or entry.turn.cancelled() for entry in entries))


def test_a_query_ends_between_two_blocks_once_its_client_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(running: Running) -> None:
        fill(running)
        reads = Reads()
        reads.watch(running, monkeypatch)
        await ask_and_leave(running, 1, "sum(x)", reads)
        reads.open.set()
        await until(lambda: all_ended(running))
        # The first block is read alone, to learn its size.
        assert reads.begun == 1
        canceled = {"endpoint": "query", "type": "canceled"}
        assert running.sample("cupola_api_request_errors_total", **canceled) == 1

    play(check)


def test_a_query_that_is_ended_by_its_id_ends_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(running: Running) -> None:
        fill(running)
        reads = Reads()
        reads.watch(running, monkeypatch)
        asked = asyncio.create_task(running.get("query", query="sum(x)", time="0"))
        await until(lambda: reads.begun == 1)
        (entry,) = running.api.server.running.active(["default"])
        url = f"/api/v1/status/active_queries/{entry.number}"
        async with running.client.delete(url) as response:
            assert response.status == 204
        reads.open.set()
        status, answer = await asked
        assert (status, answer["errorType"]) == (499, "canceled")
        assert reads.begun == 1

    play(check)


def test_many_clients_that_leave_take_nothing_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that wait are not computed at all, and the memory of those that were is free again."""

    async def check(running: Running) -> None:
        fill(running)
        reads = Reads()
        reads.watch(running, monkeypatch)
        await ask_and_leave(running, CLIENTS, "sum(x)", reads)
        reads.open.set()
        await until(lambda: all_ended(running))
        assert reads.begun <= PLACES
        assert len(reads.selections) == PLACES
        assert len(running.api.server.running.active(["default"])) == 0
        await until(lambda: gc.collect() >= 0 and all(ref() is None for ref in reads.selections))
        names = [thread.name for thread in threading.enumerate()]
        assert sum(name.startswith("promql") for name in names) <= THREADS
        assert sum(name.startswith("api") for name in names) <= PLACES
        status, answer = await running.get("query", query="sum(x)", time="0")
        assert status == 200
        assert answer["data"]["result"][0]["value"][1] == str(ROWS * (ROWS - 1) // 2)

    play(check)
