"""The paths of the page: its one document under every name below /ui/, and the files that it needs.

    /ui/ask, /ui/segments, ...   the document; which page it shows is decided in the browser
    /ui/assets/{file}            scripts, styles and fonts, named after their contents
    /ui/{file with a dot}        the few that have fixed names

Names have one segment, so that the document can refer to everything relative to itself and works
behind any prefix. Invariant: nothing here depends on who asks, or on data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from aiohttp import web

from api.page.files import BuiltFile, built_files

HOME = "/ui/ask"
DOCUMENT = "index.html"
FOREVER = "public, max-age=31536000, immutable"
NOT_BUILT = "The page is not part of this installation; `make page` builds it.\n"

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Page:
    """Serves the built files. files: by name, by default those of the package."""

    def __init__(self, files: Mapping[str, BuiltFile] | None = None) -> None:
        self._files = built_files() if files is None else files

    def add_routes(self, app: web.Application, prefixes: Iterable[str]) -> None:
        for prefix in prefixes:
            app.router.add_get(f"{prefix}/ui/assets/{{file}}", self.asset)
            app.router.add_get(f"{prefix}/ui/{{page}}", self.page)

    async def page(self, request: web.Request) -> web.Response:
        """The document, or a file of a fixed name; a browser asks again whether they are new."""
        name = request.match_info["page"]
        wanted = name if "." in name else DOCUMENT
        if not self._files:
            return web.Response(status=404, text=NOT_BUILT)
        return await self._answer(request, wanted, "no-cache")

    async def asset(self, request: web.Request) -> web.Response:
        return await self._answer(request, f"assets/{request.match_info['file']}", FOREVER)

    async def _answer(self, request: web.Request, name: str, caching: str) -> web.Response:
        file = self._files.get(name)
        if file is None:
            return web.Response(status=404, text="404 page not found\n", headers=HEADERS)
        headers = HEADERS | {"Cache-Control": caching, "ETag": file.etag}
        headers["Vary"] = "Accept-Encoding"
        if request.headers.get("If-None-Match") == file.etag:
            return web.Response(status=304, headers=headers)
        accepted = request.headers.get("Accept-Encoding", "")
        encoding, body = await asyncio.to_thread(file.form, accepted)
        if encoding:
            headers["Content-Encoding"] = encoding
        return web.Response(body=body, headers={**headers, "Content-Type": file.type})
