"""Paths that are nearly right, asked for over a socket because clients tidy paths up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from receiver.web.redirects import clean_path
from tests.makers.real_api import run_program

# Method, target, status, Location.
CASES: list[tuple[str, str, int, str]] = [
    ("GET", "//api/v1/query?query=1", 307, "/api/v1/query?query=1"),
    ("POST", "//api/v1/query?query=1", 307, "/api/v1/query?query=1"),
    ("PUT", "//api/v1/query", 307, "/api/v1/query"),
    ("HEAD", "//api/v1/query", 307, "/api/v1/query"),
    ("POST", "//api/v1/write", 307, "/api/v1/write"),
    ("GET", "/api/v1//labels?match[]=a%20b&x=%zz;+", 307, "/api/v1/labels?match[]=a%20b&x=%zz;+"),
    ("GET", "/prometheus//api/v1/labels", 307, "/prometheus/api/v1/labels"),
    ("GET", "/api/v1/./query", 307, "/api/v1/query"),
    ("GET", "/api/v1/label/../query?query=1", 307, "/api/v1/query?query=1"),
    ("GET", "/api/v1/label/../values", 307, "/api/v1/values"),
    ("GET", "/api/v1/label/a%20%C3%A4//values", 307, "/api/v1/label/a%20%C3%A4/values"),
    ("GET", "/api/v1/query//", 307, "/api/v1/query/"),
    ("GET", "//nothing?a=1", 307, "/nothing?a=1"),
    ("GET", "//", 307, "/"),
    ("GET", "//-/ready", 307, "/-/ready"),
    # Never another host.
    ("GET", "//evil.example/..", 307, "/"),
    ("GET", "///evil.example", 307, "/evil.example"),
    ("GET", "//\\evil.example", 307, "/%5Cevil.example"),
    # A slash at the end, and case.
    ("GET", "/api/v1/query/?query=1", 301, "/api/v1/query?query=1"),
    ("POST", "/api/v1/query/?query=1", 307, "/api/v1/query?query=1"),
    ("PUT", "/api/v1/query/", 404, ""),
    ("GET", "/api/v1/write/", 404, ""),
    ("POST", "/api/v1/write/", 307, "/api/v1/write"),
    ("POST", "/prometheus/api/v1/push/", 307, "/prometheus/api/v1/push"),
    ("GET", "/api/v1/label/aB%2f/values/?x", 301, "/api/v1/label/aB%2f/values?x"),
    ("GET", "/api/v1/Query?query=1", 301, "/api/v1/query?query=1"),
    ("POST", "/api/v1/QUERY?query=1", 307, "/api/v1/query?query=1"),
    ("GET", "/api/v1/Label/Job/Values", 301, "/api/v1/label/Job/values"),
    ("GET", "/API/v1/query", 404, ""),
    ("GET", "/-/ready/", 301, "/-/ready"),
    ("GET", "/Metrics", 301, "/metrics"),
    ("GET", "/api/v1", 307, "/api/v1/"),
    ("GET", "/api/v1/", 404, ""),
    ("GET", "/api/v1/nothing/", 404, ""),
    ("GET", "/api/v1/query/x", 404, ""),
    ("GET", "/.well-known/x", 404, ""),
    ("GET", "/api/v1/label/%7Bx%7D/values", 404, ""),
    ("DELETE", "/api/v1/query", 405, ""),
    # The page.
    ("GET", "/", 302, "/ui/ask"),
    ("GET", "/?a=1", 302, "/ui/ask?a=1"),
    ("GET", "/alerts?search=a", 302, "/ui/alerts?search=a"),
    ("GET", "/prometheus/rules", 302, "/prometheus/ui/rules"),
    ("GET", "/flags", 302, "/ui/status"),
    ("GET", "/tsdb-status", 302, "/ui/cardinality"),
    ("POST", "/", 405, ""),
    ("GET", "/graph?g0.expr=up&g0.tab=1", 302, "/ui/ask?g0.expr=up&g0.tab=1"),
    ("GET", "/query?g0.expr=up", 302, "/ui/ask?g0.expr=up"),
    ("GET", "/ui", 302, "/ui/ask"),
    ("GET", "/ui/", 302, "/ui/ask"),
    ("GET", "/ui/ask?g0.expr=up", 200, ""),
    ("GET", "/ui/ask/", 301, "/ui/ask"),
    ("GET", "/prometheus", 307, "/prometheus/"),
    ("GET", "/prometheus/", 302, "/prometheus/ui/ask"),
    ("GET", "/prometheus/graph?g0.expr=up", 302, "/prometheus/ui/ask?g0.expr=up"),
    ("GET", "/prometheus/ui/ask", 200, ""),
    # What is right stays.
    ("GET", "/api/v1/query?query=1&x=//../", 200, ""),
    ("GET", "/api/v1/labels?x=/./", 200, ""),
]


async def ask(port: int, method: str, target: str) -> tuple[int, str]:
    """(status, Location) of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )
    lines = (await reader.read()).decode().split("\r\n")
    writer.close()
    found = [line for line in lines if line.startswith("Location: ")]
    return int(lines[0].split()[1]), found[0].removeprefix("Location: ") if found else ""


def test_redirects(tmp_path: Path) -> None:
    async def scenario(client: TestClient) -> None:
        assert client.port is not None
        got = [(m, target, *await ask(client.port, m, target)) for m, target, *_ in CASES]
        assert got == CASES

    run_program({"storage.path": str(tmp_path)}, scenario)


def test_who_may_not_ask_learns_of_no_path(tmp_path: Path) -> None:
    file = tmp_path / "auth.yml"
    file.write_text("users: {}\n")

    async def scenario(client: TestClient) -> None:
        assert client.port is not None
        for target in ("//api/v1/query", "/api/v1/query/", "/api/v1/nothing/", "/nothing"):
            assert await ask(client.port, "GET", target) == (401, ""), target
        # The page is not data: it is what asks for the credential.
        assert await ask(client.port, "GET", "/graph?x=1") == (302, "/ui/ask?x=1")
        assert await ask(client.port, "GET", "/ui/ask") == (200, "")

    run_program({"storage.path": str(tmp_path / "d"), "auth.file": str(file)}, scenario)


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/", "/"),
        ("/a/b/", "/a/b/"),
        ("/a/./b/../c/", "/a/c/"),
        ("/../..", "/"),
        ("/a/...", "/a/..."),
        ("/.a", "/.a"),
        ("//a//", "/a/"),
    ],
)
def test_clean_paths(path: str, clean: str) -> None:
    assert clean_path(path) == clean
