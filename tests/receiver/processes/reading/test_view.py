"""A view of the tenants of all processes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from receiver.processes.place import Place
from receiver.processes.reading import view as module
from receiver.processes.reading.asking import AskingMetrics
from receiver.processes.reading.querier import RemoteQuerier
from receiver.processes.reading.view import Reading
from receiver.processes.sockets import Meeting
from storage.labels.matchers import Matcher
from storage.tenants.placement import Share
from tests.makers.databases import opened, series, write
from tests.makers.processes.apart import of_each_process

PATIENCE_S = 120.0
TENANTS = of_each_process()
UP = [Matcher("__name__", "=", "up")]


class Empty:
    """A store whose queriers are its names."""

    def querier(self, tenant: str, **_: Any) -> Any:
        return tenant

    def tenant_names(self) -> list[str]:
        return ["own"]

    def segment_report(self) -> Any:
        return "report"


@asynccontextmanager
async def running(reading: Reading) -> AsyncIterator[None]:
    run = reading.run()
    await anext(run)
    yield
    with pytest.raises(StopAsyncIteration):
        await anext(run)


def reading_of(number: int, meeting: Meeting) -> Reading:
    place = Place(Share(number, 3), shards=3)
    metrics = AskingMetrics(CollectorRegistry())
    return Reading(place, meeting, metrics, timeout_s=PATIENCE_S, bytes_max=1 << 30)


def test_own_tenants_are_read_here_and_others_where_they_are(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path)
    view = reading_of(1, meeting).around(Empty(), "queries")
    for number, tenant in enumerate(TENANTS):
        querier = view.querier(tenant, replica_labels=(), dedup=False)
        assert isinstance(querier, str if number == 1 else RemoteQuerier)
    assert (view.tenant_names(), view.segment_report()) == (["own"], "report")
    meeting.close()


def test_two_processes_read_each_other_and_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_S", 0.01)
    meeting = Meeting(tmp_path)

    async def main() -> None:
        processes = [reading_of(number, meeting) for number in range(3)]
        views = [process.around(database, "queries") for process in processes]
        async with running(processes[0]), running(processes[1]), running(processes[2]):
            for asker in views:
                for tenant in TENANTS:
                    await asyncio.to_thread(check, asker, tenant)
            gc.collect()
            while any(len(process.answering.held) for process in processes):
                await asyncio.sleep(0.01)

    def check(view: Any, tenant: str) -> None:
        querier = view.querier(tenant, replica_labels=(), dedup=False)
        found = querier.select(UP, 0, 100)
        assert found.labels.labelset(0) == {"__name__": "up", "tenant": tenant}
        assert found.read(0, 1).values.tolist() == [1.0]

    with opened(tmp_path / "data", shards=3) as database:
        for tenant in TENANTS:
            write(database, [series("up", [(10, 1.0)], tenant=tenant)], tenant=tenant)
        asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    meeting.close()
