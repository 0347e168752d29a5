"""The way of a request through the API: read, wait for a turn, compute in a thread, send.

Every answer is JSON in Prometheus' envelope, errors included. What fits one part is sent at once
and gives its turn back before; a larger answer is computed part by part as the client receives it,
at most one part ahead.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from time import perf_counter
from urllib.parse import unquote

from aiohttp import web
from prometheus_client import Histogram

from api.answers.encoding import encode_error
from api.endpoints.answer_guard import begun
from api.endpoints.handler import (
    JSON,
    NOTHING,
    PROMETHEUS_STYLE,
    Call,
    Handler,
    Job,
    Slot,
    Style,
    Terms,
)
from api.errors import BadData, Failure, classify, is_foreseen
from api.forms import Params, multipart_fields
from api.metrics import ApiMetrics
from api.params import tenants_of
from api.promql.bounds import Bound
from api.promql.errors import QueryTimeout
from api.sources.query_limits import NO_LIMITS, QueryLimits
from api.sources.running import Entry, Running
from api.web.compression import Body, choose_encoding
from api.web.cors import Cors
from api.web.options import ApiOptions
from api.web.query_pool import QUEUE_TIMEOUT, QueryPool
from storage.traces import trace_of

logger = logging.getLogger(__name__)

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"
PLAIN = "text/plain; charset=utf-8"
REASONS = {499: "Client Closed Request"}

AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """Bounds how many requests of one endpoint run at a time, and how long others wait."""

    def __init__(self, concurrency: int, timeout_ms: int) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._timeout_s = timeout_ms / 1000

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._places.acquire()
        except TimeoutError:
            raise QueryTimeout(QUEUE_TIMEOUT) from None

    async def __aexit__(self, *_: object) -> None:
        self._places.release()


@dataclass(frozen=True, slots=True)
class Served:
    """One endpoint as it is served."""

    name: str
    handler: Handler
    style: Style
    duration: Histogram
    gate: AbstractAsyncContextManager[None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is sent in place of an answer."""

    status: int
    reason: str
    body: bytes
    content_type: str


class Server:
    """Turns handlers into those of aiohttp. timeout_ms: query.timeout, the longest one to grant."""

    def __init__(
        self,
        options: ApiOptions,
        pool: QueryPool,
        metrics: ApiMetrics,
        *,
        timeout_ms: int,
        running: Running | None = None,
        limits_of: Callable[[Sequence[str]], QueryLimits] = lambda _: NO_LIMITS,
    ) -> None:
        self.options = options
        self.pool = pool
        self.running = running or Running()
        self._metrics = metrics
        self._timeout_ms = timeout_ms
        self._limits_of = limits_of
        self._cors = Cors(options.cors_origin)

    def endpoint(
        self, name: str, handler: Handler, style: Style = PROMETHEUS_STYLE
    ) -> AiohttpHandler:
        """The aiohttp handler of an endpoint; `name` is for metrics and the log."""
        gate: AbstractAsyncContextManager[None] = nullcontext()
        if style.concurrency:
            gate = Gate(style.concurrency, self._timeout_ms)
        served = Served(name, handler, style, self.duration_of(name), gate)
        return partial(self._serve, served)

    def duration_of(self, name: str) -> Histogram:
        """The metric of the time that the requests of an endpoint take."""
        return self._metrics.duration_seconds.labels(name)

    def terms(self, job: Job, tenants: Sequence[str]) -> Terms:
        """What a job may use."""
        limits = self._limits_of(tenants)
        time = Bound(self._timeout_ms, "query.timeout", "ms").or_lower(limits.time_bound)
        if job.timeout_ms is not None and job.timeout_ms < time.allowed:
            time = Bound(job.timeout_ms, "timeout", "ms", "the request")
        answer = Bound(self.options.answer_bytes_max, "api.max-answer-bytes", "bytes")
        return Terms(time, answer.or_lower(limits.answer_bound))

    def headers(self, origin: str | None, encoding: str = "") -> dict[str, str]:
        """What every answer to someone from this origin has."""
        headers = self._cors.headers(origin)
        return headers | {"Content-Encoding": encoding} if encoding else headers

    async def preflight(self, request: web.Request) -> web.Response:
        """The answer to OPTIONS."""
        return web.Response(status=204, headers=self._headers(request))

    async def _serve(self, served: Served, request: web.Request) -> web.StreamResponse:
        with timed(served.duration, request.headers):
            try:
                async with served.gate:
                    return await self._answer(served, request)
            except asyncio.CancelledError:  # where the server cancels the handlers of lost clients
                self._metrics.errors_total.labels(served.name, "canceled").inc()
                raise
            except Exception as error:  # the edge of the API: whatever it is, the client gets JSON
                return self._refuse(served, request, error)

    async def _answer(self, served: Served, request: web.Request) -> web.StreamResponse:
        body = await self._read_form(request) if served.style.takes_body else b""
        params = await self._read_params(request, with_form=not served.style.takes_body)
        tenants = tenants_of(request.headers, tenants_max=self.options.federated_tenants_max)
        call = Call(params, tenants, path_values(request), body, request.headers)
        outcome = served.handler(call)
        encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
        if outcome == NOTHING:
            return web.Response(status=204, headers=self._headers(request))
        if isinstance(outcome, bytes):
            whole = Body(iter([outcome]), encoding)
            return self._whole(request, whole, whole.next_part()[0], JSON)
        async with self.pool.turn(
            self.terms(outcome, tenants),
            client_left=lambda: request.transport is None,
            tenant="|".join(tenants),
        ) as turn:
            work = partial(begin, outcome, turn, "" if outcome.compact else encoding)
            with self.running.computing(
                served.name, tenants, asked(call), request.headers, turn=turn
            ) as entry:
                parts, part, is_last = await self.pool.run(work, outcome.kind, turn)
                entry.answer_bytes = len(part)
                if not is_last:
                    about = {**self._headers(request, parts.encoding), **outcome.headers}
                    return await self._stream(request, (parts, part), about, entry)
        if outcome.is_empty:
            return web.Response(status=204, headers=self._headers(request))
        return self._whole(request, parts, part, outcome.headers, outcome.status)

    async def _read_params(self, request: web.Request, *, with_form: bool) -> Params:
        query, fields_max = request.rel_url.raw_query_string, self.options.form_fields_max
        if request.method not in ("POST", "PUT") or not with_form:
            return Params.parse(query, fields_max=fields_max)
        kind, form, parts = request.content_type, b"", []
        if kind == FORM_TYPE:
            form = await self._read_form(request)
        elif kind == MULTIPART_TYPE:
            body = await self._read_form(request)
            parts = multipart_fields(request.headers["Content-Type"], body, fields_max=fields_max)
        return Params.parse(query, form, parts=parts, fields_max=fields_max)

    async def _read_form(self, request: web.Request) -> bytes:
        """The posted form. Raises BadData."""
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                return await self._read_body(request)
        except TimeoutError:
            raise BadData(
                "error parsing form values: the form did not arrive within "
                f"query.timeout={self._timeout_ms} ms"
            ) from None
        except web.RequestPayloadError as error:  # its parts are not what they claim to be
            raise BadData(f"error parsing form values: {error}") from None

    async def _read_body(self, request: web.Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > self.options.form_bytes_max:
                raise BadData(
                    "error parsing form values: the form is longer than api.max-form-bytes="
                    f"{self.options.form_bytes_max}"
                )
            parts.append(part)
        return b"".join(parts)

    def _whole(
        self,
        request: web.Request,
        body: Body,
        part: bytes,
        about: Mapping[str, str],
        status: int = 200,
    ) -> web.Response:
        headers = {**self._headers(request, body.encoding), **about}
        return web.Response(status=status, body=part, headers=headers)

    async def _stream(
        self,
        request: web.Request,
        answer: tuple[Body, bytes],
        headers: Mapping[str, str],
        entry: Entry,
    ) -> web.StreamResponse:
        """Send an answer of several parts. Once begun it can only be completed or cut off."""
        body, part = answer
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        is_last = request.method == "HEAD"  # whose answer ends here
        try:
            while not is_last:
                part, is_last = await self._send_and_compute(response, body, part)
                entry.answer_bytes += len(part)
            if request.method != "HEAD":
                await self._send(response, part)
            await response.write_eof()
        except ConnectionError:
            entry.error = "ConnectionError"
            logger.info("client left before the end of its answer path=%s", request.path)
        except Exception as error:
            entry.error = type(error).__name__
            self._metrics.errors_total.labels(entry.endpoint, classify(error).kind).inc()
            if is_foreseen(error):
                logger.warning("answer cut off path=%s error=%r", request.path, str(error))
            else:
                logger.exception("answer cut off path=%s", request.path)
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _send_and_compute(
        self, response: web.StreamResponse, body: Body, part: bytes
    ) -> tuple[bytes, bool]:
        """Send a part while the next one is computed, and wait for both also if one fails."""
        sent, computed = await asyncio.gather(
            self._send(response, part), self.pool.run(body.next_part), return_exceptions=True
        )
        if isinstance(sent, BaseException):
            raise sent
        if isinstance(computed, BaseException):
            raise computed
        return computed

    async def _send(self, response: web.StreamResponse, part: bytes) -> None:
        """Raises TimeoutError if the client does not take it in time."""
        async with asyncio.timeout(self.options.send_timeout_ms / 1000):
            await response.write(part)

    def _refuse(self, served: Served, request: web.Request, error: Exception) -> web.Response:
        refusal = self.refusal(served.name, served.style, error)
        plain = {"X-Content-Type-Options": "nosniff"} if refusal.content_type == PLAIN else {}
        return web.Response(
            status=refusal.status,
            reason=refusal.reason,
            body=refusal.body,
            headers=self._headers(request) | plain | {"Content-Type": refusal.content_type},
        )

    def refusal(self, name: str, style: Style, error: Exception) -> Refusal:
        """The answer to a request of an endpoint that failed."""
        failure = self.failure(name, error)
        reason = REASONS.get(failure.status) or HTTPStatus(failure.status).phrase
        if style.plain_errors:
            text = f"{failure.text}\n".encode("utf-8", "replace")
            return Refusal(failure.status, reason, text, PLAIN)
        body = encode_error(failure.kind, failure.text)
        return Refusal(failure.status, reason, body, "application/json")

    def failure(self, name: str, error: Exception) -> Failure:
        """What failed of an endpoint, which is counted; bugs are logged."""
        failure = classify(error)
        self._metrics.errors_total.labels(name, failure.kind).inc()
        if not is_foreseen(error):
            logger.exception("request failed endpoint=%s", name, exc_info=error)
        return failure

    def _headers(self, request: web.Request, encoding: str = "") -> dict[str, str]:
        return self.headers(request.headers.get("Origin"), encoding)


@contextmanager
def timed(duration: Histogram, headers: Mapping[str, str]) -> Iterator[None]:
    """Note how long a request took, and its trace as an exemplar."""
    started = perf_counter()
    try:
        yield
    finally:
        duration.observe(perf_counter() - started, trace_of(headers).exemplar)


def asked(call: Call) -> str:
    """What a request is about, for people: its query or its selectors."""
    return call.params.first("query") or ", ".join(call.params.all("match[]"))


def path_values(request: web.Request) -> dict[str, str]:
    """The variable parts of the path by name; bytes that are no UTF-8 are surrogate escapes."""
    resource = request.match_info.route.resource
    assert resource is not None, "BUG: served without a route"
    if not request.match_info:
        return {}
    names = resource.canonical.split("/")
    given = request.rel_url.raw_path.split("/")
    return {
        name[1:-1]: unquote(part, errors="surrogateescape")
        for name, part in zip(names, given, strict=True)
        if name.startswith("{")
    }


def begin(job: Job, turn: Slot, encoding: str) -> tuple[Body, bytes, bool]:
    """Compute up to the first part of the answer: what was computed, the part, and whether that is
    all of it."""
    body = Body(begun(job, turn), encoding)
    part, is_last = body.next_part()
    return body, part, is_last
