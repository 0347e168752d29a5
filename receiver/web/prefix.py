"""The prefix that all paths of the server begin with, where one is configured."""

from aiohttp import web

from receiver.access.rules import ROUTE_PREFIX
from receiver.settings.addresses import Addresses


def serve_under(app: web.Application, addresses: Addresses) -> None:
    """Move all routes under the prefix, and lead from `/` to it; when there are all routes."""
    prefix = addresses.route_prefix
    app[ROUTE_PREFIX] = prefix
    if not prefix:
        return
    for resource in list(app.router.resources()):
        # Found by the beginning of its path, which is about to change.
        app.router.unindex_resource(resource)
        resource.add_prefix(prefix)
        app.router.index_resource(resource)

    async def to_prefix(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{addresses.external_path}/"})

    app.router.add_get("/", to_prefix)
