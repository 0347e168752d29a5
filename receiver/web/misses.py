"""The answers to paths and methods that there are not, in the words of Prometheus' router."""

from aiohttp import web
from aiohttp.typedefs import Handler

NOT_FOUND = "404 page not found\n"
NOT_ALLOWED = "Method Not Allowed\n"
AS_IS = {"X-Content-Type-Options": "nosniff"}


def install(app: web.Application) -> None:
    """Answer so where no route is found; after everything that sends such requests elsewhere."""

    @web.middleware
    async def miss(request: web.Request, handler: Handler) -> web.StreamResponse:
        found = request.match_info.http_exception
        if isinstance(found, web.HTTPMethodNotAllowed):
            headers = AS_IS | {"Allow": ", ".join(sorted(found.allowed_methods))}
            return web.Response(status=405, text=NOT_ALLOWED, headers=headers)
        if isinstance(found, web.HTTPNotFound):
            return web.Response(status=404, text=NOT_FOUND, headers=AS_IS)
        return await handler(request)

    app.middlewares.append(miss)
