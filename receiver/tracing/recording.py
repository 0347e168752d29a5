"""Records requests as spans of OpenTelemetry, and sends them to a collector.

The libraries are loaded where tracing is switched on only. Spans wait in a bounded queue that a
thread of theirs sends from; neither a slow nor an absent collector holds up a request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDict

from receiver.settings.tracing import TracingOptions
from receiver.version import program_version
from storage.traces import TRACE_HEADER

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

# What watches the program asks for these all the time.
UNRECORDED = frozenset(("/-/healthy", "/-/ready", "/metrics"))
BATCH_MAX = 512
SERVER_ERROR = 500


def check_tracing(options: TracingOptions) -> None:
    """Raises ValueError with what is wrong with the settings."""
    if not options.endpoint:
        return
    url = urlsplit(options.endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(
            f"tracing.endpoint: got {options.endpoint!r}; allowed is a URL such as "
            "http://localhost:4318/v1/traces"
        )
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"tracing.endpoint: {error.name} is not installed; install cupola[tracing]"
        ) from None


def recorder_of(options: TracingOptions) -> Recorder | None:
    """What records requests; None where tracing is off."""
    if not options.endpoint:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(options.endpoint, timeout=options.timeout_ms / 1000)
    return Recorder(options, exporter)


class Recorder:
    """Makes a span of each request, as the sampler decides."""

    def __init__(self, options: TracingOptions, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        about = {"service.name": "cupola", "service.version": program_version()}
        self._provider = TracerProvider(
            resource=Resource.create(about),
            sampler=ParentBased(TraceIdRatioBased(options.sampled_per_thousand / 1000)),
            shutdown_on_exit=False,
        )
        processor = BatchSpanProcessor(
            exporter,
            max_queue_size=options.queue_max,
            max_export_batch_size=BATCH_MAX,
            export_timeout_millis=options.timeout_ms,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("cupola")
        self._headers = TraceContextTextMapPropagator()

    def install(self, app: web.Application) -> None:
        """Record requests, before anything else looks at them."""

        @web.middleware
        async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            route = "" if resource is None else resource.canonical
            if any(map(route.endswith, UNRECORDED)):
                return await handler(request)
            return await self._recorded(request, route, handler)

        app.middlewares.append(record)
        app.on_cleanup.append(self._close)

    async def _recorded(
        self, request: web.Request, route: str, handler: Handler
    ) -> web.StreamResponse:
        from opentelemetry.trace import SpanKind

        parent = self._headers.extract(request.headers)
        with self._tracer.start_as_current_span(
            f"{request.method} {route}".rstrip(),
            parent,
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "http.route": route,
                "url.path": request.rel_url.raw_path,
                "user_agent.original": request.headers.get("User-Agent", ""),
            },
        ) as span:
            response = await handler(self._with_own_header(request))
            note_response(span, response.status)
            return response

    def _with_own_header(self, request: web.Request) -> web.Request:
        """The request as the span's: what looks at the header finds it there, also another process
        that the request is passed on to."""
        own: dict[str, str] = {}
        self._headers.inject(own)
        if TRACE_HEADER not in own:
            return request
        kept = ((k, v) for k, v in request.headers.items() if k.lower() != TRACE_HEADER)
        # aiohttp encodes all of them again, which surrogates would not survive.
        headers = CIMultiDict((k, v.encode("utf-8", "replace").decode()) for k, v in kept)
        headers[TRACE_HEADER] = own[TRACE_HEADER]
        return request.clone(headers=headers)

    async def _close(self, app: web.Application) -> None:
        """Send what waits, within the timeout."""
        await asyncio.to_thread(self._provider.shutdown)


def note_response(span: Span, status: int) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attribute("http.response.status_code", status)
    if status >= SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
