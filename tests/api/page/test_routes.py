"""The paths of the page, asked for as browsers do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.page.files import BuiltFile
from api.page.routes import Page

FILES = {
    name: BuiltFile(name, body)
    for name, body in {
        "index.html": b"<html>page</html>",
        "theme.js": b"1",
        "assets/a.js": b"let a = 1;" * 100,
    }.items()
}


def run(test: Callable[[TestClient[Any, Any]], Awaitable[None]], files: Any = FILES) -> None:
    async def main() -> None:
        app = web.Application()
        Page(files).add_routes(app, ("", "/prometheus"))
        async with TestClient(TestServer(app), auto_decompress=False) as client:
            await test(client)

    asyncio.run(main())


async def ask(
    client: TestClient[Any, Any], path: str, **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    async with client.get(path, headers={"Accept-Encoding": "identity"} | given) as answer:
        return answer.status, answer.headers, await answer.read()


def test_one_document_under_every_name() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        for path in ("/ui/ask", "/ui/segments", "/prometheus/ui/anything"):
            status, headers, body = await ask(client, path)
            assert (status, body) == (200, b"<html>page</html>")
            assert headers["Content-Type"] == "text/html; charset=utf-8"
            assert headers["Cache-Control"] == "no-cache"
        assert (await ask(client, "/ui/theme.js"))[2] == b"1"
        for path in ("/ui/missing.js", "/ui/assets/missing.js", "/ui/assets/index.html"):
            assert (await ask(client, path))[0] == 404

    run(check)


def test_headers_allow_nothing_but_the_page_itself() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        for path in ("/ui/ask", "/ui/assets/a.js", "/ui/missing.js"):
            _, headers, _ = await ask(client, path)
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy and "http" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"

    run(check)


def test_assets_are_kept_and_compressed() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        _, plain, body = await ask(client, "/ui/assets/a.js")
        assert "immutable" in plain["Cache-Control"] and "Content-Encoding" not in plain
        _, packed, small = await ask(client, "/ui/assets/a.js", Accept_Encoding="gzip, br")
        assert packed["Content-Encoding"] == "br" and len(small) < len(body)
        assert packed["Vary"] == "Accept-Encoding"
        status, _, nothing = await ask(client, "/ui/ask", If_None_Match=FILES["index.html"].etag)
        assert (status, nothing) == (304, b"")

    run(check)


def test_an_installation_without_the_page_says_so() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        status, _, body = await ask(client, "/ui/ask")
        assert status == 404 and b"make page" in body

    run(check, files={})


def test_the_built_page_refers_to_itself_only_and_has_no_inline_script() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        _, _, body = await ask(client, "/ui/ask")
        text = body.decode()
        sources = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert sources and all(source.startswith("./") for source in sources)
        assert not re.findall(r"<script(?![^>]*src=)|<style|style=|\bon\w+=", text)
        for source in sources:
            assert (await ask(client, f"/ui/{source.removeprefix('./')}"))[0] == 200

    run(check, files=None)
