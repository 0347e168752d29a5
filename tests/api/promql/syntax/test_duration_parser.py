"""Duration expressions in ranges and after offset."""

import pytest

from api.promql.errors import ParseError
from api.promql.features import Features
from api.promql.syntax.duration_parser import DurationParser
from api.promql.syntax.nodes import DurationExpr, Subquery, VectorSelector
from api.promql.syntax.parser import parse
from api.promql.syntax.printer import to_string
from api.promql.syntax.tokens import TokenStream


def shape(expr: DurationExpr | None) -> object:
    """The tree as nested tuples; wrapped ones in a list."""
    if expr is None:
        return None
    if not expr.op:
        return expr.value
    children = tuple(shape(child) for child in (expr.lhs, expr.rhs) if child is not None)
    return [(expr.op, *children)] if expr.wrapped else (expr.op, *children)


def whole(text: str) -> object:
    """The expression in brackets."""
    tokens = TokenStream(f"[{text}]".encode())
    tokens.take()
    return shape(DurationParser(tokens, Features(), "a range", "a duration").whole())


@pytest.mark.parametrize(
    "text, expected",
    [
        ("5m", 300.0),
        ("-5m", -300.0),
        ("+-5", -5.0),
        ("1+2*3", ("+", 1.0, ("*", 2.0, 3.0))),
        ("1-2-3", ("-", ("-", 1.0, 2.0), 3.0)),
        ("2^3^2", ("^", 2.0, ("^", 3.0, 2.0))),
        ("-2^2", ("-", ("^", 2.0, 2.0))),
        ("2^-1*3", ("*", ("^", 2.0, -1.0), 3.0)),
        ("6/2%4", ("%", ("/", 6.0, 2.0), 4.0)),
        ("(1+2)*3", ("*", [("+", 1.0, 2.0)], 3.0)),
        ("(5m)", [("+", 300.0)]),
        ("-(1+2)", ("-", [("+", 1.0, 2.0)])),
        ("+step()", ("step",)),
        ("-step()+range()", ("+", ("-", ("step",)), ("range",))),
        ("max_of(1,min_of(step(),2)+1)", ("max_of", 1.0, ("+", ("min_of", ("step",), 2.0), 1.0))),
    ],
)
def test_whole(text: str, expected: object) -> None:
    assert whole(text) == expected


@pytest.mark.parametrize(
    "text, offset, rest",
    [
        ("5m + 1", "5m", "+ 1"),
        ("-5 ^ 2", "-5s", "^ 2"),
        ("step() * 2", "step()", "* 2"),
        ("-min_of(1s, 2s) + 8", "-min_of(1s, 2s)", "+ 8"),
        ("-(1m + 1m) * 2", "-(1m + 1m)", "* 2"),
        ("(1m) * 2", "(1m) * 2", ""),
        ("--1m * 2", "1m * 2", ""),
    ],
)
def test_how_much_belongs_to_an_offset(text: str, offset: str, rest: str) -> None:
    printed = to_string(parse(f"a offset {text}"))
    assert printed == f"a offset {offset} {rest}".rstrip()


@pytest.mark.parametrize(
    "text, message",
    [
        ("a[0]", "1:3: duration must be greater than 0"),
        ("a[-5m]", "1:3: duration must be greater than 0"),
        ("a[5m:0s]", "1:6: duration must be greater than 0"),
        ("a[1e10]", "1:3: duration out of range"),
        ("a[5m1h]", '1:3: not a valid duration string: "5m1h"'),
        ("a[1/0]", "1:4: division by zero"),
        ("a[1%0s]", "1:4: modulo by zero"),
        ("a offset -1e10", "1:10: duration out of range"),
        ("a offset b", '1:10: unexpected identifier "b" in offset, expected number, duration, '),
        ("a offset (1m) + b", '1:17: unexpected identifier "b" in offset, expected number'),
        ("a[1+]", '1:5: unexpected "]" in subquery or range selector, expected number, duration'),
        ("a[5m 5m]", '1:6: unexpected duration "5m" in subquery or range, expected ":" or "]"'),
        ("a[5m:1+]", '1:8: unexpected "]" in subquery selector, expected number, duration'),
        ("a[5m:5m 5]", '1:9: unexpected number "5" in subquery selector, expected "]"'),
        ("a[min_of(1)]", '1:11: unexpected ")" in subquery or range selector'),
    ],
)
def test_error(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value).replace("parse error: ", "").startswith(message)


@pytest.mark.parametrize(
    "text, start", [("a[1+2]", 2), ("a[step()]", 2), ("a offset (5m)", 10), ("a[max_of(1,2)]", 2)]
)
def test_arithmetic_can_be_off(text: str, start: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text, Features(duration_expr=False))
    assert caught.value.message == "experimental duration expression is not enabled"
    assert caught.value.start == start
    assert to_string(parse("a[5m] offset -1m", Features(duration_expr=False)))


def test_positions() -> None:
    subquery = parse("a[1m + step():-max_of(1, 2)] offset -(5s)", Features())
    assert isinstance(subquery, Subquery)
    found = [subquery.range_expr, subquery.step_expr, subquery.shift.offset_expr]
    assert [(e.start, e.end) for e in found if e is not None] == [(2, 13), (14, 27), (36, 40)]


def test_literals_become_milliseconds() -> None:
    selector = parse("a offset -1.0019")
    assert isinstance(selector, VectorSelector)
    assert (selector.shift.offset_ms, selector.shift.offset_expr) == (-1001, None)
