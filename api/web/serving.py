"""The way of a request through the API: read, wait for a turn, compute in a thread, send.

Every answer is JSON in Prometheus' envelope, errors included. What fits one part is sent at once
and gives its turn back before; a larger answer is computed part by part as the client receives it,
at most one part ahead.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import unquote

from aiohttp import web
from prometheus_client import Histogram

from api.answers.encoding import encode_error
from api.endpoints.handler import NOTHING, Call, Handler, Job, Slot
from api.errors import BadData, classify, is_foreseen
from api.forms import Params, multipart_fields
from api.metrics import ApiMetrics
from api.params import tenants_of
from api.web.compression import Body, choose_encoding
from api.web.cors import Cors
from api.web.options import ApiOptions
from api.web.query_pool import QueryPool

logger = logging.getLogger(__name__)

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"
JSON = {"Content-Type": "application/json"}
REASONS = {499: "Client Closed Request"}

AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Turns handlers into those of aiohttp. timeout_ms: query.timeout, the longest one to grant."""

    def __init__(
        self, options: ApiOptions, pool: QueryPool, metrics: ApiMetrics, *, timeout_ms: int
    ) -> None:
        self.options = options
        self.pool = pool
        self._metrics = metrics
        self._timeout_ms = timeout_ms
        self._cors = Cors(options.cors_origin)

    def endpoint(self, name: str, handler: Handler) -> AiohttpHandler:
        """The aiohttp handler of an endpoint; `name` is for metrics and the log."""
        return partial(self._serve, name, self.duration_of(name), handler)

    def duration_of(self, name: str) -> Histogram:
        """The metric of the time that the requests of an endpoint take."""
        return self._metrics.duration_seconds.labels(name)

    def timeout_ms(self, job: Job) -> int:
        """How long a job may take at most."""
        if job.timeout_ms is None:
            return self._timeout_ms
        return min(self._timeout_ms, job.timeout_ms)

    def headers(self, origin: str | None, encoding: str = "") -> dict[str, str]:
        """What every answer to someone from this origin has."""
        headers = self._cors.headers(origin)
        return headers | {"Content-Encoding": encoding} if encoding else headers

    async def preflight(self, request: web.Request) -> web.Response:
        """The answer to OPTIONS."""
        return web.Response(status=204, headers=self._headers(request))

    async def _serve(
        self, name: str, duration: Histogram, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        with duration.time():
            try:
                return await self._answer(handler, request)
            except asyncio.CancelledError:  # where the server cancels the handlers of lost clients
                self._metrics.errors_total.labels(name, "canceled").inc()
                raise
            except Exception as error:  # the edge of the API: whatever it is, the client gets JSON
                return self._refuse(name, request, error)

    async def _answer(self, handler: Handler, request: web.Request) -> web.StreamResponse:
        params = await self._read_params(request)
        tenants = tenants_of(request.headers, tenants_max=self.options.federated_tenants_max)
        call = Call(params, tenants, path_values(request))
        outcome = handler(call)
        encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
        if outcome == NOTHING:
            return web.Response(status=204, headers=self._headers(request))
        if isinstance(outcome, bytes):
            body = Body(iter([outcome]), encoding)
            return self._whole(request, body, body.next_part()[0])
        async with self.pool.turn(
            timeout_ms=self.timeout_ms(outcome), client_left=lambda: request.transport is None
        ) as turn:
            work = partial(begin, outcome, turn, encoding)
            body, part, is_last = await self.pool.run(work, outcome.kind)
            if not is_last:
                return await self._stream(request, body, part)
        if outcome.is_empty:
            return web.Response(status=204, headers=self._headers(request))
        return self._whole(request, body, part)

    async def _read_params(self, request: web.Request) -> Params:
        query, fields_max = request.rel_url.raw_query_string, self.options.form_fields_max
        if request.method not in ("POST", "PUT"):
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

    def _whole(self, request: web.Request, body: Body, part: bytes) -> web.Response:
        return web.Response(body=part, headers=self._headers(request, body.encoding) | JSON)

    async def _stream(self, request: web.Request, body: Body, part: bytes) -> web.StreamResponse:
        """Send an answer of several parts. Once begun it can only be completed or cut off."""
        response = web.StreamResponse(headers=self._headers(request, body.encoding))
        response.content_type = "application/json"
        await response.prepare(request)
        is_last = request.method == "HEAD"  # whose answer ends here
        try:
            while not is_last:
                part, is_last = await self._send_and_compute(response, body, part)
            if request.method != "HEAD":
                await self._send(response, part)
            await response.write_eof()
        except ConnectionError:
            logger.info("client left before the end of its answer path=%s", request.path)
        except Exception:
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

    def _refuse(self, name: str, request: web.Request, error: Exception) -> web.Response:
        failure = classify(error)
        self._metrics.errors_total.labels(name, failure.kind).inc()
        if not is_foreseen(error):
            logger.exception("request failed endpoint=%s path=%s", name, request.path)
        return web.Response(
            status=failure.status,
            reason=REASONS.get(failure.status),
            body=encode_error(failure.kind, failure.text),
            headers=self._headers(request),
            content_type="application/json",
        )

    def _headers(self, request: web.Request, encoding: str = "") -> dict[str, str]:
        return self.headers(request.headers.get("Origin"), encoding)


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
    body = Body(job.run(turn), encoding)
    part, is_last = body.next_part()
    return body, part, is_last
