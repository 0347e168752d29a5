"""The other processes, as one of them asks them: HTTP over their sockets.

A process that does not answer is not waited for: it may be gone, and who asked is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

from receiver.access.grants import Grant
from receiver.processes.identity import PART_HEADER, passed_headers
from receiver.processes.sockets import Meeting
from storage.tenants.tenant import ORG_HEADER, TENANT_HEADERS

# Connections between two processes that are kept; more are made as they are needed.
CONNECTIONS_MAX = 0
# Less than the other side gives them, so that none is used that is just being closed.
KEEPALIVE_S = 60.0
PART_TIMEOUT_S = 30.0
READ_BYTES = 1 << 18
LOST = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


class NoAnswer(Exception):
    """A process did not answer, or not to the end; str() says which."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one process has answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Peers:
    """All processes of a server, this one included. Belongs to one event loop."""

    def __init__(self, meeting: Meeting, count: int, *, head_bytes_max: int) -> None:
        self.count = count
        self._sessions = [
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(
                    meeting.address(number), limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_S
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=PART_TIMEOUT_S),
                auto_decompress=False,
                read_bufsize=READ_BYTES,
                max_line_size=head_bytes_max,
                max_field_size=head_bytes_max,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            for number in range(count)
        ]

    async def close(self) -> None:
        for session in self._sessions:
            await session.close()

    @asynccontextmanager
    async def passed_on(
        self, number: int, request: web.Request, grant: Grant
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer of a process to a request, once it begins. Raises NoAnswer."""
        asked = self._sessions[number].request(
            request.method,
            inner_url(request),
            headers=passed_headers(request, grant),
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        )
        try:
            answer = await asked
        except LOST as error:
            raise no_answer(number, error) from error
        try:
            yield answer
        finally:
            # One that was not read to its end is closed: so the other side learns of it.
            answer.close() if not answer.content.is_eof() else answer.release()

    async def part(
        self, number: int, request: web.Request, grant: Grant, tenants: Sequence[str] = ()
    ) -> Part:
        """What a process has itself of what a GET asks for, of these tenants if any are named.
        Raises NoAnswer."""
        headers = passed_headers(request, grant)
        if tenants:
            for name in TENANT_HEADERS:
                headers.popall(name, None)
            headers[ORG_HEADER] = "|".join(tenants)
        headers[PART_HEADER] = "1"
        headers.popall("Accept-Encoding", None)
        try:
            async with (
                asyncio.timeout(PART_TIMEOUT_S),
                self._sessions[number].get(inner_url(request), headers=headers) as answer,
            ):
                return Part(answer.status, answer.headers, await answer.read())
        except LOST as error:
            raise no_answer(number, error) from error

    async def parts(self, request: web.Request, grant: Grant) -> list[Part | NoAnswer]:
        """Those of all processes, by their numbers."""
        return await gathered(self.part(n, request, grant) for n in range(self.count))

    async def parts_of(
        self, owners: Mapping[int, Sequence[str]], request: web.Request, grant: Grant
    ) -> list[Part | NoAnswer]:
        """Those of some processes, each of tenants of its own, in this order."""
        asked = (self.part(n, request, grant, tenants) for n, tenants in owners.items())
        return await gathered(asked)


async def gathered(asked: Iterable[Awaitable[Part]]) -> list[Part | NoAnswer]:
    """What all have answered, or that they did not."""
    found = await asyncio.gather(*asked, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, NoAnswer):
            raise each
    return [each for each in found if isinstance(each, Part | NoAnswer)]


def inner_url(request: web.Request) -> URL:
    """The path of a request as it was sent, at a host that stands for any."""
    return URL(f"http://process{request.rel_url.raw_path_qs}", encoded=True)


def no_answer(number: int, error: BaseException) -> NoAnswer:
    # Where it was looked for is of no interest to clients.
    what = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return NoAnswer(f"process {number} of this server does not answer: {what}")
