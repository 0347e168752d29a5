"""What is kept of range queries, as clients see it: parameters, headers, statistics, metrics."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.endpoints.handler import Call, Slot
from api.endpoints.queries import QueryHandlers
from api.forms import Params
from api.frontend.ranges import uncached
from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.sources.queriers import QuerierSource, ReplicaDefaults
from tests.makers.fake_store import NOW_MS, FakeQuerier, FakeStore
from tests.makers.real_api import RealApi, run_real_api

MINUTE_MS, LONG_S = 60_000, 60.0
KEEP = {"query__cache__min_evaluation_time": "0"}


class Panel:
    """A panel over an hour of a program's data, and what the program counts."""

    def __init__(self, api: RealApi) -> None:
        self._api = api
        self._now_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS

    async def fill(self) -> None:
        points = [(self._now_ms - k * MINUTE_MS, float(k)) for k in range(90, -1, -1)]
        for tenant in ("t", "u"):
            await self._api.write(({"__name__": "m"}, points), tenant=tenant)

    async def ask(self, headers: dict[str, str] | None = None, **params: str) -> Any:
        asked = {
            "query": "m", "start": f"{self._now_ms / 1000 - 3600}", "end": f"{self._now_ms / 1000}",
            "step": "60", "stats": "true",
        }  # fmt: skip
        sent = {"X-Scope-OrgID": "t"} | (headers or {})
        url = "/api/v1/query_range"
        async with self._api.client.get(url, params=asked | params, headers=sent) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["data"]

    async def cached(self, headers: dict[str, str] | None = None, **params: str) -> int:
        """How many steps the statistics of an answer say were known."""
        data = await self.ask(headers, **params)
        steps: int = data["stats"]["samples"].get("cachedSteps", 0)
        return steps

    async def count(self, text: str) -> float:
        async with self._api.client.get("/metrics") as response:
            found = re.search(rf"^{re.escape(text)} (.+)$", await response.text(), re.MULTILINE)
        assert found is not None, text
        return float(found[1])


def play(directory: Path, scenario: Any, **settings: str) -> None:
    async def filled(api: RealApi) -> None:
        panel = Panel(api)
        await panel.fill()
        await scenario(panel)

    run_real_api(directory, filled, **(KEEP | settings))


def test_known_steps_are_in_the_statistics_and_the_metrics(tmp_path: Path) -> None:
    async def scenario(panel: Panel) -> None:
        first, second = await panel.ask(), await panel.ask()
        assert first["result"] == second["result"]
        assert "cachedSteps" not in first["stats"]["samples"]
        samples = second["stats"]["samples"]
        assert (samples["cachedSteps"], samples["totalQueryableSamples"]) == (61, 0)
        assert await panel.count('cupola_query_cache_queries_total{outcome="hit"}') == 1
        assert await panel.count("cupola_query_cache_entries") == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({"Cache-Control": "no-store"}, {}),
        ({"cache-control": "no-cache, No-Store"}, {}),
        ({}, {"nocache": "1"}),
        ({}, {"provenance": "1"}),
        ({"X-Scope-OrgID": "u"}, {}),
        ({"X-Scope-OrgID": "t|u"}, {}),
        ({}, {"lookback_delta": "1m"}),
        ({}, {"dedup": "false"}),
        ({}, {"max_source_resolution": "5m"}),
        ({}, {"query": "m + 0"}),
    ],
)
def test_other_requests_have_their_own(
    tmp_path: Path, headers: dict[str, str], params: dict[str, str]
) -> None:
    async def scenario(panel: Panel) -> None:
        await panel.ask()
        assert await panel.cached(headers, **params) == 0

    play(tmp_path, scenario)


def test_what_does_not_change_the_values_is_shared(tmp_path: Path) -> None:
    async def scenario(panel: Panel) -> None:
        await panel.ask()
        assert await panel.cached(timeout="17s") == 61
        assert await panel.cached(limit="1", stats="all") == 61
        assert await panel.cached({"X-Scope-OrgID": "t|t"}) == 61

    play(tmp_path, scenario)


def test_it_can_be_off(tmp_path: Path) -> None:
    async def scenario(panel: Panel) -> None:
        await panel.ask()
        assert await panel.cached() == 0
        assert await panel.count("cupola_query_cache_entries") == 0

    play(tmp_path, scenario, query__cache__max_bytes="0")


class SlowStore(FakeStore):
    """The first querier takes until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.tenant().write({"__name__": "m"}, [(NOW_MS, 1.0)])

    def querier(self, tenant: str, **how: Any) -> FakeQuerier:
        is_first = not self.asked
        found = super().querier(tenant, **how)
        if is_first:
            self.has_begun.set()
            assert self.may_end.wait(LONG_S)
        return found


def ask(handlers: QueryHandlers, params: str, waits: threading.Event) -> bytes:
    """The answer to an instant query. waits: is set while it waits for that of another."""

    def client_left() -> bool:
        waits.set()
        return False

    job = handlers.query(Call(Params.parse(params, fields_max=9), ("default",), {}))
    return b"".join(map(bytes, job.run(Slot(3_600_000, 0.0, client_left))))


@pytest.mark.parametrize(
    ("other", "queriers"),
    [("", 2), ("&limit=5&timeout=9h", 2), ("&stats=true", 3), ("&nocache=1", 3), ("&dedup=0", 3)],
)
def test_equal_requests_at_a_time_are_computed_together(other: str, queriers: int) -> None:
    """The second and the third came while the first was computed, and have one answer."""
    store, engine = SlowStore(), Engine(EngineOptions(threads=1))
    source = QuerierSource(store, ReplicaDefaults())
    handlers = QueryHandlers(source, engine, uncached(engine), now_ms=lambda: NOW_MS)
    events = [threading.Event() for _ in range(3)]
    text = f"query=m&time={NOW_MS / 1000}"
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(ask, handlers, text, events[0])
        assert store.has_begun.wait(LONG_S)
        second = threads.submit(ask, handlers, text, events[1])
        assert events[1].wait(LONG_S)
        third = threads.submit(ask, handlers, text + other, events[2])
        assert queriers > 2 or events[2].wait(LONG_S)
        store.may_end.set()
        answers = [each.result(LONG_S) for each in (first, second, third)]
    engine.close()
    assert len(store.asked) == queriers
    assert answers[0] == answers[1]
    assert answers[0][:-2] in answers[2] or "stats" in other
