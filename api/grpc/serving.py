"""The way of a gRPC request: let in, wait for a turn, compute in a thread, send message by message.

Messages are computed about as fast as they are sent: while some are sent, the next ones are
computed, up to AHEAD_BYTES of them.

Invariant: a turn is held until no thread computes for it any more, also if the caller has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from multidict import CIMultiDict

from api.answers.encoding import Buffer
from api.endpoints.answer_guard import guarded
from api.endpoints.handler import Call, Job, Slot
from api.forms import Params
from api.grpc.statuses import Denied, status_of
from api.params import tenants_of
from api.promql.errors import QueryCanceled
from api.thanos.services import Method
from api.web.serving import Server

# What is computed before it is sent, beside what is being sent.
AHEAD_BYTES = 1 << 20
Blocks = Generator[Buffer, None, None]
# What grpc.aio hands a method of one call; it ships no types.
Context = Any
# Lets a caller in: takes what it says of itself, and its certificate; gives what counts of it.
# Raises Denied.
Admit = Callable[[CIMultiDict[str], Mapping[str, Any]], Awaitable[CIMultiDict[str]]]


@dataclass(slots=True)
class Waiting:
    """Whether someone waits for an answer."""

    has_left: bool = False


class Serving:
    """Turns handlers into those of grpc.aio, beside an HTTP server whose turns they take."""

    def __init__(self, server: Server, admit: Admit) -> None:
        self._server = server
        self._admit = admit

    def method(self, method: Method) -> Callable[[bytes, Context], Awaitable[Any]]:
        """The function of grpc.aio that serves a method."""
        return partial(self._serve, method) if method.streams else partial(self._one, method)

    async def _one(self, method: Method, body: bytes, context: Context) -> bytes:
        """The only message of an answer."""
        found: list[bytes] = []

        async def keep(message: bytes) -> None:
            found.append(message)

        await self._run(method, body, context, keep)
        return b"".join(found)

    async def _serve(self, method: Method, body: bytes, context: Context) -> None:
        await self._run(method, body, context, context.write)

    async def _run(
        self,
        method: Method,
        body: bytes,
        context: Context,
        send: Callable[[bytes], Awaitable[Any]],
    ) -> None:
        """Answer in a task of its own: a caller that leaves ends only what waits for it."""
        waiting = Waiting()
        work = asyncio.create_task(self._answer(method, body, context, (send, waiting)))
        try:
            with self._server.duration_of(method.name).time():
                await asyncio.shield(work)
        except asyncio.CancelledError:
            waiting.has_left = True
            await asyncio.wait([work])
            self._server.failure(method.name, QueryCanceled("the caller has left"))
            raise
        except Exception as error:  # the edge: whatever it is, the caller gets a status
            await context.abort(*self._status(method, error))

    def _status(self, method: Method, error: Exception) -> tuple[Any, str]:
        if not isinstance(error, Denied):
            self._server.failure(method.name, error)
        return status_of(error)

    async def _answer(
        self,
        method: Method,
        body: bytes,
        context: Context,
        receiver: tuple[Callable[[bytes], Awaitable[Any]], Waiting],
    ) -> None:
        send, waiting = receiver
        headers = await self._admit(metadata_of(context), context.auth_context())
        tenants = tenants_of(headers, tenants_max=self._server.options.federated_tenants_max)
        call = Call(Params.parse(""), tenants, {}, body, headers)
        job = method.handler(call)
        assert isinstance(job, Job), "BUG: a method has a job"
        remaining_s = context.time_remaining()
        if remaining_s is not None:
            job = replace(job, timeout_ms=max(0, int(remaining_s * 1000)))
        pool, terms = self._server.pool, self._server.terms(job, tenants)
        async with pool.turn(
            terms, client_left=lambda: waiting.has_left, tenant="|".join(tenants)
        ) as turn:
            with self._server.running.computing(
                method.name, tenants, "", headers, turn=turn
            ) as entry:
                work = partial(begin, job, turn)
                blocks, some, is_last = await pool.run(work, job.kind, turn)
                try:
                    while not is_last:
                        entry.answer_bytes += sum(map(len, some))
                        some, is_last = await self._send_and_compute(send, some, blocks)
                    entry.answer_bytes += sum(map(len, some))
                    await self._send(send, some)
                finally:
                    # Where that is not the end, threads may be at work for it.
                    await pool.run(blocks.close)

    async def _send_and_compute(
        self, send: Callable[[bytes], Awaitable[Any]], some: list[bytes], blocks: Iterator[Buffer]
    ) -> tuple[list[bytes], bool]:
        """Send messages while the next ones are computed; waits for both also if one fails."""
        sent, computed = await asyncio.gather(
            self._send(send, some),
            self._server.pool.run(partial(taken, blocks)),
            return_exceptions=True,
        )
        if isinstance(sent, BaseException):
            raise sent
        if isinstance(computed, BaseException):
            raise computed
        return computed

    async def _send(self, send: Callable[[bytes], Awaitable[Any]], some: list[bytes]) -> None:
        """Raises TimeoutError if the caller does not take them in time."""
        async with asyncio.timeout(self._server.options.send_timeout_ms / 1000):
            for message in some:
                await send(message)


def begin(job: Job, turn: Slot) -> tuple[Blocks, list[bytes], bool]:
    """Compute the first messages: where more come from, the messages, and whether they are all."""
    blocks = guarded(job.run(turn), turn)
    return blocks, *taken(blocks)


def taken(blocks: Iterator[Buffer]) -> tuple[list[bytes], bool]:
    """The next messages, and whether they are the last ones."""
    found, size = [], 0
    for block in blocks:
        found.append(bytes(block))
        size += len(block)
        if size >= AHEAD_BYTES:
            return found, False
    return found, True


def metadata_of(context: Context) -> CIMultiDict[str]:
    """What a caller says with its request, but for bytes."""
    pairs = context.invocation_metadata() or ()
    return CIMultiDict((key, value) for key, value in pairs if isinstance(value, str))
