"""The cases of the receiver suite of prometheus/compliance, against the whole program.

The suite tolerates a 400 nearly everywhere. Here every case that may succeed has to: 204 and the
exact counts, twice, the second time with later samples. Names of tests follow the suite's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from receiver.server import DATABASE, build_app
from receiver.settings.config import build
from receiver.write.handler import WRITTEN_HEADERS
from tests.makers.bodies.compliance import CASES, FAILING, up
from tests.makers.bodies.rich import WireSeries, body_v1, body_v2, compress

VERSION_1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
VERSION_2 = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
Answer = tuple[int, Mapping[str, str]]


class Program:
    """The program in a loop of its own thread, so that the cases are plain functions."""

    def __init__(self, directory: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._client = self._run(self._open(directory))
        self._last_ms = 0

    def now_ms(self) -> int:
        """The time, and later at each call."""
        self._last_ms = max(self._last_ms + 10, time.time_ns() // 1_000_000)
        return self._last_ms

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self._run(self._post(body, headers))

    def close(self) -> None:
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    async def _open(self, directory: str) -> TestClient[Any, Any]:
        app = build_app(build({"storage.path": directory, "storage.shards": "1"}))
        server = TestServer(app)
        await server.start_server(auto_decompress=False)
        client: TestClient[Any, Any] = TestClient(server)
        await app[DATABASE].opened()
        return client

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        request = self._client.post("/api/v1/write", data=body, headers=headers)
        async with request as response:
            await response.read()
            return response.status, dict(response.headers)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    running = Program(str(tmp_path_factory.mktemp("compliance")))
    yield running
    running.close()


def written(headers: Mapping[str, str]) -> tuple[int, ...]:
    return tuple(int(headers.get(name, 0)) for name in WRITTEN_HEADERS)


@pytest.mark.parametrize("name", CASES)
def test_a_case_that_may_succeed_does(program: Program, name: str) -> None:
    make, counts = CASES[name]
    for _ in range(2):
        body = compress(body_v2(make(program.now_ms())))
        status, headers = program.post(body, VERSION_2)
        assert (status, written(headers)) == (204, counts)
        assert {*WRITTEN_HEADERS} <= {*headers}


@pytest.mark.parametrize("name", FAILING)
def test_a_case_that_must_fail_does_and_the_rest_is_written(program: Program, name: str) -> None:
    make, counts = FAILING[name]
    for _ in range(2):
        status, headers = program.post(compress(body_v2(make(program.now_ms()))), VERSION_2)
        assert (status, written(headers)) == (400, counts)


@pytest.mark.parametrize("content_type", ["application/json", "image/png"])
def test_bad_content_types(program: Program, content_type: str) -> None:
    answer = program.post(b"0damaged", VERSION_2 | {"Content-Type": content_type})
    assert answer[0] == 415


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bad_content_encodings(program: Program, encoding: str) -> None:
    answer = program.post(b"0damaged", VERSION_2 | {"Content-Encoding": encoding})
    assert answer[0] == 415


@pytest.mark.parametrize("headers", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("first", [b"0", b"\xff"])
def test_corrupt_request_body(program: Program, headers: dict[str, str], first: bytes) -> None:
    body = compress(body_v2([WireSeries(up(), [(program.now_ms(), 1.0)])]))
    assert program.post(first + body[1:], headers)[0] == 400


def test_rw1_basic_compatibility(program: Program) -> None:
    t = program.now_ms()
    body = body_v1([WireSeries(up(f"rw1_{i}"), [(t, 1.0)]) for i in range(2)])
    status, headers = program.post(compress(body), VERSION_1)
    assert status == 204
    assert not {*WRITTEN_HEADERS} & {*headers}
