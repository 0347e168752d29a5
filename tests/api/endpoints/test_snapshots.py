"""Snapshots over HTTP: codes and texts as Prometheus has them, and servers started on them."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.makers.real_api import RealApi, run_real_api, started_api

ADMIN = {"web__enable_admin_api": "true"}
PATH = "/api/v1/admin/tsdb/snapshot"
NAME = re.compile("[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")
UNPARSED = "unable to parse boolean: strconv.ParseBool: parsing"


async def take(api: RealApi, method: str = "POST", **more: Any) -> tuple[int, dict[str, Any]]:
    async with api.client.request(method, PATH, **more) as response:
        return response.status, orjson.loads(await response.read())


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("value", "wanted"), [("", True), ("1", True), ("false", True), ("maybe", False)]
)
def test_codes_and_texts(tmp_path: Path, method: str, value: str, *, wanted: bool) -> None:
    async def scenario(api: RealApi) -> None:
        for more in ({"params": {"skip_head": value}}, {"data": {"skip_head": value}}):
            status, answer = await take(api, method, **more)
            if wanted:
                assert (status, answer["status"]) == (200, "success")
                assert NAME.fullmatch(answer["data"]["name"])
                assert list(answer["data"]) == ["name"]
                continue
            error = f'invalid parameter "skip_head": {UNPARSED} "maybe": invalid syntax'
            assert (status, answer["errorType"], answer["error"]) == (400, "bad_data", error)

    run_real_api(tmp_path, scenario, **ADMIN)
    assert len(list(tmp_path.glob("snapshots/*"))) == (2 if wanted else 0)


def test_without_the_switch_there_is_none(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        status, answer = await take(api)
        assert (status, answer["errorType"], answer["error"]) == (
            500, "unavailable", "admin APIs disabled",
        )  # fmt: skip

    run_real_api(tmp_path, scenario)
    assert not (tmp_path / "snapshots").exists()


async def everything(api: RealApi, end: int) -> list[Any]:
    """What several tenants are answered, at a moment."""
    queries = ({"query": '{i=~".+"}[1h]', "time": end}, {"query": "sum(up)", "time": end})
    answers = [
        await api.get("query", tenant=tenant, **query) for tenant in "tu" for query in queries
    ]
    return [*answers, await api.get("series", **{"match[]": "up"}), await api.get("metadata")]


def test_a_server_started_on_it_answers_as_the_original_did(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with started_api(tmp_path, **ADMIN) as api:
            for second in range(20):
                point = [(second * 1000, float(second))]
                for tenant in "tu":
                    await api.write(
                        ({"__name__": "up", "i": f"{second % 3}"}, point), tenant=tenant
                    )
            then = await everything(api, 20)
            _, answer = await take(api)
            for second in range(20, 40):
                await api.write(({"__name__": "up", "i": "new"}, [(second * 1000, 1.0)]))
            assert await everything(api, 20) != then, "a new series is there by now"
            path = tmp_path / "snapshots" / answer["data"]["name"]
            async with started_api(path) as copy:
                assert await everything(copy, 20) == then

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    (line,) = [line for line in caplog.messages if line.startswith("snapshot taken")]
    assert "skip_head=False author=''" in line


def test_with_writes_going_on_it_is_of_one_moment(tmp_path: Path) -> None:
    """Each series gets one sample after the other; a snapshot has all that were acknowledged when
    it was asked for, none that were sent after it was there, and no gap."""

    async def write(api: RealApi, tenant: str, written: list[int], until: asyncio.Event) -> None:
        while not until.is_set():
            at = len(written)
            await api.write(({"__name__": "up"}, [(at * 1000, float(at))]), tenant=tenant)
            written.append(at)

    async def scenario() -> None:
        async with started_api(tmp_path, **ADMIN) as api:
            until = asyncio.Event()
            written: dict[str, list[int]] = {"t": [], "u": []}
            writers = [asyncio.create_task(write(api, t, written[t], until)) for t in "tu"]
            while min(map(len, written.values())) < 10:
                await asyncio.sleep(0)
            before = {tenant: len(written[tenant]) for tenant in "tu"}
            status, answer = await take(api)
            assert status == 200, answer
            after = {tenant: len(written[tenant]) for tenant in "tu"}
            until.set()
            await asyncio.gather(*writers)
        async with started_api(tmp_path / "snapshots" / answer["data"]["name"]) as copy:
            for tenant in "tu":
                (row,) = await copy.query("up[1d]", time=80_000, tenant=tenant)
                times = [at for at, _ in row["values"]]
                assert times == list(range(len(times)))
                assert before[tenant] <= len(times) <= after[tenant] + 1

    asyncio.run(scenario())
