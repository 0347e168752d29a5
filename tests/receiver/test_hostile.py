"""Bodies that nobody should send, through the whole program: they are refused, or taken, and
nothing breaks."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.logs import is_own_fault
from tests.makers.bodies.edits import EDITS, Edit, edited
from tests.makers.bodies.hostile import (
    MIB,
    SEEDS,
    TAKEN,
    TYPE_1,
    TYPE_2,
    Case,
    compression_cases,
    label_cases,
    length_cases,
    reference_cases,
    wire_cases,
)
from tests.makers.bodies.hostile_histograms import number_cases
from tests.makers.bodies.hostile_trees import REQUEST, WRITE_REQUEST, change, encode, parse
from tests.makers.bodies.rich import compress
from tests.makers.real_api import RealApi, started_api

READ_TIMEOUT_MS = 300
LARGE_BYTES = 5_000
# What the process may hold more after large bodies came a second time: buffers that are kept for
# reuse (64 MiB), and what the allocator does not give back.
GROWTH_BYTES_MAX = 256 * MIB


class Program:
    """The program in this process, driven by an event loop of its own."""

    def __init__(self, api: RealApi, loop: asyncio.AbstractEventLoop, errors: list[str]) -> None:
        self.api = api
        self.errors = errors
        self._loop = loop

    def run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)

    async def post(self, case: Case) -> tuple[int, str]:
        headers = case.headers | {"X-Scope-OrgID": "hostile"}
        client = self.api.client
        async with client.post(
            "/api/v1/write", data=io.BytesIO(case.body), headers=headers
        ) as response:
            return response.status, await response.text()

    def check(self) -> None:
        """It works as before, and has logged no error."""
        self.run(self.api.write(({"__name__": "sound"}, [(1, 1.0)])))
        assert self.errors == []


class ErrorLog(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    log = ErrorLog()
    logging.getLogger().addHandler(log)
    # As the program does: bytes that are no HTTP are nobody's error.
    logging.getLogger("aiohttp.server").addFilter(is_own_fault)
    loop = asyncio.new_event_loop()
    directory = tmp_path_factory.mktemp("hostile")
    started = started_api(
        directory, write__read_timeout=f"{READ_TIMEOUT_MS}ms", storage__head__max_samples="20000"
    )
    api = loop.run_until_complete(started.__aenter__())
    yield Program(api, loop, log.texts)
    loop.run_until_complete(started.__aexit__(None, None, None))
    loop.close()
    logging.getLogger().removeHandler(log)
    logging.getLogger("aiohttp.server").removeFilter(is_own_fault)
    assert log.texts == []


@pytest.mark.parametrize(
    "cases",
    [compression_cases, label_cases, length_cases, wire_cases, reference_cases, number_cases],
)
def test_the_corpus(program: Program, cases: Callable[[], Iterator[Case]]) -> None:
    every = list(cases())

    async def post_all(cases: list[Case]) -> list[str]:
        wrong = []
        for case in cases:
            status, text = await program.post(case)
            if status not in case.statuses or not (text or status == 204):
                wrong.append(f"{case.name}: {status} {text[:200]!r}, not {case.statuses}")
        return wrong

    assert program.run(post_all(every)) == []
    # What a sender gets no answer to comes again; memory is warm then.
    before = resident_bytes()
    assert program.run(post_all([case for case in every if len(case.body) > LARGE_BYTES])) == []
    assert resident_bytes() - before < GROWTH_BYTES_MAX
    program.check()


def resident_bytes() -> int:
    text = Path("/proc/self/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


edits = st.builds(
    Edit,
    st.integers(0, EDITS - 1),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
)


@pytest.mark.parametrize("content_type", [TYPE_1, TYPE_2])
@given(data=st.data())
@settings(max_examples=300)
def test_edited_bodies(program: Program, content_type: str, data: st.DataObject) -> None:
    """Real bodies after a few random edits, under the headers of either version."""
    every = [body for bodies in SEEDS.values() for body in bodies]
    body, other = data.draw(st.sampled_from(every)), data.draw(st.sampled_from(every))
    raw = edited(body, data.draw(st.lists(edits, max_size=4)), other)
    packed = edited(compress(raw), data.draw(st.lists(edits, max_size=1)), other)
    status, text = program.run(program.post(Case("edited", packed, TAKEN, content_type)))
    assert status in (204, 400, 413), text
    assert program.errors == []


@given(rng=st.randoms(use_true_random=False), changes=st.integers(1, 4))
@settings(max_examples=400)
def test_changed_fields(program: Program, rng: random.Random, changes: int) -> None:
    """Real bodies with other fields and other numbers in them, while all lengths are right."""
    content_type, shape = rng.choice(((TYPE_1, WRITE_REQUEST), (TYPE_2, REQUEST)))
    tree = parse(rng.choice(SEEDS[content_type]), shape)
    for _ in range(changes):
        change(rng, tree)
    status, text = program.run(
        program.post(Case("changed", compress(encode(tree)), TAKEN, content_type))
    )
    assert status in (204, 400), text
    assert program.errors == []


def test_bodies_that_do_not_come(program: Program) -> None:
    """A body that stops on its way is answered in time, and takes nothing from others meanwhile."""
    url = program.api.client.make_url("/api/v1/write")
    head = (
        f"POST /api/v1/write HTTP/1.1\r\nHost: {url.host}\r\nContent-Encoding: snappy\r\n"
        f"Content-Type: {TYPE_1}\r\n"
    ).encode()
    beginnings = {
        b"Content-Length: 100000\r\n\r\nab": 503,
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab": 503,
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab": 400,
        b"Content-Length: -1\r\n\r\n": 400,
        b"Content-Length: 99999999999999999999\r\n\r\n": 400,
        b"Content-Length: 9999999999999\r\n\r\n": 413,
    }

    async def answer(beginning: bytes) -> int:
        reader, writer = await asyncio.open_connection(url.host, url.port, family=socket.AF_INET)
        writer.write(head + beginning)
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status

    async def all_answers() -> list[int]:
        return await asyncio.gather(*map(answer, [b for b in beginnings for _ in range(20)]))

    statuses = program.run(asyncio.wait_for(all_answers(), 60))
    assert statuses == [status for status in beginnings.values() for _ in range(20)]
    program.check()
