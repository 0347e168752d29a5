"""Tests of label names in paths."""

import pytest

from api.endpoints.label_names import unescape_label_name
from api.errors import BadData


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("job", "job"),
        ("service.name", "service.name"),
        ("_2e_", "_2e_"),
        ("U__service_2e_name", "service.name"),
        ("U__a__b", "a_b"),
        ("U___2E__1f600_", ".\U0001f600"),
        ("U__a_b", "U__a_b"),
        ("U__a_", "U__a_"),
        ("U__a_zz_", "U__a_zz_"),
        ("U__a_d800_", "U__a_d800_"),
        ("U__a_110000_", "U__a_110000_"),
        ("U__a_0000041_", "U__a_0000041_"),
        ("ünï", "ünï"),
    ],
)
def test_label_names_in_paths(text: str, name: str) -> None:
    assert unescape_label_name(text) == name


@pytest.mark.parametrize("text", ["", "a\udcff", "U__"])
def test_no_label_names(text: str) -> None:
    with pytest.raises(BadData, match="^invalid label name: "):
        unescape_label_name(text)
