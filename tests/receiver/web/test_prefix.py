"""The program under a prefix: every path is there, none without it, and redirects lead on."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from receiver.access.rules import RULES
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.real_api import run_program

# Path, status, and Location or body.
UNDER_PREFIX = [
    ("/in/-/healthy", 200, "Cupola is healthy.\n"),
    ("/in/prometheus/api/v1/labels", 200, '{"status":"success","data":[]}'),
    ("/in/api/v1/label/job/values", 200, '{"status":"success","data":[]}'),
    ("/in/api/v1/rules", 200, '{"status":"success","data":{"groups":[]}}'),
    ("/-/healthy", 404, "404 page not found\n"),
    ("/api/v1/labels", 404, "404 page not found\n"),
    ("/inside/api/v1/labels", 404, "404 page not found\n"),
]
REDIRECTS = [
    ("/", 302, "{}/"),
    ("/in", 307, "{}/"),
    ("/in/", 302, "{}/ui/ask"),
    ("/in/graph?g0.expr=up", 302, "{}/ui/ask?g0.expr=up"),
    ("/in/prometheus", 307, "{}/prometheus/"),
    ("/in/prometheus/", 302, "{}/prometheus/ui/ask"),
    ("/in/api/v1/query/?query=1", 301, "{}/api/v1/query?query=1"),
    ("/in/api/v1/Label/Job/values", 301, "{}/api/v1/label/Job/values"),
    ("/in//api/v1/labels", 307, "{}/api/v1/labels"),
]


@pytest.mark.parametrize(
    ("settings", "external"),
    [
        ({"web.route-prefix": "in"}, "/in"),
        ({"web.external-url": "http://h/in/"}, "/in"),
        ({"web.external-url": "http://h/out", "web.route-prefix": "/in"}, "/out"),
    ],
)
def test_everything_is_under_the_prefix(
    settings: dict[str, object], external: str, tmp_path: Path
) -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        for path, status, body in UNDER_PREFIX:
            async with client.get(path) as response:
                assert (response.status, await response.text()) == (status, body), path
        for path, status, location in REDIRECTS:
            async with client.get(path, allow_redirects=False) as response:
                got = response.status, response.headers.get("Location")
                assert got == (status, location.format(external)), path
        assert client.app is not None
        served = {r.canonical.removeprefix("/in") for r in client.app.router.resources()}
        assert {path.removeprefix("/prometheus") for path in served} == set(RULES)

    run_program({"storage.path": str(tmp_path)} | settings, check)


def test_writes_and_rights_are_under_the_prefix(tmp_path: Path) -> None:
    file = tmp_path / "auth.yml"
    file.write_text("tokens: {}\n")
    body = encode([({"__name__": "up"}, [(1, 1.0)])])

    async def refused(client: TestClient[Any, Any]) -> None:
        for path, status in (
            ("/in/-/healthy", 200),
            ("/in/api/v1/labels", 401),
            ("/in/ui/ask", 200),
        ):
            async with client.get(path) as response:
                assert response.status == status, path

    async def written(client: TestClient[Any, Any]) -> None:
        async with client.post("/in/api/v1/write", data=body, headers=HEADERS) as response:
            assert response.status == 204

    base = {"storage.path": str(tmp_path / "d"), "web.route-prefix": "in", "storage.retention": "0"}
    run_program(base, written)
    run_program(base | {"auth.file": str(file)}, refused)


def test_a_proxy_may_take_the_prefix_away(tmp_path: Path) -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        async with client.get("/graph", allow_redirects=False) as response:
            assert response.headers["Location"] == "/out/ui/ask"
        async with client.get("/api/v1/labels") as response:
            assert response.status == 200

    settings = {"web.external-url": "https://h/out", "web.route-prefix": "/"}
    run_program({"storage.path": str(tmp_path)} | settings, check)
