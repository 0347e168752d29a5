"""Paths that are nearly right: where Prometheus sends those who ask for them.

    //api/v1/query, /api/./v1/query     307 to the path without what is superfluous
    /api/v1/query/, /api/v1/Query       301, or 307 if something is posted, to the route meant
    /api/v1                             307 to /api/v1/
    /, /graph, /query                   302 to the page
    /alerts, /rules, /config            302 to the one of its pages that shows this

The rules are those of Go's router and of the one behind it, with one exception: the prefix of the
API stays in the target, so that following it leads there. The query string is kept as it is.

Invariant: a target is a path of this server, never another host.
"""

from __future__ import annotations

import posixpath
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from receiver.settings.addresses import Addresses
from receiver.tenant_header import PREFIXES

API = "/api/v1"
PAGE = "/ui/ask"
# Where Prometheus' own pages have their like.
PAGES = {
    "/alerts": "/ui/alerts",
    "/rules": "/ui/rules",
    "/status": "/ui/status",
    "/flags": "/ui/status",
    "/config": "/ui/status",
    "/tsdb-status": "/ui/cardinality",
}
# What a URL may hold as it is; the rest, a backslash say, browsers read in ways of their own.
_SAFE = "!#$%&'()*+,/:;=?@[]~"

AT_THE_ROOT = Addresses()


class Redirects:
    """A middleware behind the guard, and the routes that lead to the page.

    addresses: what paths begin with here, and what they begin with for clients.
    """

    def __init__(self, addresses: Addresses = AT_THE_ROOT) -> None:
        self._addresses = addresses

    def add_routes(self, app: web.Application) -> None:
        for prefix in PREFIXES:
            for path in ("/", "/graph", "/query", "/ui", "/ui/"):
                app.router.add_get(prefix + path, self.to_page)
            for path in PAGES:
                app.router.add_get(prefix + path, self.to_one_page)

    def install(self, app: web.Application) -> None:
        """Redirect whoever asks for a path that is none; after what decides who may ask."""

        @web.middleware
        async def redirect(request: web.Request, handler: Handler) -> web.StreamResponse:
            target = self._target(request)
            return await handler(request) if target is None else target

        app.middlewares.append(redirect)

    async def to_page(self, request: web.Request) -> web.Response:
        """With the query string, which is that of Prometheus' page: links to it lead here."""
        prefix = request.path.rpartition("/")[0].removesuffix("/ui")
        return self._to(302, prefix + PAGE, raw_query(request))

    async def to_one_page(self, request: web.Request) -> web.Response:
        """To what shows the same as the page of Prometheus that was asked for."""
        prefix, slash, name = request.path.rpartition("/")
        return self._to(302, prefix + PAGES[slash + name], raw_query(request))

    def _target(self, request: web.Request) -> web.Response | None:
        """Where to go instead, if anywhere."""
        path = request.rel_url.raw_path
        if not path.startswith("/"):
            return None
        clean = clean_path(path)
        if clean != path:
            return self._to(307, clean, raw_query(request))
        if request.match_info.http_exception is None:
            return None
        inner = path.removeprefix(self._addresses.route_prefix)
        if inner in [prefix + API for prefix in PREFIXES] or inner in PREFIXES:
            return self._to(307, f"{path}/", raw_query(request))
        meant = route_meant(request.app, path, request.method)
        if meant is None or meant == path:  # a variable part may be one that no route takes
            return None
        return self._to(301 if request.method == "GET" else 307, meant, raw_query(request))

    def _to(self, status: int, path: str, query: str) -> web.Response:
        return redirection(status, self._addresses.outward(path), query)


def raw_query(request: web.Request) -> str:
    """The query string with its question mark, as it was sent."""
    query = request.rel_url.raw_query_string
    return f"?{query}" if query else ""


def redirection(status: int, path: str, query: str) -> web.Response:
    """The answer that names another path."""
    location = quote((path + query).encode("utf-8", "surrogateescape"), safe=_SAFE)
    assert location.startswith("/") and not location.startswith("//"), "BUG: another host"
    return web.Response(status=status, headers={"Location": location})


def clean_path(path: str) -> str:
    """The path without empty segments, `.` and `..`; a slash at its end stays."""
    if "//" not in path and "/." not in path:
        return path
    clean = posixpath.normpath(f"/{path.lstrip('/')}")
    return f"{clean}/" if path.endswith("/") and clean != "/" else clean


def route_meant(app: web.Application, path: str, method: str) -> str | None:
    """The path of a route for this method that differs in a slash at its end or in case only; the
    beginning that all of the API has in common is not found by case."""
    wanted = path.rstrip("/").split("/")
    for route in app.router.routes():
        if route.resource is None or route.method != method:
            continue
        before, found, _ = route.resource.canonical.partition(f"{API}/")
        if found and not path.startswith(before + found):
            continue
        names = route.resource.canonical.split("/")
        if len(names) == len(wanted) and all(map(is_meant, names, wanted)):
            return "/".join(
                given if name.startswith("{") else name
                for name, given in zip(names, wanted, strict=True)
            )
    return None


def is_meant(name: str, given: str) -> bool:
    """Whether a segment of a path is the one of a route, or may be its variable part."""
    return bool(given) if name.startswith("{") else name.lower() == given.lower()
