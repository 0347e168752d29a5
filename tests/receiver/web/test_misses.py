"""Paths and methods that there are not: Prometheus' texts, and what may be used instead."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.makers.real_api import run_program


def test_unknown_paths_and_methods(tmp_path: Path) -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        for path in ("/api/v1/nothing", "/api/v2/query", "/nothing"):
            async with client.get(path) as response:
                assert (response.status, await response.text()) == (404, "404 page not found\n")
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        for path, allowed in (
            ("/api/v1/query", "GET, HEAD, OPTIONS, POST"),
            ("/api/v1/rules", "GET, HEAD, OPTIONS"),
            ("/api/v1/write", "POST"),
        ):
            async with client.delete(path) as response:
                assert (response.status, await response.text()) == (405, "Method Not Allowed\n")
                assert response.headers["Allow"] == allowed
                assert response.headers["X-Content-Type-Options"] == "nosniff"

    run_program({"storage.path": str(tmp_path)}, check)


@pytest.mark.parametrize("prefix", ["", "/metrics-of-all"])
def test_options_below_the_api(tmp_path: Path, prefix: str) -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        for path, status in (
            ("/api/v1/nothing", 204),
            ("/api/v1/write", 204),
            ("/prometheus/api/v1/write", 204),
            ("/api/v1/otlp/v1/metrics", 204),
            ("/api/v2/query", 404),
            ("/nothing", 404),
        ):
            async with client.options(prefix + path, headers={"Origin": "http://a"}) as response:
                assert response.status == status, path
                origin = "*" if status == 204 else None
                assert response.headers.get("Access-Control-Allow-Origin") == origin

    run_program({"storage.path": str(tmp_path), "web.route-prefix": prefix or "/"}, check)
