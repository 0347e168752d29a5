"""The texts of mismatches."""

import math

import pytest

from rules.unit_tests.natives import parse_native
from rules.unit_tests.reports import (
    FiringAlert,
    alert_mismatch,
    exponent_text,
    expression_mismatch,
)

ALERT = FiringAlert({"b": "2", "a": "1"}, {"s": 'a "quoted" text'})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (50.0, "5E+01"),
        (0.0, "0E+00"),
        (-1.25, "-1.25E+00"),
        (1e-7, "1E-07"),
        (123456789.0, "1.23456789E+08"),
        (1 / 3, "3.333333333333333E-01"),
        (1e300, "1E+300"),
        (100.5, "1.005E+02"),
        (math.inf, "+Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert exponent_text(value) == text


def test_alerts() -> None:
    assert alert_mismatch("t", "A", 90_000, ([], [ALERT, ALERT])) == (
        "    name: t,\n"
        "    alertname: A, time: 1m30s, \n"
        "        exp:[], \n"
        "        got:[\n"
        "            0:\n"
        '              Labels:{a="1", b="2"}\n'
        '              Annotations:{s="a \\"quoted\\" text"},\n'
        "            1:\n"
        '              Labels:{a="1", b="2"}\n'
        '              Annotations:{s="a \\"quoted\\" text"}\n'
        "            ]"
    )
    assert alert_mismatch("", "A", 0, ([], [])).startswith("    alertname: A, time: 0s, \n")


def test_expressions() -> None:
    native = parse_native("count:1 sum:2 buckets:[1]")
    samples = [({"__name__": "a", "x": "1"}, 1.0), ({}, native)]
    assert expression_mismatch('a{x="1"}', 60_000, ([], samples)) == (
        '    expr: "a{x=\\"1\\"}", time: 1m,\n'
        "        exp: nil\n"
        '        got: {__name__="a", x="1"} 1E+00, {} {{count:1 sum:2 buckets:[1]}}'
    )
