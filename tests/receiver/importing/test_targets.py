"""A server as target: what each of its answers means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import snappy
from aiohttp import web
from aiohttp.test_utils import TestServer

from receiver.importing import targets
from receiver.importing.errors import TargetError
from receiver.importing.parts import Report
from receiver.importing.targets import ServerTarget, seconds_of
from tests.makers.batches import label as label_field
from tests.makers.batches import series_of

Answer = tuple[int, str, dict[str, str]]
BODY = series_of(label_field(b"__name__", b"m"))


def send(answers: Sequence[Answer], report: Report) -> list[tuple[bytes, str]]:
    """Send a body to a server that gives these answers; what came: (body, tenant)."""
    came: list[tuple[bytes, str]] = []
    waiting = list(answers)

    async def serve(request: web.Request) -> web.Response:
        came.append((snappy.decompress(await request.read()), request.headers["X-Scope-OrgID"]))
        status, text, headers = waiting.pop(0)
        return web.Response(status=status, text=text, headers=headers)

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/api/v1/write", serve)
        async with TestServer(app) as server:
            url = str(server.make_url("/api/v1/write"))
            async with ServerTarget(url, {"X-Scope-OrgID": "edge"}, report) as target:
                await target.send(target.prepare(BODY))

    asyncio.run(run())
    assert not waiting
    return came


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "WAIT_SECONDS", 0.001)


@pytest.mark.parametrize(
    "answers",
    [
        [(204, "", {})],
        [(200, "", {})],
        [(503, "busy", {"Retry-After": "0"}), (429, "rate", {}), (500, "", {}), (204, "", {})],
    ],
)
def test_what_is_busy_is_asked_again(answers: list[Answer]) -> None:
    report = Report()
    assert send(answers, report) == [(BODY, "edge")] * len(answers)
    assert report.lines() == []


def test_what_is_refused_is_reported() -> None:
    report = Report()
    send([(400, "2 samples are too old\n", {})], report)
    assert report.lines() == [
        "not imported: 1 requests refused in whole or in part",
        "    2 samples are too old",
    ]


def test_a_wait_is_as_long_as_the_server_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def recorded(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(targets.asyncio, "sleep", recorded)
    send(
        [(503, "", {"Retry-After": "7"}), (429, "", {"Retry-After": "x"}), (204, "", {})], Report()
    )
    assert 7.0 in waits
    assert waits[-1] < 1


@pytest.mark.parametrize("status", [401, 403, 404, 413, 415])
def test_other_answers_end_the_import(status: int) -> None:
    with pytest.raises(TargetError, match=f"answers {status}: why"):
        send([(status, "why", {})], Report())


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PATIENCE_SECONDS", 10.0)
    with pytest.raises(TargetError, match="took nothing for 0 s: 503: busy"):
        send([(503, "busy", {"Retry-After": "11"})], Report())


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PATIENCE_SECONDS", 0.01)

    async def run() -> None:
        async with ServerTarget("http://127.0.0.1:1/api/v1/write", {}, Report()) as target:
            await target.send(target.prepare(BODY))

    with pytest.raises(TargetError, match="took nothing"):
        asyncio.run(run())


@pytest.mark.parametrize(("text", "seconds"), [(None, 0), ("3", 3), ("-1", 0), ("Mon, 1", 0)])
def test_retry_after(text: str | None, seconds: float) -> None:
    assert seconds_of(text) == seconds
