"""Passing requests on: two processes of one server, as two applications that meet at sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from receiver.access.grants import Grant
from receiver.access.guard import GRANT
from receiver.processes.identity import grant_of_inner, is_inner, mark_inner
from receiver.processes.passing import Passing, PassingMetrics, tenants_of
from receiver.processes.peers import NoAnswer, Part, Peers
from receiver.processes.place import Place
from receiver.processes.sockets import Meeting
from receiver.settings.options import WebOptions
from storage.tenants.placement import Share

PATIENCE_S = 120.0
OPTIONS = WebOptions()
# Of two shards, by the rule of names.
FIRST, SECOND, THIRD = "tenant-2", "a", "b"
GRANTED = Grant(frozenset(("read", "write")), tenants=frozenset((FIRST, SECOND)), name="who")


@dataclass
class Seen:
    """What the handlers of a process were asked."""

    requests: list[tuple[str, str, bytes, str, str]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Process:
    """One of the two. url: where clients reach it."""

    number: int
    url: str
    seen: Seen
    passing: Passing
    metrics: PassingMetrics
    runner: web.AppRunner


Scenario = Callable[[list[Process], aiohttp.ClientSession], Awaitable[None]]


def handlers(app: web.Application, seen: Seen, number: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        tenants = "|".join(tenants_of(request.headers))
        seen.requests.append((request.method, tenants, body, GRANT.get().name, str(request.remote)))
        headers = {"X-Number": str(number), "Content-Encoding": "none"}
        return web.Response(body=body or b"nothing", status=207, headers=headers)

    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in range(40):
            await response.write(bytes([piece]) * 100_000)
        if "cut" in request.query:
            assert request.transport is not None
            request.transport.abort()
        return response

    async def endless(request: web.Request) -> web.Response:
        seen.begun.set()
        while request.transport is not None:
            await asyncio.sleep(0.01)
        seen.left.set()
        return web.Response()

    async def part(request: web.Request) -> web.Response:
        own = {"number": number, "who": GRANT.get().name}
        if "user_stats" in request.path:
            own["tenants"] = "|".join(tenants_of(request.headers))
        return web.json_response({"data": own})

    async def stop(request: web.Request) -> web.Response:
        return web.json_response([number, request.rel_url.raw_path.rpartition("/")[2]])

    app.router.add_route("*", "/api/v1/series", answer)
    app.router.add_route("*", "/api/v1/read", answer)
    app.router.add_route("*", "/api/v1/query", large)
    app.router.add_route("*", "/api/v1/labels", endless)
    app.router.add_get("/api/v1/status/tenants", part)
    app.router.add_get("/api/v1/user_stats", part)
    app.router.add_get("/api/v1/rules", answer)
    app.router.add_delete("/api/v1/status/active_queries/{id}", stop)


@web.middleware
async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
    GRANT.set(grant_of_inner(request) or GRANTED)
    answer: web.StreamResponse = await handler(request)
    return answer


def joined(request: web.Request, parts: Any) -> web.Response:
    found = [
        str(each) if isinstance(each, NoAnswer) else json.loads(each.body)["data"]
        for each in parts
        if isinstance(each, Part | NoAnswer)
    ]
    return web.json_response(found)


@asynccontextmanager
async def process(number: int, data: Path, runs: list[int]) -> AsyncIterator[Process]:
    meeting, seen = Meeting(data), Seen()
    peers = Peers(meeting, 2, head_bytes_max=OPTIONS.head_bytes_max)
    metrics = PassingMetrics(CollectorRegistry())
    place = Place(Share(number, 2), shards=2)
    mergers = {"/api/v1/status/tenants": joined, "/api/v1/user_stats": joined}
    passing = Passing(place, lambda: peers, mergers, metrics, lambda: b"")
    app = web.Application(middlewares=[guard])
    passing.install(app)
    handlers(app, seen, number)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = runner.server
    assert server is not None

    def connection() -> asyncio.Protocol:
        handler = server()
        mark_inner(handler, OPTIONS)
        return handler

    inner = None
    if number in runs:
        loop = asyncio.get_running_loop()
        inner = await loop.create_unix_server(connection, sock=meeting.listen(number))
    port = runner.addresses[0][1]
    yield Process(number, f"http://127.0.0.1:{port}", seen, passing, metrics, runner)
    await peers.close()
    if inner is not None:
        inner.close()
    await runner.cleanup()
    meeting.close()


def play(data: Path, scenario: Scenario, *, runs: tuple[int, ...] = (0, 1)) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            process(0, data, list(runs)) as first,
            process(1, data, list(runs)) as second,
            aiohttp.ClientSession(auto_decompress=False) as client,
        ):
            await scenario([first, second], client)

    asyncio.run(main())


def of(tenant: str) -> dict[str, str]:
    return {"X-Scope-OrgID": tenant}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_request_is_answered_by_who_has_its_tenant(tmp_path: Path, method: str) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        for accepting in processes:
            for owner, tenant in enumerate((FIRST, SECOND)):
                body = b"x" * 70_000 if method in ("POST", "PUT") else b""
                url = f"{accepting.url}/api/v1/series?a=%2Fb"
                async with client.request(method, url, data=body, headers=of(tenant)) as answer:
                    assert (answer.status, answer.reason) == (207, "Multi-Status")
                    assert answer.headers.getall("X-Number") == [str(owner)]
                    assert answer.headers["Content-Encoding"] == "none"
                    assert await answer.read() == (body or b"nothing")
        for owner, tenant in enumerate((FIRST, SECOND)):
            seen = processes[owner].seen.requests
            assert [(r[0], r[1], len(r[2]), r[3]) for r in seen] == [
                (method, tenant, 70_000 if method in ("POST", "PUT") else 0, "who")
            ] * 2
            assert {r[4] for r in seen} == {"127.0.0.1"}
            assert processes[owner].metrics.passed._value.get() == 1

    play(tmp_path, scenario)


def test_tenants_of_two_processes_are_read_by_who_accepted_it(tmp_path: Path) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        both = f"{FIRST}|{SECOND}"
        for number, accepting in enumerate(processes):
            async with client.get(f"{accepting.url}/api/v1/series", headers=of(both)) as answer:
                assert (answer.status, answer.headers["X-Number"]) == (207, str(number))
            assert accepting.seen.requests[-1][1] == both
            assert accepting.metrics.passed._value.get() == 0

    play(tmp_path, scenario)


def test_rules_of_two_processes_are_refused_by_name(tmp_path: Path) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        url = f"{processes[0].url}/api/v1/rules"
        async with client.get(url, headers=of(f"{FIRST}|{SECOND}")) as answer:
            assert answer.status == 422
            error = (await answer.json())["error"]
            assert f"process 0: {FIRST}; process 1: {SECOND}" in error
        async with client.get(url, headers=of(f"{SECOND}|{THIRD}")) as answer:
            assert (answer.status, answer.headers["X-Number"]) == (207, "1")

    play(tmp_path, scenario)


def test_what_is_gathered_is_asked_of_each_for_its_tenants(tmp_path: Path) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        url = f"{processes[0].url}/api/v1/user_stats"
        named = {"THANOS-TENANT": f"{FIRST}|{SECOND}|{THIRD}"}
        async with client.get(url, headers=named) as answer:
            found = await answer.json()
        assert [each["tenants"] for each in found] == [FIRST, f"{SECOND}|{THIRD}"]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("asked", "owner", "seen"), [("0", 0, "0"), ("1", 1, "0"), ("6", 0, "3"), ("7", 1, "3"),
                                 ("x", 0, "x"), ("9" * 30, 0, "9" * 30)],
)  # fmt: skip
def test_an_id_goes_to_the_process_that_gave_it(
    tmp_path: Path, asked: str, owner: int, seen: str
) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        url = f"{processes[0].url}/api/v1/status/active_queries/{asked}"
        async with client.delete(url, headers=of(SECOND)) as answer:
            assert await answer.json() == [owner, seen]

    play(tmp_path, scenario)


def test_a_large_answer_comes_whole_or_is_cut_off(tmp_path: Path) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        url = f"{processes[0].url}/api/v1/query"
        async with client.get(url, headers=of(SECOND)) as answer:
            assert await answer.read() == b"".join(bytes([n]) * 100_000 for n in range(40))
        with pytest.raises(aiohttp.ClientError):
            async with client.get(f"{url}?cut=1", headers=of(SECOND)) as answer:
                await answer.read()

    play(tmp_path, scenario)


def test_a_client_that_leaves_takes_its_request_with_it(tmp_path: Path) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        url, seen = f"{processes[0].url}/api/v1/labels", processes[1].seen
        asking = asyncio.ensure_future(client.get(url, headers=of(SECOND)))
        await seen.begun.wait()
        asking.cancel()
        await seen.left.wait()
        while processes[0].passing.under_way:
            await asyncio.sleep(0.01)

    play(tmp_path, scenario)


def test_who_is_not_there_is_told_of(tmp_path: Path) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        for path, kind in (("query", "application/json"), ("read", "text/plain")):
            url = f"{processes[0].url}/api/v1/{path}"
            async with client.post(url, headers=of(SECOND), data=b"x") as answer:
                assert (answer.status, answer.content_type) == (503, kind)
                assert 1 <= int(answer.headers["Retry-After"]) <= 5
                assert "process 1 of this server does not answer" in await answer.text()
        assert processes[0].metrics.failed._value.get() == 2
        async with client.get(f"{processes[0].url}/api/v1/status/tenants") as answer:
            own, other = await answer.json()
            assert own == {"number": 0, "who": "who"}
            assert other.startswith("process 1 of this server does not answer")
        url, both = f"{processes[0].url}/api/v1/user_stats", f"{FIRST}|{SECOND}"
        async with client.get(url, headers=of(both)) as answer:
            assert [isinstance(each, str) for each in await answer.json()] == [False, True]

    play(tmp_path, scenario, runs=(0,))


def test_all_are_asked_for_what_is_of_all(tmp_path: Path) -> None:
    async def scenario(processes: list[Process], client: aiohttp.ClientSession) -> None:
        for accepting in processes:
            async with client.get(f"{accepting.url}/api/v1/status/tenants") as answer:
                found = await answer.json()
                assert found == [{"number": n, "who": "who"} for n in (0, 1)]

    play(tmp_path, scenario)


def test_connections_of_clients_are_not_those_of_processes() -> None:
    async def main() -> None:
        told = []

        async def handler(request: web.Request) -> web.Response:
            told.append(is_inner(request))
            return web.Response()

        app = web.Application()
        app.router.add_get("/", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as client, client.get(url):
            pass
        await runner.cleanup()
        assert told == [False]

    asyncio.run(main())
