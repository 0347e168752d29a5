"""What plain scalars are, by YAML 1.2 as Go's library reads it."""

import pytest

from rules.files.scalars import integer_of, real_of, tag_of


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("", "!!null"),
        ("~", "!!null"),
        ("null", "!!null"),
        ("true", "!!bool"),
        ("yes", "!!str"),
        ("5", "!!int"),
        ("0x1F", "!!int"),
        ("1_000", "!!int"),
        ("-5", "!!int"),
        ("1.5", "!!float"),
        ("1e3", "!!float"),
        (".inf", "!!float"),
        ("5m", "!!str"),
        ("2026-01-02", "!!timestamp"),
        ("2026-1-2 3:4:5", "!!timestamp"),
        ("<<", "!!merge"),
        ("99999999999999999999", "!!float"),
        ("-", "!!str"),
    ],
)
def test_tags(value: str, tag: str) -> None:
    assert tag_of(value) == tag


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("5", 5),
        ("-0x10", -16),
        ("0b101", 5),
        ("0o17", 15),
        ("017", 15),
        ("+7", 7),
        ("1.5", None),
        ("08", None),
        ("9" * 200, None),
    ],
)
def test_integers(value: str, number: int | None) -> None:
    assert integer_of(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [("5", 5.0), ("1.5e3", 1500.0), ("-.inf", float("-inf")), ("a", None), ("~", None)],
)
def test_reals(value: str, number: float | None) -> None:
    assert real_of(value) == number
