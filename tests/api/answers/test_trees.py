"""Trees as JSON: every node of the language, keys sorted, and trees too deep to recurse over."""

import json
from typing import Any

import pytest

from api.answers import trees
from api.answers.trees import encode_tree
from api.promql.features import ALL_FEATURES
from api.promql.syntax.parser import parse


def tree(text: str) -> Any:
    return json.loads(b"".join(encode_tree(parse(text, ALL_FEATURES))))


def number(text: str) -> dict[str, Any]:
    return {"type": "numberLiteral", "val": text}


def seconds(text: str, *, duration: bool = True) -> dict[str, Any]:
    return number(text) | {"duration": duration}


def duration(op: str, lhs: Any, rhs: Any, *, wrapped: bool = False) -> dict[str, Any]:
    return {"type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped}


SHIFT = {"offset": 0, "offsetExpr": None, "timestamp": None, "startOrEnd": None}
PLAIN = {"anchored": False, "smoothed": False}
SHORTER = duration("-", seconds("5"), seconds("8", duration=False), wrapped=True)
STEP = duration("step", None, None)


def selector(name: str, **changes: Any) -> dict[str, Any]:
    matchers = [{"name": "__name__", "type": "=", "value": name}]
    return {
        "type": "vectorSelector",
        "name": name,
        "matchers": matchers,
        **SHIFT,
        **PLAIN,
    } | changes


def ranged(name: str, range_ms: int, range_expr: Any = None, **changes: Any) -> dict[str, Any]:
    own = {"type": "matrixSelector", "range": range_ms, "rangeExpr": range_expr}
    return selector(name) | own | changes


NO_MATCHING = {
    "card": "one-to-one",
    "fillValues": {"lhs": None, "rhs": None},
    "include": [],
    "labels": [],
    "on": False,
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("0x10", number("16")),
    ("-Inf", number("-Inf")),
    ("-a", {"type": "unaryExpr", "op": "-", "expr": selector("a")}),
    ("NaN", number("NaN")),
    ("1e100", number("1" + 100 * "0")),
    ('"a\\"ü"', {"type": "stringLiteral", "val": 'a"ü'}),
    ('"\\xff"', {"type": "stringLiteral", "val": "�"}),
    ("(a)", {"type": "parenExpr", "expr": selector("a")}),
    ("a", selector("a")),
    ("a offset -5m", selector("a", offset=-300_000)),
    ("a @ 1.5", selector("a", timestamp=1500)),
    ("a @ start()", selector("a", startOrEnd="start")),
    ("a @ end()", selector("a", startOrEnd="end")),
    ("a offset (5s-8)", selector("a", offsetExpr=SHORTER)),
    (
        '{b!~"x.*",c="y"}',
        selector("")
        | {
            "matchers": [
                {"name": "b", "type": "!~", "value": "x.*"},
                {"name": "c", "type": "=", "value": "y"},
            ]
        },
    ),
    ("a[5m] offset 1m", ranged("a", 300_000, offset=60_000)),
    ("a[5m+1m]", ranged("a", 0, duration("+", seconds("300"), seconds("60")))),
    ("a[step()]", ranged("a", 0, STEP)),
    ("a[max_of(step(),1m)]", ranged("a", 0, duration("max_of", STEP, seconds("60")))),
    ("a[1m] anchored", ranged("a", 60_000, anchored=True)),
    (
        "a[5m:1m] @ end()",
        {"type": "subquery", "expr": selector("a"), "range": 300_000, "rangeExpr": None}
        | {"step": 60_000, "stepExpr": None, **SHIFT, "startOrEnd": "end"},
    ),
    (
        "a[1h:step()*2]",
        {"type": "subquery", "expr": selector("a"), "range": 3_600_000, "rangeExpr": None}
        | {"step": 0, "stepExpr": duration("*", STEP, seconds("2", duration=False)), **SHIFT},
    ),
    (
        "round(a, 2)",
        {
            "type": "call",
            "func": {
                "name": "round",
                "argTypes": ["vector", "scalar"],
                "variadic": 1,
                "returnType": "vector",
            },
            "args": [selector("a"), number("2")],
        },
    ),
    (
        "time()",
        {
            "type": "call",
            "func": {"name": "time", "argTypes": [], "variadic": 0, "returnType": "scalar"},
            "args": [],
        },
    ),
    (
        "topk by (x, y) (3, a)",
        {"type": "aggregation", "op": "topk", "expr": selector("a"), "param": number("3")}
        | {"grouping": ["x", "y"], "without": False},
    ),
    (
        "sum without () (a)",
        {"type": "aggregation", "op": "sum", "expr": selector("a"), "param": None}
        | {"grouping": [], "without": True},
    ),
    (
        "1 > bool 2",
        {"type": "binaryExpr", "op": ">", "lhs": number("1"), "rhs": number("2")}
        | {"bool": True, "matching": None},
    ),
    (
        "a and b",
        {"type": "binaryExpr", "op": "and", "lhs": selector("a"), "rhs": selector("b")}
        | {"bool": False, "matching": NO_MATCHING | {"card": "many-to-many"}},
    ),
    (
        "a * on(x) group_left(y) fill_right(0) b",
        {"type": "binaryExpr", "op": "*", "lhs": selector("a"), "rhs": selector("b")}
        | {
            "bool": False,
            "matching": NO_MATCHING
            | {"card": "many-to-one", "on": True, "labels": ["x"], "include": ["y"]}
            | {"fillValues": {"lhs": None, "rhs": 0}},
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "want"), CASES, ids=[text for text, _ in CASES])
def test_nodes(text: str, want: dict[str, Any]) -> None:
    assert tree(text) == want


def test_what_json_has_no_number_for_is_a_text() -> None:
    fills = tree("a + fill_left(NaN) fill_right(0.5) b")["matching"]["fillValues"]
    assert fills == {"lhs": "NaN", "rhs": 0.5}


def test_keys_are_sorted_as_in_maps_of_go() -> None:
    for text, _ in CASES:
        json.loads(
            b"".join(encode_tree(parse(text, ALL_FEATURES))),
            object_pairs_hook=lambda pairs, text=text: _sorted(pairs, text),
        )


def _sorted(pairs: list[tuple[str, Any]], text: str) -> None:
    names = [name for name, _ in pairs]
    assert names == sorted(names), text


def test_depth_costs_no_recursion_and_blocks_are_bounded() -> None:
    depth = 3 * trees.BLOCK_PIECES
    blocks = list(encode_tree(parse("-" * depth + "a", ALL_FEATURES)))
    assert len(blocks) > 3
    text = b"".join(blocks)
    assert text.count(b'"type":"unaryExpr"') == depth
    assert text.count(b"{") == text.count(b"}")
