"""The schemas of data are of endpoints that there are, and what is asked fits them."""

from typing import Any

import jsonschema_rs
import pytest

from api.web.answer_schemas import DATA
from tests.makers.fake_store import Running, run_api


def test_every_schema_is_one_and_of_a_route() -> None:
    async def check(running: Running) -> None:
        paths = {path for _, path, _ in running.api.routes()}
        assert set(DATA) <= paths

    run_api(check)
    for schema in DATA.values():
        assert jsonschema_rs.meta.is_valid(dict(schema))


@pytest.mark.parametrize(
    ("path", "data", "fits"),
    [
        ("query", {"resultType": "scalar", "result": [1, "2"]}, True),
        ("query", {"resultType": "table", "result": []}, False),
        ("query", {"result": []}, False),
        ("labels", ["a"], True),
        ("labels", [1], False),
        ("metadata", {"x": [{"type": "gauge", "help": "", "unit": ""}]}, True),
        ("metadata", {"x": []}, False),
        ("series", [{"a": "b"}], True),
        ("series", [{"a": None}], False),
        ("rules", {"groups": []}, True),
        ("rules", {}, False),
    ],
)
def test_what_fits(path: str, data: Any, *, fits: bool) -> None:
    assert jsonschema_rs.is_valid(dict(DATA[path]), data) == fits
