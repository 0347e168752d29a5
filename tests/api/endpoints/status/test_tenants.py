"""The names of tenants, and who may know of which."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient

from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.fake_store import FakeStore, Running, run_api
from tests.makers.real_api import RealApi, run_program, run_real_api


def test_all_tenants_by_name() -> None:
    def fill(store: FakeStore) -> None:
        store.tenant("b")
        store.tenant("a")

    async def check(running: Running) -> None:
        status, answer = await running.get("status/tenants")
        assert (status, answer["data"]) == (200, {"tenants": ["a", "b"]})

    run_api(check, fill=fill)


def test_tenants_of_a_database(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        assert await api.get("status/tenants") == (200, {"tenants": []})
        for tenant in ("y", "x"):
            await api.write(({"__name__": "up"}, [(1000, 1.0)]), tenant=tenant)
        assert await api.get("status/tenants") == (200, {"tenants": ["x", "y"]})

    run_real_api(tmp_path, check)


TOKENS = {
    "all": '{tenants: "*", rights: [read, write]}',
    "two": "{tenants: [a, b], rights: [read]}",
    "one": "{tenant: b, rights: [read]}",
    "writer": "{tenants: [a], rights: [write]}",
}


def test_only_those_that_the_caller_may_read(tmp_path: Path) -> None:
    lines = [
        f"  {name}: {grant[:-1]}, sha256: {sha256(name.encode()).hexdigest()}}}"
        for name, grant in TOKENS.items()
    ]
    (tmp_path / "auth.yml").write_text("\n".join(["tokens:", *lines, ""]))

    async def check(client: TestClient[Any, Any]) -> None:
        body = encode([({"__name__": "up"}, [(1, 1.0)])])
        for tenant in ("a", "b", "c"):
            given = {"Authorization": "Bearer all", "X-Scope-OrgID": tenant}
            url = "/api/v1/write"
            async with client.post(url, data=body, headers=HEADERS | given) as response:
                assert response.status == 204, await response.text()
        for name, names in {"all": "abc", "two": "ab", "one": "b", "writer": ""}.items():
            given = {"Authorization": f"Bearer {name}"}
            async with client.get("/api/v1/status/tenants", headers=given) as response:
                assert (await response.json())["data"]["tenants"] == list(names), name
        async with client.get("/api/v1/status/tenants") as response:
            assert response.status == 401

    settings = {"storage.path": str(tmp_path / "d"), "storage.retention": "0"}
    run_program(settings | {"auth.file": str(tmp_path / "auth.yml")}, check)
