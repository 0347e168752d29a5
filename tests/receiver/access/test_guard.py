"""Parts of the guard; what it lets through on the real routes is in test_isolation.py."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from multidict import CIMultiDict, CIMultiDictProxy
from prometheus_client import CollectorRegistry

from receiver.access.grants import Grant, Grants
from receiver.access.guard import Guard, Refused, tenants_for, with_tenant_header
from receiver.access.web_config import WebConfig
from receiver.errors import Busy


@pytest.mark.parametrize(
    ("text", "grant", "tenants"),
    [
        (None, Grant(tenant="a"), "a"),
        ("b|c", Grant(tenant="a"), "a"),
        (None, Grant(tenants=frozenset({"a"})), "a"),
        (None, Grant(tenants=frozenset({"a", "b"})), None),
        (None, Grant(tenants=frozenset({"a", "default"})), "default"),
        ("b|a", Grant(tenants=frozenset({"a", "b"})), "b|a"),
        ("a|c", Grant(tenants=frozenset({"a", "b"})), None),
        ("", Grant(tenants=frozenset({"a"})), None),
        ("a|", Grant(tenants=frozenset({"a"})), None),
        (" a", Grant(tenants=frozenset({"a"})), None),
        (None, Grant(), None),
    ],
)
def test_tenants_of_a_request(text: str | None, grant: Grant, tenants: str | None) -> None:
    if tenants is None:
        with pytest.raises(Refused, match="no right to this tenant"):
            tenants_for(text, grant)
    else:
        assert tenants_for(text, grant) == tenants


def test_what_the_client_said_of_its_tenant_is_gone() -> None:
    said = CIMultiDict([("x-scope-orgid", "a"), ("X-Scope-OrgID", "b"), ("Thanos-Tenant", "c")])
    request = make_mocked_request("GET", "/", headers=said)
    said.add("Q", "\udcff")  # as aiohttp gives bytes that are no UTF-8
    request._headers = CIMultiDictProxy(said)
    changed = with_tenant_header(request, "own")
    assert changed.headers.getall("X-Scope-OrgID") == ["own"]
    assert "THANOS-TENANT" not in changed.headers
    assert changed.headers["Q"] == "?"


def test_refusals_are_counted_and_headers_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()

    async def busy(*arguments: object) -> bool:
        raise Busy("too many")

    async def nothing(request: web.Request) -> web.Response:
        return web.Response()

    async def main() -> None:
        config = WebConfig(users={"a": b"x"}, headers={"X-Frame-Options": "deny"})
        guard = Guard(lambda: config, Grants, registry)
        monkeypatch.setattr(guard._passwords, "is_right", busy)
        app = web.Application()
        app.router.add_get("/api/v1/query", nothing)
        guard.install(app)
        async with TestClient(TestServer(app)) as client:
            for headers, status in (({}, 401), ({"Authorization": "Basic YTp4"}, 503)):
                async with client.get("/api/v1/query", headers=headers) as response:
                    assert response.status == status
                    assert response.headers["X-Frame-Options"] == "deny"
                    assert ("Retry-After" in response.headers) == (status == 503)
                count = registry.get_sample_value(
                    "cupola_refused_requests_total", {"code": str(status)}
                )
                assert count == 1
        guard.close()

    asyncio.run(main())
