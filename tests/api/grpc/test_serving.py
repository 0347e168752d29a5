"""Calls of a program: hostile requests, callers that leave, deadlines, and what is counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc import aio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.thanos import stream as stream_module
from tests.api.endpoints.test_remote_read import fill
from tests.makers.bodies.rich import integer
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import (
    PATIENCE_S,
    StoreClient,
    matcher,
    series_request,
)
from tests.makers.thanos.program import run_store
from tests.twins.wire.v1 import message

EVERYTHING = [("__name__", "=~", ".+")]
SERIES = "thanos.Store/Series"
STREAMS = (
    SERIES,
    "thanos.Exemplars/Exemplars",
    "thanos.Metadata/MetricMetadata",
    "thanos.Rules/Rules",
    "thanos.Targets/Targets",
)
UNARY = (
    "thanos.info.Info/Info",
    "thanos.Store/LabelNames",
    "thanos.Store/LabelValues",
    "grpc.health.v1.Health/Check",
)
# What a request that cannot be understood, or that asks for too much, may end with.
CLEAR = {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "NOT_FOUND"}


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


def hostile_bodies() -> Iterator[bytes]:
    a = message(3, matcher("a", "=", "b"))
    yield from (b"\x00", b"\xff" * 20, b"\x0b\x0b", a[:-2], message(3, a), a * 2_000)
    yield message(3, matcher("a", "=~", "(" * 1_000))
    yield message(3, matcher("a", "=~", ".*" * 500 + "x"))
    yield message(3, matcher("\x00", "=", "\x00"))
    yield message(3, message(2, b"\xff\xfe") + message(3, b"\xff"))
    for number in (1, 2, 4, 15, 16):
        yield a + integer(number, (1 << 64) - 1)
        yield a + integer(number, (1 << 63) - 1)
    yield a + message(13, integer(1, 1 << 40) + integer(2, (1 << 63) - 1))
    yield a + message(14, b"") + message(14, b"x" * 100_000)


def test_hostile_requests_have_a_clear_end(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)

        async def end_of(method: str, body: bytes) -> str:
            if method in STREAMS:
                return (await client.status(method, body))[0].name
            try:
                await client.one(method, body)
            except aio.AioRpcError as error:
                return error.code().name
            return "OK"

        for body in hostile_bodies():
            for method in (*STREAMS, *UNARY):
                assert await end_of(method, body) in CLEAR, (method, body)

        found: list[bytes] = []

        @given(st.binary(max_size=60))
        @settings(max_examples=50, suppress_health_check=list(HealthCheck))
        def collect(body: bytes) -> None:
            found.append(body)

        collect()
        for body in found:
            for method in (*STREAMS, *UNARY):
                assert await end_of(method, body) in CLEAR, (method, body)
        # It is as it was.
        assert len((await client.series(EVERYTHING)).series) == 5

    run_store(tmp_path, check)


def test_requests_that_are_refused(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)
        large = series_request([*EVERYTHING, ("x", "!=", "y" * 5_000)])
        code, text = await client.status(SERIES, large)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED and "4096" in text
        assert (await client.status("thanos.Store/None", b""))[0] is grpc.StatusCode.UNIMPLEMENTED
        for tenant in ("a/b", ".", "x" * 200):
            other = StoreClient(client.channel, {"thanos-tenant": tenant})
            code, text = await other.status(SERIES, series_request(EVERYTHING))
            assert code is grpc.StatusCode.INVALID_ARGUMENT and "invalid tenant" in text
        many = StoreClient(client.channel, {"thanos-tenant": "|".join(map(str, range(20)))})
        code, text = await many.status(SERIES, series_request(EVERYTHING))
        assert code is grpc.StatusCode.INVALID_ARGUMENT and "max-federated-tenants" in text
        # Another tenant has nothing of it; both together have all, by tenant.
        other = StoreClient(client.channel, {"thanos-tenant": "other"})
        assert (await other.series(EVERYTHING)).series == []
        await api.write(({"__name__": "own"}, [(1, 1.0)]), tenant="other")
        both = StoreClient(client.channel, {"thanos-tenant": "t|other"})
        found = (await both.series(EVERYTHING)).labelsets
        assert [labels["__tenant_id__"] for labels in found].count("other") == 1
        assert len(found) == 6

    run_store(tmp_path, check, settings={"grpc__max_request_bytes": "4096"})


class Blocked:
    """Has the reading of blocks wait, and looks at whether someone waits for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_reading, self.may_go_on = threading.Event(), threading.Event()
        self.was_canceled = threading.Event()
        block = stream_module.SampleStream._block

        def slow(stream: stream_module.SampleStream, *more: object) -> object:
            self.is_reading.set()
            while not self.may_go_on.wait(0.01):
                if stream.turn.cancelled():
                    self.was_canceled.set()
                    break
            return block(stream, *more)  # type: ignore[arg-type]

        monkeypatch.setattr(stream_module.SampleStream, "_block", slow)


@pytest.mark.parametrize("ends", ["caller", "deadline"])
def test_work_ends_when_no_one_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    blocked = Blocked(monkeypatch)

    async def active(api: RealApi) -> list[str]:
        _, data = await api.get("status/active_queries")
        return [entry["endpoint"] for entry in data["queries"]]

    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)
        timeout = None if ends == "caller" else 2.0
        call = client.open(SERIES, series_request(EVERYTHING), timeout)
        reading = asyncio.ensure_future(call.read())
        if ends == "caller":
            await until(blocked.is_reading.is_set)
            assert SERIES in await active(api)
            call.cancel()
        with pytest.raises((asyncio.CancelledError, aio.AioRpcError)):
            await reading
        await until(lambda: blocked.was_canceled.is_set() or not blocked.is_reading.is_set())
        while await active(api):
            await asyncio.sleep(0.01)
        blocked.may_go_on.set()
        assert len((await client.series(EVERYTHING)).series) == 5

    run_store(tmp_path, check)


def test_no_more_streams_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = Blocked(monkeypatch)

    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)
        first = client.open(SERIES, series_request(EVERYTHING))
        reading = asyncio.ensure_future(first.read())
        await until(blocked.is_reading.is_set)
        code, _ = await client.status(SERIES, series_request(EVERYTHING))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        blocked.may_go_on.set()
        assert await reading

    run_store(tmp_path, check, settings={"grpc__max_concurrent_streams": "1"})


def test_a_query_may_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = Blocked(monkeypatch)

    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)
        ended = asyncio.ensure_future(client.status(SERIES, series_request(EVERYTHING)))
        await until(blocked.is_reading.is_set)
        _, data = await api.get("status/active_queries")
        (entry,) = [each for each in data["queries"] if each["endpoint"] == SERIES]
        url, headers = f"/api/v1/status/active_queries/{entry['id']}", {"X-Scope-OrgID": "t"}
        async with api.client.delete(url, headers=headers) as response:
            assert response.status < 300, await response.text()
        assert (await ended)[0] is grpc.StatusCode.CANCELLED

    run_store(tmp_path, check)


def test_calls_are_counted_as_requests_are(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await client.series(EVERYTHING)
        await client.status(SERIES, b"")
        await client.names()
        async with api.client.get("/metrics") as response:
            text = await response.text()
        name = f'cupola_api_request_duration_seconds_count{{endpoint="{SERIES}"}}'
        assert f"{name} 2.0" in text
        assert f'errors_total{{endpoint="{SERIES}",type="bad_data"}} 1.0' in text

    run_store(tmp_path, check)
