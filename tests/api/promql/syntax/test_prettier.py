"""Formatting over several lines."""

import pytest

from api.promql.errors import BadQuery
from api.promql.features import ALL_FEATURES
from api.promql.syntax.parser import parse
from api.promql.syntax.prettier import DEPTH_MAX, prettify


@pytest.mark.parametrize(
    "text, lines",
    [
        ("a+b", ["a + b"]),
        ("foo_bar{a='b'}", ['foo_bar{a="b"}']),
        ("foo_bar + b * c", ["  foo_bar", "+", "  b * c"]),
        (
            "foo_bar == bool on(x) group_left b",
            ["  foo_bar", "== bool on (x) group_left ()", "  b"],
        ),
        ("sum by (x) (foo)", ["sum by (x) (", "  foo", ")"]),
        ("topk(5, foo_bar)", ["topk(", "  5,", "  foo_bar", ")"]),
        ("clamp(foo, 1, 2)", ["clamp(", "  foo,", "  1,", "  2", ")"]),
        ("(foo_bar_baz)", ["(", "  foo_bar_baz", ")"]),
        ("-(foo_bar_baz)", ["-(", "  foo_bar_baz", ")"]),
        ("--(foo_bar_b)", ["--(", "  foo_bar_b", ")"]),
        ("abs(foo)[1h:5m]", ["abs(foo)[1h:5m]"]),
        ("abs(foo_bar)[1h:]", ["abs(", "  foo_bar", ")[1h:]"]),
        ("foo_bar - -foo_bar", ["  foo_bar", "-", "  -foo_bar"]),
        ("'ééééé'", ['"ééééé"']),
        ("('éééé')", ["(", '  "éééé"', ")"]),
        ("('eeee')", ['("eeee")']),
    ],
)
def test_lines_of_ten_bytes(text: str, lines: list[str]) -> None:
    assert prettify(parse(text), line_bytes_max=10).split("\n") == lines


def test_a_subquery_that_fits_is_not_indented() -> None:
    text = prettify(parse("max_over_time(a[1h:])"), line_bytes_max=10)
    assert text == "max_over_time(\na[1h:]\n)"


def test_the_default_is_a_hundred_bytes() -> None:
    assert "\n" not in prettify(parse(f"{'a' * 49} +{'b' * 48}"))
    assert "\n" in prettify(parse(f"{'a' * 49} +{'b' * 49}"))


def test_depth_is_limited() -> None:
    prettify(parse("-" * 5_000 + "a", ALL_FEATURES))
    with pytest.raises(BadQuery, match=f"more than {DEPTH_MAX} deep"):
        prettify(parse("abs(" * 5_000 + "a" + ")" * 5_000, ALL_FEATURES))
