"""Expressions: precedence, calls, aggregations, positions, depth, and the first error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.errors import ParseError
from api.promql.features import ALL_FEATURES
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    Card,
    Node,
    NumberLiteral,
    Paren,
    StringLiteral,
    Unary,
    VectorMatching,
    VectorSelector,
)
from api.promql.syntax.parser import parse
from api.promql.syntax.printer import to_string


def shape(node: Node) -> object:
    """The tree of operators and names as nested tuples."""
    match node:
        case Binary():
            return (node.op, shape(node.lhs), shape(node.rhs))
        case Unary():
            return (node.op, shape(node.expr))
        case Paren():
            return [shape(node.expr)]
        case Call():
            return (node.func, *map(shape, node.args))
        case NumberLiteral() | StringLiteral():
            return node.value
    assert isinstance(node, VectorSelector)
    return node.name


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a + b * c", ("+", "a", ("*", "b", "c"))),
        ("a - b - c", ("-", ("-", "a", "b"), "c")),
        ("a ^ b ^ c", ("^", "a", ("^", "b", "c"))),
        ("a or b and c unless d", ("or", "a", ("unless", ("and", "b", "c"), "d"))),
        ("a == b > c", (">", ("==", "a", "b"), "c")),
        ("a </ b + c", ("</", "a", ("+", "b", "c"))),
        ("a atan2 b % c", ("%", ("atan2", "a", "b"), "c")),
        ("-a ^ b", ("-", ("^", "a", "b"))),
        ("-a * b", ("*", ("-", "a"), "b")),
        ("2 ^ -1 * 3", ("*", ("^", 2.0, -1.0), 3.0)),
        ("2 ^ -a ^ b", ("^", 2.0, ("-", ("^", "a", "b")))),
        ("- -a", ("-", ("-", "a"))),
        ("--1", 1.0),
        ("-1 ^ 2", ("-", ("^", 1.0, 2.0))),
        ("(a) + 5m", ("+", ["a"], 300.0)),
        ("by + sum", ("+", "by", "sum")),
        ("fill + fill", ("+", "fill", "fill")),
        ("and and and", ("and", "and", "and")),
        ("label_join(a, 'b', '', 'c')", ("label_join", "a", "b", "", "c")),
        ("start() + step()", ("+", ("start",), ("step",))),
        ("min_of(1, pi())", ("min_of", 1.0, ("pi",))),
    ],
)
def test_shape(text: str, expected: object) -> None:
    assert shape(parse(text, ALL_FEATURES)) == expected


@pytest.mark.parametrize(
    "text, op, grouping, without, param",
    [
        ("sum(a)", "sum", (), False, None),
        ("SUM(a) by (b, by)", "sum", ("b", "by"), False, None),
        ("sum without ('b c',) (a)", "sum", ("b c",), True, None),
        ("topk by () (5, a)", "topk", (), False, 5.0),
        ("count_values('v', a) without (x)", "count_values", ("x",), True, "v"),
    ],
)
def test_aggregate(
    text: str, op: str, grouping: tuple[str, ...], without: bool, param: object
) -> None:
    node = parse(text)
    assert isinstance(node, Aggregate)
    assert (node.op, node.grouping, node.without) == (op, grouping, without)
    assert param == (None if node.param is None else shape(node.param))
    assert shape(node.expr) == "a"


@pytest.mark.parametrize(
    "modifiers, expected",
    [
        ("", VectorMatching()),
        ("on (x)", VectorMatching(on=True, labels=("x",))),
        ("ignoring (x)", VectorMatching(labels=("x",))),
        ("on () group_left", VectorMatching(Card.MANY_TO_ONE, True)),
        ("on () group_left (y)", VectorMatching(Card.MANY_TO_ONE, True, (), ("y",))),
        ("ignoring () group_right ()", VectorMatching(Card.ONE_TO_MANY)),
        ("fill (5)", VectorMatching(fill_left=5.0, fill_right=5.0)),
        ("fill_left (-5)", VectorMatching(fill_left=-5.0)),
        ("fill_right (1m) fill_left (+2)", VectorMatching(fill_left=2.0, fill_right=60.0)),
        ("on () group_left fill (0)", VectorMatching(Card.MANY_TO_ONE, True, (), (), 0.0, 0.0)),
    ],
)
def test_matching(modifiers: str, expected: VectorMatching) -> None:
    node = parse(f"a > bool {modifiers} b", ALL_FEATURES)
    assert isinstance(node, Binary) and node.matching is not None
    assert node.return_bool
    found = {name: getattr(node.matching, name) for name in VectorMatching.__slots__}
    assert found == {name: getattr(expected, name) for name in VectorMatching.__slots__}


def test_matching_is_for_two_vectors() -> None:
    for text in ("a + 1", "1 + a", "1 + 1"):
        node = parse(text)
        assert isinstance(node, Binary) and node.matching is None
    node = parse("a and on (b) c")
    assert isinstance(node, Binary) and node.matching is not None
    assert node.matching.card is Card.MANY_TO_MANY


@pytest.mark.parametrize(
    "text, start, end",
    [
        (" 5 ", 1, 2),
        (" - 5", 1, 4),
        ("- a", 0, 3),
        ("(a) ", 0, 3),
        ("a + (b) ", 0, 7),
        ("'é' ", 0, 4),
        ("rate(a[5m]) ", 0, 11),
        ("sum(a) ", 0, 6),
        ("sum(a) by (b) ", 0, 13),
        ("sum by (b) (a) ", 0, 14),
    ],
)
def test_position(text: str, start: int, end: int) -> None:
    node = parse(text)
    assert (node.start, node.end) == (start, end)


def test_an_aggregation_ends_before_the_parenthesis_behind_it() -> None:
    node = parse("(sum(a) )")
    assert isinstance(node, Paren)
    assert node.expr.end == 7


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "unknown position: no expression found in input"),
        (" # c", "1:1: no expression found in input"),
        ("a\n+", "2:2: unexpected end of input"),
        ("a b", '1:3: unexpected identifier "b"'),
        ("abs(a b)", '1:7: unexpected identifier "b"'),
        ("sum(a b)", '1:7: unexpected identifier "b" in aggregation'),
        ("sum((abs(a b", '1:12: unexpected identifier "b" in aggregation'),
        ("sum by (x) a", '1:12: unexpected identifier "a" in aggregation'),
        ("sum(a) b", '1:8: unexpected identifier "b"'),
        ("sum by (a) (b) by (c)", "1:16: unexpected <by>"),
        ("()", '1:2: unexpected ")"'),
        ("abs(,)", '1:5: unexpected ","'),
        ("a,", '1:2: unexpected ","'),
        ("(a,b)", '1:3: unexpected ","'),
        ("abs(a,)", "1:6: trailing commas not allowed in function call args"),
        ("abs(a,,b)", "1:6: trailing commas not allowed in function call args"),
        ("abs(a,", "1:7: unclosed left parenthesis"),
        ("nosuch(", "1:8: unclosed left parenthesis"),
        ("nosuch(a) $", '1:1: unknown function with name "nosuch"'),
        ("START()", '1:1: unknown function with name "START"'),
        ("sum()", "1:1: no arguments for aggregate expression provided"),
        ("sum() $", "1:7: unexpected character: '$'"),
        ("sum by (a) () $", "1:1: no arguments for aggregate expression provided"),
        (
            "topk(a)",
            "1:1: wrong number of arguments for aggregate expression provided, expected 2, got 1",
        ),
        ("a + fill(b) c", '1:10: unexpected identifier "b"'),
        ("a + fill(1 c", '1:12: unexpected identifier "c"'),
        ("fill(1)", '1:5: unexpected "("'),
        ("a group_left b", "1:3: unexpected <group_left>"),
        (
            "1e400 $",
            '1:1: error parsing number: strconv.ParseFloat: parsing "1e400": value out of ',
        ),
        ("1m1h $", '1:1: not a valid duration string: "1m1h"'),
    ],
)
def test_first_error(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text, ALL_FEATURES)
    assert str(caught.value).replace("parse error: ", "").startswith(message)


@pytest.mark.parametrize(
    "text, message",
    [
        ("info(a)", '1:1: function "info" is not enabled'),
        (
            "1 + limitk(1, a)",
            "1:5: limitk() is experimental and must be enabled with "
            "--enable-feature=promql-experimental-functions",
        ),
        ("1 + (a + fill(1) b)", "1:6: binop fill modifiers are experimental and not enabled"),
    ],
)
def test_features_can_be_off(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value).replace("parse error: ", "") == message
    parse(text, ALL_FEATURES)


@pytest.mark.parametrize(
    "text",
    [
        "+".join(["a"] * 10_000),
        "^".join(["a"] * 10_000),
        "-" * 20_000 + "a",
        "(" * 10_000 + "a" + ")" * 10_000,
        "abs(" * 5_000 + "a" + ")" * 5_000,
        "sum(" * 5_000 + "a" + ")" * 5_000,
        "max_over_time((" * 1_000 + "a" + ")[5m:1m])" * 1_000,
        "a[" + "(" * 10_000 + "5" + ")" * 10_000 + "]",
        "a[" + "min_of(1," * 5_000 + "5" + ")" * 5_000 + "]",
        "a offset " + "-" * 10_000 + "5",
    ],
    ids=[
        "sum",
        "power",
        "signs",
        "parens",
        "calls",
        "sums",
        "subqueries",
        "ranges",
        "min",
        "offset",
    ],
)
def test_depth_is_no_limit(text: str) -> None:
    node = parse(text, ALL_FEATURES)
    assert to_string(parse(to_string(node), ALL_FEATURES)) == to_string(node)


@pytest.mark.parametrize(
    "text", ["(" * 20_000, "a" + "==" * 10_000, "{" * 20_000, "a[" + "-" * 20_000]
)
def test_long_nonsense_is_an_error(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


def test_text_that_is_no_unicode_is_an_error() -> None:
    for text in ("'\udcff'", "'\ud800'", "\ud800"):
        with pytest.raises(ParseError):
            parse(text)


WORDS = """
a b:c 5 5m 1e 'x' "y sum topk by without on ignoring group_left bool offset @ start end ( ) [ ] { }
, = =~ == != + - * ^ and or rate abs [5m] [5m:] fill(1) anchored # \n step() nosuch ! é
"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=12))
def test_any_tokens_parse_or_fail(tokens: list[str]) -> None:
    try:
        node = parse(" ".join(tokens), ALL_FEATURES)
    except ParseError as error:
        assert error.message
        return
    text = to_string(node)
    assert to_string(parse(text, ALL_FEATURES)) == text
