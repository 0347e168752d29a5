"""The text of an explanation."""

import json

import pytest

from api.answers.explained import encode_explained, go_duration, name_of
from api.promql.explaining import Notes
from api.promql.syntax.parser import parse


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (1e-9, "1ns"),
        (1.5e-6, "1.5µs"),
        (0.00123, "1.23ms"),
        (0.9999, "999.9ms"),
        (1.0, "1s"),
        (62.25, "1m2.25s"),
        (3600.0, "1h0m0s"),
    ],
)
def test_times_are_written_as_go_does(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sum by (a) (x)", "[aggregation] sum by (a)"),
        ("topk without (a, b) (3, x)", "[aggregation] topk without (a, b)"),
        ("x + on (a) group_left () y", "[binaryExpr] + on (a) group_left ()"),
        ('x{a="b"} offset 5m', '[vectorSelector] x{a="b"} offset 5m'),
        ("x[5m]", "[matrixSelector] x[5m]"),
        ("rate(x[5m])", "[call] rate"),
        ("-x", "[unaryExpr] -"),
        ("(x)", "[parenExpr]"),
        ("x[1h:5m]", "[subquery] [1h:5m]"),
        ("1.5", "[numberLiteral] 1.5"),
        ("time()", "[call] time"),
    ],
)
def test_names_say_what_a_node_does(text: str, name: str) -> None:
    assert name_of(parse(text)) == name


def test_places_are_bytes_of_the_text() -> None:
    text = 'sum(x{a="ü"}) + 1'
    tree = json.loads(b"".join(encode_explained(parse(text), text, Notes(), {"k": 1})))
    left, right = tree["children"]
    assert tree["stats"] == {"k": 1}
    assert (left["text"], left["start"], left["end"]) == ('sum(x{a="ü"})', 0, 14)
    assert (right["text"], right["start"], right["end"]) == ("1", 17, 18)
    assert left["children"][0]["text"] == 'x{a="ü"}'
    assert left["children"][0]["series"] is None  # it was not evaluated


def test_depth_costs_no_recursion() -> None:
    text = "x" + " + x" * 3000
    answer = b"".join(encode_explained(parse(text), text, Notes(), {}))
    assert answer.count(b'"vectorSelector"') == 3001
