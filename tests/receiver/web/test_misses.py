"""Paths and methods that there are not: Prometheus' texts, and what may be used instead."""

from pathlib import Path
from typing import Any

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
