"""What a tenant with max_query_lookback sees, over the whole program: every way to its data."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.makers.real_api import RealApi, run_real_api

LIMITS = "overrides: {recent: {max_query_lookback: 1h}}\n"
MINUTE_MS = 60_000
# How old samples are, in minutes, of three series of a replica each.
AGES = {"old": range(150, 89, -1), "both": range(90, 0, -1), "new": range(30, 0, -1)}


async def fill(api: RealApi) -> int:
    """Write the same for a tenant with the limit and one without; the time that was now."""
    now_ms = time.time_ns() // 1_000_000
    for tenant in ("recent", "free"):
        for name, ages in AGES.items():
            points = [(now_ms - age * MINUTE_MS, float(age)) for age in ages]
            await api.write(({"__name__": name, "replica": "x"}, points), tenant=tenant)
    return now_ms


def play(directory: Path, scenario: Any) -> None:
    path = directory / "limits.yml"
    path.write_text(LIMITS)

    async def filled(api: RealApi) -> None:
        await scenario(api, await fill(api) / 1000)

    run_real_api(directory / "data", filled, limits__file=str(path))


@pytest.mark.parametrize(
    ("query", "free", "recent"),
    [
        ("count_over_time(old[3h])", 61, None),
        ("count_over_time(both[3h])", 90, 59),
        ("count_over_time(new[3h])", 30, 30),
        ("both offset 58m", 58, 58),
        ("both offset 80m", 80, None),
        ("max_over_time(both[2h:1m])", 90, 59),
        ("count_over_time(both[3h] @ end())", 90, 59),
        ('count(last_over_time({__name__=~".+"}[3h]))', 3, 2),
    ],
)
def test_queries(tmp_path: Path, query: str, free: int, recent: int | None) -> None:
    async def scenario(api: RealApi, now_s: float) -> None:
        for tenant, wanted in (("free", free), ("recent", recent), ("recent|free", None)):
            found = await api.query(query, tenant=tenant, time=now_s)
            values = [round(float(row["value"][1])) for row in found]
            if tenant != "recent|free":
                assert values == ([] if wanted is None else [wanted]), tenant
            elif "count(" not in query:
                assert values == ([] if recent is None else [recent, recent])

    play(tmp_path, scenario)


def test_range_queries_of_older_times_do_not_fail(tmp_path: Path) -> None:
    async def scenario(api: RealApi, now_s: float) -> None:
        times = {"start": now_s - 7_200, "end": now_s, "step": 60}
        ((free,), (recent,)) = [
            await api.query("both", tenant=tenant, **times) for tenant in ("free", "recent")
        ]
        assert len(free["values"]) > 90
        assert recent["values"] == [p for p in free["values"] if p[0] >= recent["values"][0][0]]
        assert recent["values"][0][0] == pytest.approx(now_s - 3_540, abs=61)
        assert await api.query("both", tenant="recent", **times | {"end": now_s - 3_700}) == []

    play(tmp_path, scenario)


@pytest.mark.parametrize("start", [{}, {"start": "0"}], ids=["no start", "start"])
def test_what_there_is(tmp_path: Path, start: dict[str, str]) -> None:
    async def names(api: RealApi, tenant: str, **params: Any) -> list[Any]:
        _, values = await api.get("label/__name__/values", tenant=tenant, **start, **params)
        _, labels = await api.get("labels", tenant=tenant, **start, **params)
        assert labels == (["__name__"] if values else [])
        matchers = {"match[]": '{__name__=~".+"}'}
        _, series = await api.get("series", tenant=tenant, **matchers, **start, **params)
        assert [labels["__name__"] for labels in series] == values
        return list(values)

    async def scenario(api: RealApi, now_s: float) -> None:
        assert await names(api, "free") == ["both", "new", "old"]
        assert await names(api, "recent") == ["both", "new"]
        assert await names(api, "free", end=now_s - 5_400) == ["both", "old"]
        assert await names(api, "recent", end=now_s - 5_400) == []
        for tenant, found in (("free", 1), ("recent", 0)):
            params = {"match[]": "old", "start": now_s - 9_000, "end": now_s - 5_000}
            _, data = await api.get("status/replicas", tenant=tenant, **params)
            assert len(data["groups"]) == found

    play(tmp_path, scenario)
