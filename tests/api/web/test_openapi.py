"""The description of the API: every route is in it, and answers are what it says."""

import json
from typing import Any

import pytest
import yaml
from aiohttp import web

from api.web.openapi import schema
from api.web.parameters import PARAMETERS, REQUIRED
from api.web.routes import add_routes
from tests.makers.fake_store import Running, run_api

PLACES = {"query", "header", "path"}


def described() -> tuple[dict[str, Any], set[str]]:
    """The document, and METHOD /path of every route that a server has."""
    found: list[Any] = []

    async def ask(running: Running) -> None:
        async with running.client.get("/api/v1/openapi.json") as response:
            assert response.status == 200
            found.append(json.loads(await response.read()))
        async with running.client.get("/api/v1/openapi.yaml") as response:
            assert response.headers["Content-Type"] == "application/yaml; charset=utf-8"
            assert response.headers["Cache-Control"] == "no-cache"
            assert yaml.safe_load(await response.text()) == found[0]
        app = web.Application()
        add_routes(app, running.api)
        found.append(
            {
                f"{route.method} {route.resource.canonical}"
                for route in app.router.routes()
                if route.resource is not None
            }
        )

    run_api(ask)
    return found[0], found[1]


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of all."""
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_is_described_and_no_others() -> None:
    document, routes = described()
    assert document["openapi"] == "3.1.0"
    served = {
        route
        for route in routes
        if not route.startswith(("OPTIONS ", "HEAD ")) and " /prometheus/" not in route
    }
    assert {f"{method} {path}" for method, path, _ in operations(document)} == served


def test_operations_are_well_formed() -> None:
    document, _ = described()
    identifiers = [operation["operationId"] for *_, operation in operations(document)]
    assert len(set(identifiers)) == len(identifiers)
    for method, path, operation in operations(document):
        parameters = [one for one in operation["parameters"] if "$ref" not in one]
        names = {one["name"] for one in parameters if one["in"] == "path"}
        assert names == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert {one["in"] for one in parameters} <= PLACES
        assert {"200", "400", "401", "404", "422", "499", "500", "503"} <= set(
            operation["responses"]
        )
        assert operation["summary"], (method, path)
        assert ("requestBody" in operation) <= (method in ("POST", "PUT"))


def test_references_lead_somewhere() -> None:
    document, _ = described()

    def check(value: Any) -> None:
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                place = document
                for part in reference.removeprefix("#/").split("/"):
                    place = place[part]
            for inner in value.values():
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)

    check(document)


def test_parameters_are_of_routes_and_required_ones_are_among_them() -> None:
    document, _ = described()
    paths = {path.removeprefix("/api/v1/").removeprefix("/") for path in document["paths"]}
    assert set(PARAMETERS) <= paths
    for path, names in REQUIRED.items():
        assert set(names) <= set(PARAMETERS[path]), path


@pytest.mark.parametrize(
    ("name", "kind"), [("match[]", "array"), ("limit", "integer"), ("start", "string")]
)
def test_schemas(name: str, kind: str) -> None:
    assert schema(name)["type"] == kind


def test_answers_have_statuses_and_types_that_are_described() -> None:
    """Each operation without its parameters, and with what it requires."""
    values = {"query": "1", "start": "0", "end": "9", "step": "3", "match[]": "up"}

    async def check(running: Running) -> None:
        async with running.client.get("/api/v1/openapi.json") as response:
            document = json.loads(await response.read())
        for method, path, operation in operations(document):
            required = REQUIRED.get(path.removeprefix("/api/v1/"), ())
            for given in ({}, {name: values.get(name, "x") for name in required}):
                url = path.replace("{name}", "job").replace("{id}", "1")
                async with running.client.request(method, url, params=given) as response:
                    described_as = operation["responses"].get(str(response.status))
                    assert described_as is not None, (method, path, response.status)
                    await response.read()
                    kinds = described_as.get("content", {response.content_type: None})
                    assert response.status == 204 or response.content_type in kinds, path

    run_api(check)
