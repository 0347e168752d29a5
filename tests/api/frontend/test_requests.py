"""What is kept of range queries, as clients see it: parameters, headers, statistics, metrics."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.makers.real_api import RealApi, run_real_api

MINUTE_MS = 60_000
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
