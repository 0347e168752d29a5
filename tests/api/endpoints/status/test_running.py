"""Requests of a running API: seen while they are computed, ended by others, and remembered."""

import asyncio
import threading
from typing import Any

from api.promql.errors import QueryCanceled
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.web.options import ApiOptions
from tests.makers.fake_store import Running, run_api


class EndlessEngine:
    """An engine whose queries compute until they are cancelled."""

    def __init__(self) -> None:
        self.options = EngineOptions()
        self.features = Features()
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def instant_query(self, queryable: Any, text: str, time_ms: int, **more: Any) -> Any:
        self.begun.release()
        while not more["cancelled"]():
            threading.Event().wait(0.001)
        self.ended.release()
        raise QueryCanceled("query was canceled in expression evaluation")


async def active(running: Running, tenant: str = "default") -> list[dict[str, Any]]:
    headers = {"X-Scope-OrgID": tenant}
    async with running.client.get("/api/v1/status/active_queries", headers=headers) as response:
        found: list[dict[str, Any]] = (await response.json())["data"]["queries"]
        return found


async def delete(running: Running, number: str, tenant: str = "default") -> tuple[int, bytes]:
    headers = {"X-Scope-OrgID": tenant}
    url = f"/api/v1/status/active_queries/{number}"
    async with running.client.delete(url, headers=headers) as response:
        return response.status, await response.read()


def test_a_query_is_seen_and_ended() -> None:
    engine = EndlessEngine()

    async def check(running: Running) -> None:
        headers = {"X-Dashboard-Uid": "d", "X-Panel-Id": "3"}
        asking = asyncio.ensure_future(
            running.client.get("/api/v1/query?query=up", headers=headers)
        )
        await asyncio.to_thread(engine.begun.acquire)
        (seen,) = await active(running)
        assert (seen["endpoint"], seen["query"], seen["tenants"]) == ("query", "up", ["default"])
        assert (seen["origin"]["dashboard"], seen["origin"]["panel"]) == ("d", "3")
        assert seen["seconds"] >= 0
        assert await active(running, "other") == []
        assert (await delete(running, seen["id"], "other"))[0] == 404
        assert (await delete(running, "nonsense"))[0] == 404
        assert await delete(running, seen["id"]) == (204, b"")
        async with await asking as response:
            assert response.status == 499
            assert (await response.json())["errorType"] == "canceled"
        assert await active(running) == []
        _, answer = await running.get("status/slow_queries", limit="1")
        (slow,) = answer["data"]["queries"]
        assert (slow["error"], slow["query"]) == ("QueryCanceled", "up")

    run_api(check, engine=engine, options=ApiOptions(slow_query_ms=1))


def test_nothing_is_computed_for_clients_that_have_gone() -> None:
    """Many break off at once; each query ends, those that waited too, and places are free again."""
    engine = EndlessEngine()
    engine.options = EngineOptions(max_concurrency=4)

    async def check(running: Running) -> None:
        writers = []
        for i in range(16):  # equal ones would be computed once
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(b"GET /api/v1/query?query=up%%2B%d HTTP/1.1\r\nHost: x\r\n\r\n" % i)
            writers.append(writer)
        for _ in range(4):
            await asyncio.to_thread(engine.begun.acquire)
        for writer in writers:
            writer.close()
        for _ in range(4):
            await asyncio.to_thread(engine.ended.acquire)
        for _ in range(1_000):
            busy = running.sample("cupola_api_requests_running")
            if busy + running.sample("cupola_api_requests_waiting") == 0:
                break
            await asyncio.sleep(0.01)
        assert busy == 0
        assert running.sample("cupola_api_requests_waiting") == 0
        assert await active(running) == []

    run_api(check, engine=engine)
