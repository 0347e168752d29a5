"""Lists are kept as long as they are true, and no longer: over the whole program."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from api.frontend.lists import Lists
from api.frontend.options import ListOptions
from storage.labels.matchers import Matcher
from tests.makers.databases import opened, series, write
from tests.makers.real_api import RealApi, run_real_api

NOW_S = time.time_ns() // 1_000_000_000 // 60 * 60
HOUR_S = 3600
ADMIN = {"web__enable_admin_api": "true"}


def up(i: str, *ages_s: int, **labels: str) -> Any:
    """A series with samples of so many seconds ago."""
    points = sorted(((NOW_S - age) * 1000, 1.0) for age in ages_s)
    return ({"__name__": "up", "i": i, **labels}, points)


class Asking:
    """Asks for the values of a label of the last hour, and counts what was kept of that."""

    def __init__(self, api: RealApi) -> None:
        self.api = api

    async def values(self, **params: Any) -> list[str]:
        asked = {"start": str(NOW_S - HOUR_S), "end": str(NOW_S + 60)} | params
        status, data = await self.api.get("label/i/values", **asked)
        assert status == 200
        return data

    async def outcomes(self) -> dict[str, int]:
        async with self.api.client.get("/metrics") as response:
            text = await response.text()
        found = re.findall(r'cupola_list_cache_requests_total\{outcome="(\w+)"\} ([\d.]+)', text)
        return {name: int(float(count)) for name, count in found}


def test_a_list_is_kept_while_its_series_go_on(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        asking = Asking(api)
        await api.write(up("1", 60), up("2", 50))
        assert await asking.values() == ["1", "2"]
        await api.write(up("1", 30), up("2", 20))
        assert await asking.values() == ["1", "2"]
        assert await asking.outcomes() == {"miss": 1, "hit": 1}
        await api.write(up("3", 10))
        assert await asking.values() == ["1", "2", "3"]
        assert await asking.outcomes() == {"miss": 1, "hit": 1, "stale": 1}

    run_real_api(tmp_path, scenario)


def test_a_list_that_lacks_a_series_goes_with_a_write_to_its_time(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        asking = Asking(api)
        await api.write(up("1", 60), up("old", 3 * HOUR_S))
        assert await asking.values() == ["1"]
        await api.write(up("old", 4 * HOUR_S))  # out of the time that is asked for
        assert await asking.values() == ["1"]
        await api.write(up("old", 40))
        assert await asking.values() == ["1", "old"]
        assert await asking.outcomes() == {"miss": 1, "hit": 1, "stale": 1}

    run_real_api(tmp_path, scenario)


def test_replicas_are_one_series_of_a_list(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        asking = Asking(api)
        await api.write(up("1", 60, replica="a"), up("1", 55, replica="b"))
        for age_s in (30, 20):
            assert await asking.values() == ["1"]
            await api.write(up("1", age_s, replica="a"))
        assert await asking.outcomes() == {"miss": 1, "hit": 1}

    run_real_api(tmp_path, scenario)


def test_what_is_deleted_is_seen_at_once(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        asking = Asking(api)
        await api.write(up("1", 60), up("2", 50))
        assert await asking.values() == ["1", "2"]
        url = "/api/v1/admin/tsdb/delete_series"
        params, headers = {"match[]": 'up{i="1"}'}, {"X-Scope-OrgID": "t"}
        async with api.client.post(url, params=params, headers=headers) as response:
            assert response.status == 204
        assert await asking.values() == ["2"]

    run_real_api(tmp_path, scenario, **ADMIN)


@pytest.mark.parametrize("path", ["labels", "series", "label/i/values"])
def test_requests_that_differ_have_lists_of_their_own(path: str, tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await api.write(up("1", 60), up("2", 50))
        await api.write(up("3", 60, only="u"), tenant="u")
        seen = []
        for _ in range(2):
            for tenant in ("t", "u", "t|u"):
                for more in ({}, {"limit": "1"}, {"match[]": 'up{i="2"}'}, {"dedup": "false"}):
                    params = {"match[]": "up"} | more
                    seen.append(await api.get(path, tenant=tenant, **params))
        assert seen[:12] == seen[12:]
        outcomes = await Asking(api).outcomes()
        assert (outcomes["miss"], outcomes["hit"]) == (12, 12)

    run_real_api(tmp_path, scenario)


def test_a_request_may_refuse_what_is_kept(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        asking = Asking(api)
        await api.write(up("1", 60))
        for _ in range(2):
            assert await asking.values(nocache="1") == ["1"]
        assert await asking.outcomes() == {}

    run_real_api(tmp_path, scenario)


class Aged:
    """Lists of a database, with a clock of their own."""

    def __init__(self, database: Any, **options: Any) -> None:
        self.now_s = 0.0
        self.registry = CollectorRegistry()
        self.lists = Lists(ListOptions(**options), self.registry, lambda: self.now_s)
        self._database = database
        self.made = 0

    def ask(self, text: bytes = b"text") -> bytes:
        querier = self._database.querier("t", replica_labels=(), dedup=True)

        def make() -> Any:
            querier.series([(Matcher("__name__", "=", "up"),)], 0, 100)
            self.made += 1
            return iter([text[:2], text[2:]])

        answer = self.lists.answer(querier, ("t", "key"), (0, 100), make)
        return b"".join(answer)


def test_lists_grow_old_and_too_large(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(10, 1.0)], i="1")])
        asking = Aged(database, bytes_max=20_000, age_ms=60_000)
        assert [asking.ask(), asking.ask()] == [b"text", b"text"]
        assert asking.made == 1
        asking.now_s = 61.0
        asking.ask()
        assert asking.made == 2
        large = Aged(database, bytes_max=20_000, age_ms=60_000)
        text = bytes(5_000)
        assert [large.ask(text), large.ask(text)] == [text, text]
        assert large.made == 2
        none = Aged(database, bytes_max=0)
        none.ask()
        none.ask()
        assert none.made == 2
