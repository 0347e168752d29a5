"""Tests of the settings of the HTTP API."""

from dataclasses import fields

import pytest

from api.web.cors import Cors
from api.web.options import ApiOptions


@pytest.mark.parametrize("name", [field.name for field in fields(ApiOptions)])
def test_every_setting_has_a_key_and_a_sentence(name: str) -> None:
    metadata = next(field.metadata for field in fields(ApiOptions) if field.name == name)
    assert metadata["key"]
    assert metadata["help"].endswith(".")


def test_the_defaults_are_usable() -> None:
    options = ApiOptions()
    assert Cors(options.cors_origin).headers("http://a")["Access-Control-Allow-Origin"] == "*"
    for field in fields(options):
        if field.metadata["kind"] in ("integer", "bytes", "duration"):
            may_be_off = "0: no limit." in field.metadata["help"]
            assert getattr(options, field.name) > (-1 if may_be_off else 0)
