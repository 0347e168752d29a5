"""Passing requests on to the process that has their tenants, and asking all for what is of all.

A request of tenants of several processes is answered by whoever accepted it, which reads what the
others have (`reading`).

The body of a request and the answer to it go through as they are, piece by piece. A client that
leaves takes its request with it. What cannot be had from the process that has it is an error with
Retry-After, never an answer without it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter

from receiver.access.guard import GRANT
from receiver.errors import retry_after_s
from receiver.processes.identity import answered_headers, is_inner, is_part, sender_of_inner
from receiver.processes.peers import LOST, NoAnswer, Part, Peers
from receiver.processes.place import Place
from receiver.processes.routes import GATHERED, NEVER_APART, Answered, canonical, place_of
from storage.tenants.tenant import DEFAULT_TENANT, named_tenants

logger = logging.getLogger(__name__)

# How often a request that takes its time is looked at: is its client still there?
LOOK_S = 0.1
# An answer up to this size is sent at once.
WHOLE_BYTES_MAX = 1 << 20
ID_DIGITS_MAX = 19

# Makes one answer of those of all processes; in a thread.
Merger = Callable[[web.Request, Sequence[Part | NoAnswer]], web.Response]


class PassingMetrics:
    """What was passed on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.passed = Counter(
            "cupola_passed_on_requests_total",
            "Requests passed on to the process that has their tenant.",
            registry=registry,
        )
        self.failed = Counter(
            "cupola_passed_on_failures_total",
            "Requests that the process which has their tenant did not answer.",
            registry=registry,
        )


class Passing:
    """A middleware behind the guard. mergers: by path, what makes one answer of the parts;
    own_metrics: what this process has for one of them, made in a thread."""

    def __init__(
        self,
        place: Place,
        peers: Callable[[], Peers],
        mergers: Mapping[str, Merger],
        metrics: PassingMetrics,
        own_metrics: Callable[[], bytes],
    ) -> None:
        self._own_metrics = own_metrics
        self._place = place
        self._peers = peers
        self._mergers = mergers
        self._metrics = metrics
        self.under_way = 0  # requests of clients

    def install(self, app: web.Application) -> None:
        @web.middleware
        async def pass_on(request: web.Request, handler: Handler) -> web.StreamResponse:
            if is_inner(request):
                return await self._inner(request, handler)
            self.under_way += 1
            try:
                return await self.handle(request, handler)
            finally:
                self.under_way -= 1

        app.middlewares.append(pass_on)

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request of a client, here or by others."""
        answered = place_of(request)
        if answered is Answered.TOGETHER:
            parts = await self._peers().parts(request, GRANT.get())
            return await asyncio.to_thread(self._mergers[canonical(request)], request, parts)
        owner = self._place.share.number
        if answered is Answered.FIRST:
            owner = 0
        elif answered is Answered.OF_ID:
            owner, request = self._of_id(request)
        elif answered is Answered.OWNER:
            owners = self._owners(request)
            if len(owners) > 1:
                return await self._apart(owners, request, handler)
            (owner,) = owners
        if owner == self._place.share.number:
            return await handler(request)
        return await self._passed(owner, request)

    def _owners(self, request: web.Request) -> dict[int, list[str]]:
        """The processes that have the tenants of a request, each with those that it has."""
        owners: dict[int, list[str]] = {}
        for tenant in tenants_of(request.headers):
            owners.setdefault(self._place.owner(tenant), []).append(tenant)
        return owners

    def _of_id(self, request: web.Request) -> tuple[int, web.Request]:
        """Whose an id is (see merging.active_queries), and the request as that one knows it."""
        before, _, text = request.rel_url.raw_path.rpartition("/")
        if not (text.isascii() and text.isdigit() and len(text) < ID_DIGITS_MAX):
            return self._place.share.number, request
        number, owner = divmod(int(text), self._place.share.count)
        return owner, request.clone(
            rel_url=request.rel_url.with_path(f"{before}/{number}", encoded=True)
        )

    async def _apart(
        self, owners: Mapping[int, list[str]], request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Answer a request of tenants that no one process has."""
        path = canonical(request)
        if path in NEVER_APART:
            return refused_apart(owners, request)
        if path not in GATHERED:
            return await handler(request)
        parts = await self._peers().parts_of(owners, request, GRANT.get())
        return await asyncio.to_thread(self._mergers[path], request, parts)

    async def _inner(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer another process, which knows that this one is to be asked."""
        if is_part(request) and canonical(request) == "/metrics":
            return web.Response(body=await asyncio.to_thread(self._own_metrics))
        return await handler(request.clone(remote=sender_of_inner(request)))

    async def _passed(self, owner: int, request: web.Request) -> web.StreamResponse:
        self._metrics.passed.inc()
        try:
            if request.method not in ("GET", "HEAD") and not is_query(request):
                return await self._relayed(owner, request)
            return await while_there(request, self._relayed(owner, request))
        except NoAnswer as error:
            self._metrics.failed.inc()
            logger.warning("request not passed on path=%s error=%r", request.path, str(error))
            return unavailable(request, str(error))

    async def _relayed(self, owner: int, request: web.Request) -> web.StreamResponse:
        async with self._peers().passed_on(owner, request, GRANT.get()) as answer:
            length = answer.content_length
            if request.method == "HEAD" or length is None or length > WHOLE_BYTES_MAX:
                return await self._streamed(request, answer)
            try:
                body = await answer.read()
            except LOST as error:
                raise NoAnswer(f"process {owner} of this server left: {error!r}") from error
            headers = answered_headers(answer.headers)
            return web.Response(
                status=answer.status, reason=answer.reason, headers=headers, body=body
            )

    async def _streamed(
        self, request: web.Request, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        """Send an answer on as it comes. Once begun it can only be completed or cut off."""
        headers = answered_headers(answer.headers)
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        await response.prepare(request)
        try:
            if request.method != "HEAD":
                async for piece in answer.content.iter_any():
                    await response.write(piece)
            await response.write_eof()
        except LOST as error:
            logger.warning("answer cut off path=%s error=%r", request.path, str(error))
            if request.transport is not None:
                request.transport.abort()
        return response


def refused_apart(owners: Mapping[int, Sequence[str]], request: web.Request) -> web.Response:
    """The refusal of a request of tenants that no one process has."""
    listed = "; ".join(f"process {n}: {', '.join(names)}" for n, names in owners.items())
    return refusal(
        request,
        422,
        "execution",
        "the request names tenants of different processes, which cannot be asked together for "
        f"this (processes): {listed}",
    )


async def while_there(
    request: web.Request, answering: Awaitable[web.StreamResponse]
) -> web.StreamResponse:
    """The answer; given up once the client has left."""
    task = asyncio.ensure_future(answering)
    try:
        while True:
            await asyncio.wait((task,), timeout=LOOK_S)
            if task.done():
                return task.result()
            if request.transport is None:
                return web.Response(status=499, reason="Client Closed Request")
    finally:
        task.cancel()


def is_query(request: web.Request) -> bool:
    """Whether a request with a body reads only, so that no one misses what it would have done."""
    return request.method == "POST" and canonical(request).startswith(
        ("/api/v1/query", "/api/v1/series", "/api/v1/label", "/api/v1/read")
    )


def tenants_of(headers: Mapping[str, str]) -> list[str]:
    """The tenants that a request names, valid or not."""
    named = named_tenants(headers)
    return [DEFAULT_TENANT] if named is None else list(dict.fromkeys(named.split("|")))


def unavailable(request: web.Request, text: str) -> web.Response:
    response = refusal(request, 503, "unavailable", text)
    response.headers["Retry-After"] = str(retry_after_s())
    return response


def refusal(request: web.Request, status: int, kind: str, text: str) -> web.Response:
    """An error, in the form that clients of the request's path read."""
    path = canonical(request)
    if (
        path.startswith("/api/v1/")
        and place_of(request) is not Answered.HERE
        and not any(part in path for part in ("/write", "/push", "/receive", "/otlp", "/read"))
    ):
        document = {"status": "error", "errorType": kind, "error": text}
        return web.Response(
            status=status, body=json.dumps(document).encode(), content_type="application/json"
        )
    return web.Response(status=status, text=f"{text}\n")
