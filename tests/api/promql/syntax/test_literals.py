"""Numbers and strings of the language."""

import math

import pytest

from api.promql.syntax.literals import parse_number, unquote


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0", 0.0),
        ("17", 17.0),
        ("017", 15.0),
        ("08", 8.0),
        ("0_7", 7.0),
        ("0x1F", 31.0),
        ("0X_1f", 31.0),
        ("1_000", 1000.0),
        ("1_000.5", 1000.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("9223372036854775807", 2.0**63),
        ("9223372036854775808", 2.0**63),
        ("18446744073709551616", 2.0**64),
        ("Inf", math.inf),
        ("inf", math.inf),
        ("1" * 300, float("1" * 300)),
    ],
)
def test_number(text: str, expected: float) -> None:
    assert parse_number(text) == expected


def test_nan() -> None:
    assert math.isnan(parse_number("NaN"))


@pytest.mark.parametrize(
    "text, reason",
    [
        ("1e400", "value out of range"),
        ("1" * 400, "value out of range"),
        ("1__0", "invalid syntax"),
        ("0_8_", "invalid syntax"),
        (".5.5", "invalid syntax"),
        ("1e", "invalid syntax"),
        ("0x", "invalid syntax"),
        ("0xFFFFFFFFFFFFFFFFFF", "invalid syntax"),
    ],
)
def test_bad_number(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_number(text)
    assert str(caught.value) == f'strconv.ParseFloat: parsing "{text}": {reason}'


@pytest.mark.parametrize(
    "literal, expected",
    [
        ('""', ""),
        ("'a\"b'", 'a"b'),
        (r'"a\"b\n\t\\"', 'a"b\n\t\\'),
        (r"'\''", "'"),
        ("`a\\d\n`", "a\\d\n"),
        (r'"\x41\101\u0042\U00000043"', "AABC"),
        (r'"\xe2\x82\xac"', "€"),
        (r'"\xff"', "\udcff"),
        (r'"\u20ac\xff"', "€\udcff"),
        (r'"\a\b\f\r\v"', "\a\b\f\r\v"),
        (r'"\\x41"', r"\x41"),
        ('"日本"', "日本"),
    ],
)
def test_unquote(literal: str, expected: str) -> None:
    assert unquote(literal) == expected
