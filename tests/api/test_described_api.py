"""Requests that schemathesis makes of the description of the API, to a whole program with data: no
answer is a failure of the server, and none is other than the description says.

The same requests in each run. Half of what is drawn of the parameters that matter is real, since a
drawn text is hardly ever an expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.makers.real_api import RealApi, ServedProgram

DESCRIBED = [status_code_conformance, content_type_conformance, response_schema_conformance]
# What is switched off, and says so by 500 as Prometheus does.
SWITCHED_OFF = "/api/v1/search/"
REAL = {
    "query": [
        "up",
        "sum by (job) (rate(up[1m]))",
        "up[1m:5s]",
        "1 + 1",
        '"a"',
        "h",
        "up offset -1s",
    ],
    "match[]": [["up"], ['{job=~".+"}', "h"], ["{}"], ["("]],
    "selector": ["up", "{job!=''}"],
    "label_names[]": [["job"], ["job", "le"]],
    "time": ["50", "1970-01-01T00:00:50Z"],
    "start": ["0", "40.5"],
    "end": ["90", "1970-01-01T00:01:00Z"],
    "step": ["10", "1m", "0.001"],
    "stats": ["all"],
    "provenance": ["true"],
    "dedup": ["false", "penalty"],
    "limit": [1, 0],
    "by": ["job"],
    "name": ["job", "__name__"],
}


@schemathesis.serializer("application/x-protobuf")
def protobuf(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


async def fill(api: RealApi) -> None:
    for job in "abc":
        points = [(1_000 * k, float(k)) for k in range(100)]
        labels = {"job": job, "replica": "r"}
        await api.write(({"__name__": "up", **labels}, points), tenant="default")
        await api.write(({"__name__": "h", "le": "1", **labels}, points), tenant="default")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProgram]:
    settings = {
        "storage.path": str(tmp_path_factory.mktemp("data")),
        "storage.retention": "0",
        "dedup.replica-labels": "replica",
        "web.enable-admin-api": "true",
    }
    with ServedProgram(settings, fill) as started:
        yield started


def described(program: ServedProgram) -> list[Any]:
    """The operations of the description that the program serves."""
    url = f"http://127.0.0.1:{program.port}/api/v1/openapi.json"
    schema = schemathesis.openapi.from_url(url, config=SchemathesisConfig())
    return [result.ok() for result in schema.get_all_operations()]


def drawn(operation: Any, mode: GenerationMode) -> st.SearchStrategy[tuple[Any, dict[str, Any]]]:
    """Requests, and what is put into them where a parameter has this name."""
    real = {name: st.none() | st.sampled_from(values) for name, values in REAL.items()}
    return st.tuples(operation.as_strategy(generation_mode=mode), st.fixed_dictionaries(real))


def put(case: Any, real: dict[str, Any], names: set[str]) -> None:
    for name, value in real.items():
        if value is None or name not in names:
            continue
        if isinstance(case.path_parameters, dict) and name in case.path_parameters:
            case.path_parameters[name] = value
        elif isinstance(case.body, dict):
            case.body[name] = value
        else:
            case.query = {**(case.query or {}), name: value}


def names_of(operation: Any) -> set[str]:
    names = {parameter.name for parameter in operation.iter_parameters()}
    for body in operation.body:
        names |= set(body.definition.get("schema", {}).get("properties", {}))
    return names


def ask(operation: Any, mode: GenerationMode, examples: int) -> int:
    """Make so many requests; how many it were."""
    checks = list(DESCRIBED)
    if not operation.path.startswith(SWITCHED_OFF):
        checks.append(not_a_server_error)
    names, asked = names_of(operation), []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(drawn(operation, mode))
    def check(found: tuple[Any, dict[str, Any]]) -> None:
        case, real = found
        put(case, real, names)
        answer = case.call(timeout=120)
        case.validate_response(answer, checks=checks)
        asked.append(answer.status_code)

    check()
    return len(asked)


def test_what_is_asked_as_described_is_answered_as_described(program: ServedProgram) -> None:
    operations = described(program)
    assert len(operations) > 60
    asked = 0
    for operation in operations:
        has_parameters = len(names_of(operation)) > 1  # one of them is the tenant
        asked += ask(operation, GenerationMode.POSITIVE, 8 if has_parameters else 1)
    assert asked > 300


def test_what_is_not_asked_as_described_is_refused_as_described(program: ServedProgram) -> None:
    asked = 0
    for operation in described(program):
        # What a path has in its place is a text, and any is one.
        if operation.method.upper() == "GET" and len(list(operation.query)) > 1:
            asked += ask(operation, GenerationMode.NEGATIVE, 3)
    assert asked > 30
