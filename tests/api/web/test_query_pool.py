"""Tests of turns: how many there are, how many wait for one, and how long."""

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from api.endpoints.handler import Slot, Terms
from api.errors import Unavailable
from api.metrics import ApiMetrics
from api.promql.bounds import Bound
from api.promql.errors import QueryCanceled, QueryTimeout
from api.web.query_pool import QueryPool, Share
from api.web.quick_jobs import QuickJobs
from storage.bucket.metrics import BucketMetrics
from storage.bucket.pieces import Pieces
from storage.segments.segment import file_sum
from tests.makers.buckets.databases import store_at


class Bench:
    """A pool of two turns with room for one that waits."""

    def __init__(self, quick: QuickJobs, share: Share, waiting_max: int = 1) -> None:
        self.registry = CollectorRegistry()
        self.pool = QueryPool(
            concurrency=2,
            waiting_max=waiting_max,
            share_of=lambda tenant: share if tenant == "held" else Share(),
            metrics=ApiMetrics(self.registry),
            quick=quick,
        )
        self.turns: list[Slot] = []
        self.release = asyncio.Event()

    async def hold(self, timeout_ms: int = 60_000, tenant: str = "") -> None:
        terms = within(timeout_ms)
        async with self.pool.turn(terms, client_left=lambda: False, tenant=tenant) as turn:
            self.turns.append(turn)
            await self.release.wait()

    def sample(self, name: str) -> float:
        return self.registry.get_sample_value(f"cupola_api_requests_{name}") or 0.0


def run(
    test: Callable[[Bench], Awaitable[None]],
    quick: QuickJobs | None = None,
    share: Share | None = None,
    waiting_max: int = 1,
) -> None:
    """quick: where not given, everything is quick, however busy the machine is; share: of the
    tenant "held"."""

    async def main() -> None:
        bench = Bench(quick or QuickJobs(quick_s=60.0), share or Share(), waiting_max)
        await test(bench)
        bench.pool.close()

    asyncio.run(main())


def slot() -> Slot:
    return Slot(60_000, 0.0, lambda: False)


IN_QUEUE = r"^query timed out in query queue \(limit: query\.timeout=1?0 ms\)$"


def within(timeout_ms: int) -> Terms:
    return Terms(Bound(timeout_ms, "query.timeout", "ms"))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_turns_are_bounded_and_so_is_the_queue() -> None:
    async def check(bench: Bench) -> None:
        held = [asyncio.create_task(bench.hold()) for _ in range(3)]
        await settle()
        assert len(bench.turns) == 2
        assert bench.sample("running") == 2
        assert bench.sample("waiting") == 1
        with pytest.raises(
            Unavailable,
            match=r"max-concurrency=2 are running and api\.max-waiting-requests=1 are waiting",
        ):
            await bench.hold()
        assert bench.sample("rejected_total") == 1
        bench.release.set()
        await asyncio.gather(*held)
        assert len(bench.turns) == 3
        assert all(turn.cancelled() for turn in bench.turns)
        assert bench.sample("running") == bench.sample("waiting") == 0
        await bench.hold()

    run(check)


def test_a_tenant_may_have_less_of_the_places_and_of_the_queue() -> None:
    places = Bound(1, "max_concurrent_queries", place="limits.file")
    waiting = Bound(2, "max_outstanding_requests_per_tenant", place="limits.file")

    async def check(bench: Bench) -> None:
        held = [asyncio.create_task(bench.hold(tenant="held")) for _ in range(3)]
        await settle()
        assert len(bench.turns) == 1
        error = r"2 of the tenant are waiting \(limit: max_outstanding_requests_per_tenant=2 in li"
        with pytest.raises(Unavailable, match=error):
            await bench.hold(tenant="held")
        other = asyncio.create_task(bench.hold(tenant="other"))
        await settle()
        assert len(bench.turns) == 2
        bench.release.set()
        await asyncio.gather(*held, other)

    run(check, share=Share(places, waiting), waiting_max=9)


def test_a_tenant_without_a_place_is_refused_by_the_name_of_its_limit() -> None:
    async def check(bench: Bench) -> None:
        held = [asyncio.create_task(bench.hold(tenant="held")) for _ in range(2)]
        await settle()
        error = r"\(limit: own=1\) and api\.max-waiting-requests=1 are waiting"
        with pytest.raises(Unavailable, match=error):
            await bench.hold(tenant="held")
        bench.release.set()
        await asyncio.gather(*held)

    run(check, share=Share(Bound(1, "own")))


def test_waiting_is_part_of_the_timeout() -> None:
    async def check(bench: Bench) -> None:
        held = [asyncio.create_task(bench.hold()) for _ in range(2)]
        await settle()
        with pytest.raises(QueryTimeout, match=IN_QUEUE):
            await bench.hold(timeout_ms=10)
        with pytest.raises(QueryTimeout, match=IN_QUEUE):
            await bench.hold(timeout_ms=0)
        bench.release.set()
        await asyncio.gather(*held)
        assert bench.turns[0].timeout_ms <= 60_000
        assert bench.turns[0].queued_seconds >= 0
        assert bench.sample("waiting") == 0

    run(check)


def test_a_waiter_that_is_cancelled_leaves_the_queue() -> None:
    async def check(bench: Bench) -> None:
        held = [asyncio.create_task(bench.hold()) for _ in range(3)]
        await settle()
        held[2].cancel()
        await settle()
        assert bench.sample("waiting") == 0
        bench.release.set()
        await asyncio.gather(*held[:2])
        await bench.hold()

    run(check)


def test_functions_run_in_threads_of_the_pool() -> None:
    async def check(bench: Bench) -> None:
        name = await bench.pool.run(lambda: threading.current_thread().name)
        assert name.startswith("api")

    run(check)


def test_a_client_that_left_cancels() -> None:
    async def check(bench: Bench) -> None:
        left = False
        async with bench.pool.turn(within(1_000), client_left=lambda: left) as turn:
            assert not turn.cancelled()
            left = True
            assert turn.cancelled()

    run(check)


def test_the_loop_does_what_was_quick_before() -> None:
    async def check(bench: Bench) -> None:
        names = []
        for _ in range(3):
            names.append(await bench.pool.run(current_thread, 1, slot()))
            await settle()
        assert names[0].startswith("api")
        assert names[1:] == [threading.current_thread().name] * 2
        assert (await bench.pool.run(current_thread, 2, slot())).startswith("api")
        assert (await bench.pool.run(current_thread)).startswith("api")

    run(check)


def test_the_loop_does_one_quick_job_a_round() -> None:
    async def check(bench: Bench) -> None:
        await bench.pool.run(current_thread, 1, slot())
        for _ in range(3):
            together = [bench.pool.run(current_thread, 1, slot()) for _ in range(4)]
            names = await asyncio.gather(*together)
            assert names.count(threading.current_thread().name) == 1

    run(check)


def test_what_grew_slow_goes_to_the_threads() -> None:
    seconds = iter([0.0, 0.0, 0.0, 9.0, 9.0, 9.0])  # when each of three jobs begins and ends
    waits = itertools.count()
    quick = QuickJobs(clock=lambda: next(seconds), usage=lambda: (0.0, next(waits)))

    async def check(bench: Bench) -> None:
        loop, found = threading.current_thread().name, []
        for _ in range(3):
            found.append(await bench.pool.run(current_thread, 1, slot()) == loop)
            await settle()
        assert found == [False, True, False]

    run(check, quick)


def current_thread() -> str:
    return threading.current_thread().name


def test_who_leaves_the_queue_is_not_waited_for() -> None:
    async def check(bench: Bench) -> None:
        held = [asyncio.create_task(bench.hold()) for _ in range(2)]
        await settle()
        left = False
        terms = within(60_000)

        async def ask() -> None:
            async with bench.pool.turn(terms, client_left=lambda: left):
                raise AssertionError("computed for no one")

        asked = asyncio.create_task(ask())
        await settle()
        assert bench.sample("waiting") == 1
        left = True
        with pytest.raises(QueryCanceled):
            await asked
        assert bench.sample("waiting") == 0
        bench.release.set()
        await asyncio.gather(*held)
        assert not bench.pool._turns.locked()

    run(check)


@pytest.mark.parametrize("rounds", range(6))
def test_no_place_is_lost_with_who_is_cancelled_as_it_gets_one(rounds: int) -> None:
    async def check(bench: Bench) -> None:
        held = [asyncio.create_task(bench.hold()) for _ in range(2)]
        await settle()
        waiter = asyncio.create_task(bench.hold())
        await settle()
        bench.release.set()
        for _ in range(rounds):
            await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(*held, waiter, return_exceptions=True)
        await settle()
        assert bench.pool._turns._free == 2

    run(check)


def test_what_was_quick_and_is_not_is_begun_anew_in_a_thread() -> None:
    """It looks whether it has to end, as if it had been at it for long."""

    async def check(bench: Bench) -> None:
        turn, names = slot(), []

        def job() -> str:
            names.append(current_thread())
            if turn.cancelled():
                raise QueryCanceled("given up")
            return names[-1]

        loop = threading.current_thread().name
        await bench.pool.run(job, 1, turn)
        await settle()
        assert await bench.pool.run(job, 1, turn) == loop
        await settle()
        bench.pool._quick.quick_s = -1.0
        assert (await bench.pool.run(job, 1, turn)).startswith("api")
        bench.pool._quick.quick_s = 60.0
        await settle()
        assert [name == loop for name in names] == [False, True, True, False]
        assert (await bench.pool.run(job, 1, turn)).startswith("api")

    run(check)


def test_the_loop_does_not_wait_for_the_bucket(tmp_path: Path) -> None:
    """What has to be fetched is fetched in a thread."""
    content = b"x" * 1_000
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "cache").mkdir()
    store = store_at(tmp_path / "bucket")
    store.put("a", content)
    metrics = BucketMetrics(CollectorRegistry())
    pieces = Pieces(store, tmp_path / "cache", 1 << 20, lambda ulid: True, metrics)
    file = pieces.file("U", "a", file_sum(tmp_path / "file"))
    is_wanted = False

    def job() -> str:
        if is_wanted:
            pieces.bring([(file, np.array([0]), np.array([len(content)]))])
        return current_thread()

    async def check(bench: Bench) -> None:
        nonlocal is_wanted
        loop = threading.current_thread().name
        await bench.pool.run(job, 1, slot())
        await settle()
        assert await bench.pool.run(job, 1, slot()) == loop
        await settle()
        is_wanted = True
        assert (await bench.pool.run(job, 1, slot())).startswith("api")
        await settle()
        assert await bench.pool.run(job, 1, slot()) == loop  # it is there now

    run(check)
    store.close()


def test_what_no_one_waits_for_is_not_begun_anew() -> None:
    async def check(bench: Bench) -> None:
        turn, left = Slot(60_000, 0.0, lambda: left), False

        def job() -> None:
            names.append(current_thread())
            if turn.cancelled():
                raise QueryCanceled("given up")

        names: list[str] = []
        await bench.pool.run(job, 1, turn)
        await settle()
        left = True
        with pytest.raises(QueryCanceled):
            await bench.pool.run(job, 1, turn)
        assert len(names) == 2

    run(check)
