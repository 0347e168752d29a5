"""Numbers of test files."""

import pytest

from rules.unit_tests.numbers import parse_value


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1.0), ("-2.5", -2.5), ("+1e3", 1000.0), ("-1m30s", -90.0)]
)
def test_values(text: str, value: float) -> None:
    assert parse_value(text) == value


def test_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        parse_value("x")
