"""One process among those of its server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry, Counter

from receiver.late_database import LateDatabase
from receiver.processes.company import Company
from receiver.processes.metrics import ENCODER, families_of
from receiver.processes.peers import NoAnswer, Part
from receiver.processes.place import ALONE, Place
from receiver.settings.config import build
from receiver.web.fast_lane import Answer
from storage.tenants.placement import Share, shard_of


def never() -> Any:
    raise AssertionError("not to be opened")


def company(path: Path, place: Place) -> Company:
    config = build({"storage.path": str(path)})
    return Company(place, config, CollectorRegistry(), LateDatabase(never))


@pytest.mark.parametrize(
    ("path", "tenant", "is_answered"),
    [
        ("/api/v1/query", "own", True),
        ("/prometheus/api/v1/query", "own", True),
        ("/api/v1/label/job/values", "own", True),
        ("/api/v1/query", "other", False),
        ("/api/v1/query", "own|other", False),
        ("/api/v1/label/job/values", "other", False),
        ("/api/v1/status/tenants", "own", False),
        ("/api/v1/status/segments", "own", False),
        ("/nothing", "own", False),
    ],
)
def test_the_fast_lane_is_for_what_is_here(
    tmp_path: Path, path: str, tenant: str, is_answered: bool
) -> None:
    own = next(t for t in map(str, range(99)) if shard_of(t, 2) == 1)
    other = next(t for t in map(str, range(99)) if shard_of(t, 2) == 0)

    def answer(
        path: str, query: str, headers: Mapping[str, str], client_left: Callable[[], bool]
    ) -> Answer | None:
        return Given()

    headers = {"X-Scope-OrgID": tenant.replace("own", own).replace("other", other)}
    lane = company(tmp_path, Place(Share(1, 2), shards=2)).lane(answer)
    assert (lane(path, "", headers, lambda: False) is not None) == is_answered
    assert company(tmp_path, ALONE).lane(answer) is answer


class Given:
    """An answer."""

    status, reason, headers, body = 200, "OK", {}, b""


def test_counters_of_a_process_that_is_gone_stay(tmp_path: Path) -> None:
    place = Place(Share(0, 2), shards=2)
    registry = CollectorRegistry()
    Counter("c", "Counts.", registry=registry).inc(3)
    families = list(families_of(registry.collect()))
    made = company(tmp_path, place)
    (tmp_path / "processes" / "1.metrics").write_bytes(ENCODER.encode(families))
    request = make_mocked_request("GET", "/metrics")
    part = Part(200, {}, ENCODER.encode(families))
    answer = made.merged_metrics(request, [part, NoAnswer("process 1 is away")])
    assert isinstance(answer.body, bytes)
    assert "c_total 6.0" in answer.body.decode().splitlines()


def test_who_is_alone_meets_no_one(tmp_path: Path) -> None:
    alone = company(tmp_path, ALONE)
    assert alone.listen() is None
    assert not (tmp_path / "processes").exists()
    with alone.warming():
        pass
    asyncio.run(alone.drained(0))


def test_the_first_warms_up_before_the_others(tmp_path: Path) -> None:
    first, second, third = (company(tmp_path, Place(Share(n, 3), shards=3)) for n in range(3))
    order = []

    async def main() -> None:
        holds, goes_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def of_first() -> None:
            with first.warming():
                loop.call_soon_threadsafe(holds.set)
                asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result()
                order.append(0)

        def of(other: Company) -> None:
            with other.warming():
                order.append(1)

        threads = [asyncio.create_task(asyncio.to_thread(of_first))]
        await holds.wait()
        threads += [asyncio.create_task(asyncio.to_thread(of, each)) for each in (second, third)]
        await asyncio.sleep(0.05)
        goes_on.set()
        await asyncio.gather(*threads)

    asyncio.run(main())
    assert order == [0, 1, 1]
