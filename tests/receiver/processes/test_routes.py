"""Which process answers what."""

from __future__ import annotations

import pytest
from aiohttp import web

from receiver.access.rules import RULES
from receiver.processes.routes import GATHERED, NEVER_APART, PLACES, Answered, check_places


def test_the_table_has_the_routes_that_there_are() -> None:
    assert set(PLACES) == set(RULES)


def test_what_is_said_of_tenants_apart_is_of_tenants() -> None:
    assert {PLACES[path] for path in GATHERED | NEVER_APART} == {Answered.OWNER}
    assert not GATHERED & NEVER_APART


def test_a_route_without_a_place_stops_the_program() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/prometheus/api/v1/query", handler)
    app.router.add_get("/", handler)
    check_places(app)
    app.router.add_get("/api/v1/new", handler)
    with pytest.raises(AssertionError, match="/api/v1/new"):
        check_places(app)


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/api/v1/write", Answered.HERE),
        ("/api/v1/label/{name}/values", Answered.OWNER),
        ("/api/v1/status/rejected", Answered.TOGETHER),
        ("/metrics", Answered.TOGETHER),
        ("/-/healthy", Answered.HERE),
        ("/api/v1/admin/tsdb/snapshot", Answered.FIRST),
        ("/api/v1/status/active_queries", Answered.TOGETHER),
        ("/api/v1/status/active_queries/{id}", Answered.OF_ID),
    ],
)
def test_some_of_each_kind(path: str, answered: Answered) -> None:
    assert PLACES[path] is answered
