"""Number and string formats: a table of rules, and what Go itself gave (shared golden data)."""

import json
import math
import struct

import pytest

from api.promql import go_format
from tests.shared import GO_GOLDEN


@pytest.mark.parametrize(
    ("value", "g", "f", "open_metrics"),
    [
        (0.0, "0", "0", "0.0"),
        (-0.0, "-0", "-0", "-0.0"),
        (1.0, "1", "1", "1.0"),
        (-2.5, "-2.5", "-2.5", "-2.5"),
        (123456.0, "123456", "123456", "123456.0"),
        (1234567.0, "1.234567e+06", "1234567", "1.234567e+06"),
        (0.0001, "0.0001", "0.0001", "0.0001"),
        (0.00001, "1e-05", "0.00001", "1e-05"),
        (1e300, "1e+300", "1" + "0" * 300, "1e+300"),
        (5e-324, "5e-324", "0." + "0" * 323 + "5", "5e-324"),
        (math.inf, "+Inf", "+Inf", "+Inf"),
        (-math.inf, "-Inf", "-Inf", "-Inf"),
        (math.nan, "NaN", "NaN", "NaN"),
    ],
)
def test_formats(value: float, g: str, f: str, open_metrics: str) -> None:
    assert go_format.format_g(value) == g
    assert go_format.format_f(value) == f
    assert go_format.format_open_metrics(value) == open_metrics


@pytest.mark.parametrize(
    ("value", "text"),
    [(100.0, "1e+02"), (0.12345, "0.12"), (9.99, "10"), (0.0, "0"), (math.inf, "+Inf")],
)
def test_two_digits(value: float, text: str) -> None:
    assert go_format.format_g2(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1e+00"), (0.0, "0e+00"), (-0.0, "-0e+00"), (12.5, "1.25e+01"), (-0.001, "-1e-03"),
        (1.353755652e9, "1.353755652e+09"), (5e-324, "5e-324"), (1e100, "1e+100"),
        (float("nan"), "NaN"), (float("inf"), "+Inf"), (float("-inf"), "-Inf"),
    ],
)  # fmt: skip
def test_always_with_an_exponent(value: float, text: str) -> None:
    assert go_format.format_e(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1_000.5", 1000.5),
        ("0x1p4", 16.0),
        ("-0X1.8P-1", -0.75),
        ("+infinity", math.inf),
        ("-iNf", -math.inf),
        (".5", 0.5),
        ("5.", 5.0),
        ("0x10", None),
        ("0x1p99999", None),
        ("1e400", None),
        (" 1", None),
        ("1\n", None),
        ("1__0", None),
        ("_1", None),
        ("", None),
        (".", None),
        ("+nan", None),
        ("-nan", None),
        ("1 2", None),
        ("--1", None),
        ("e", None),
        ("0x", None),
        ("+", None),
        ("é", None),
        ("١", None),
    ],
)
def test_parse_float(text: str, value: float | None) -> None:
    assert go_format.parse_float(text) == value


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\n\t\x01\x7f", '"\\n\\t\\x01\\x7f"'),
        ("é\u00a0\u200b", '"é\\u00a0\\u200b"'),
        ("\udcff", '"\\xff"'),
        ("😀\U000e0001", '"😀\\U000e0001"'),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert go_format.quote(text) == quoted


def test_format_labels() -> None:
    labels = {"__name__": "m", "a": 'x"', "http.status": "200"}
    assert go_format.format_labels(labels) == r'{__name__="m", a="x\"", "http.status"="200"}'
    assert go_format.format_labels({}) == "{}"


@pytest.mark.skipif(not GO_GOLDEN.exists(), reason="the shared golden data is not there")
def test_golden() -> None:
    golden = json.loads(GO_GOLDEN.read_text())
    for case in golden["floats"]:
        value = struct.unpack(">d", bytes.fromhex(case["bits"]))[0]
        assert go_format.format_g(value) == case["g"]
        assert go_format.format_f(value) == case["f"]
        assert go_format.format_g2(value) == case["g2"]
    for case in golden["parse_float"]:
        parsed = go_format.parse_float(case["s"])
        assert (parsed is None) == bool(case["err"]), case
        assert parsed is None or go_format.format_g(parsed) == case["v"]
