"""Notes the trace of each request for as long as it is served, so that what is logged names it."""

from aiohttp import web
from aiohttp.typedefs import Handler

from storage.traces import TRACE, trace_of


def install(app: web.Application) -> None:
    """Note traces before anything else looks at a request."""

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        trace = trace_of(request.headers)
        if not trace.id:
            return await handler(request)
        # The requests of a connection share a task, and so a context.
        token = TRACE.set(trace)
        try:
            return await handler(request)
        finally:
            TRACE.reset(token)

    app.middlewares.append(note)
