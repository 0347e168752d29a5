"""Selectors, what follows them, and label lists."""

import pytest

from api.promql.errors import ParseError
from api.promql.features import ALL_FEATURES
from api.promql.syntax.nodes import MatrixSelector, Subquery, VectorSelector
from api.promql.syntax.parser import parse
from storage.labels.matchers import Matcher


def selector(text: str) -> VectorSelector:
    node = parse(text, ALL_FEATURES)
    assert isinstance(node, VectorSelector)
    return node


@pytest.mark.parametrize(
    "text, name, matchers",
    [
        ("up", "up", [("__name__", "=", "up")]),
        ("up{}", "up", [("__name__", "=", "up")]),
        ("sum{a='b',}", "sum", [("a", "=", "b"), ("__name__", "=", "sum")]),
        ('{"a.b", c!=`d`}', "", [("__name__", "=", "a.b"), ("c", "!=", "d")]),
        ('{"a b"=~"c", on!~"d"}', "", [("a b", "=~", "c"), ("on", "!~", "d")]),
        ('{a="\\xff"}', "", [("a", "=", "\udcff")]),
        ('{a=~"\\xff", b="c"}', "", [("a", "=~", "\udcff"), ("b", "=", "c")]),
    ],
)
def test_matchers(text: str, name: str, matchers: list[tuple[str, str, str]]) -> None:
    node = selector(text)
    assert (node.name, node.matchers) == (name, tuple(Matcher(*m) for m in matchers))


@pytest.mark.parametrize(
    "text, offset_ms, at_ms, at_edge",
    [
        ("a", 0, None, ""),
        ("a offset 5m", 300_000, None, ""),
        ("a offset -1.5", -1_500, None, ""),
        ("a offset 0 offset 5s", 5_000, None, ""),
        ("a @ 1.0005", 0, 1_001, ""),
        ("a @ -1.0005", 0, -1_001, ""),
        ("a @ 5m offset 1m", 60_000, 300_000, ""),
        ("a offset 1m @ Start()", 60_000, None, "start"),
        ("a @ end()", 0, None, "end"),
        ("a @ 1e18", 0, -(1 << 63), ""),
    ],
)
def test_shift(text: str, offset_ms: int, at_ms: int | None, at_edge: str) -> None:
    shift = selector(text).shift
    assert (shift.offset_ms, shift.at_ms, shift.at_edge) == (offset_ms, at_ms, at_edge)
    matrix, subquery = parse(text.replace("a", "a[5m]", 1)), parse(text.replace("a", "a[5m:]", 1))
    assert isinstance(matrix, MatrixSelector) and isinstance(subquery, Subquery)
    assert [matrix.selector.shift.offset_ms, subquery.shift.offset_ms] == [offset_ms] * 2


def test_extended_ranges() -> None:
    assert selector("a anchored").anchored and selector("a smoothed").smoothed
    matrix = parse("a[5m] offset 1m smoothed", ALL_FEATURES)
    assert isinstance(matrix, MatrixSelector) and matrix.selector.smoothed


def test_modifiers_extend_the_node() -> None:
    matrix = parse(" a[5m] offset 1m @ end() ")
    assert isinstance(matrix, MatrixSelector)
    assert (matrix.start, matrix.end, matrix.selector.end) == (1, 24, 2)
    assert matrix.range_ms == 300_000


def test_subquery() -> None:
    node = parse("a[1h:5m]")
    assert isinstance(node, Subquery)
    assert (node.range_ms, node.step_ms, node.start, node.end) == (3_600_000, 300_000, 0, 8)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a{,}", '1:3: unexpected "," in label matching, expected identifier or "}"'),
        ("a{b}", '1:4: unexpected "}" in label matching, expected label matching operator'),
        ("a{b=}", '1:5: unexpected "}" in label matching, expected string'),
        ("a{'b'=c}", '1:7: unexpected identifier "c" in label matching, expected string'),
        ("a{b='c' d}", '1:9: unexpected identifier "d" in label matching, expected "," or "}"'),
        ("a{b=~'*'}", "1:3: error parsing regexp: missing argument to repetition operator: `*`"),
        ("a @", "1:4: unexpected end of input in @, expected timestamp"),
        ("a @ start", "1:10: unexpected end of input in @, expected timestamp"),
        ("a @ - -1", "1:7: unexpected <op:-> in @, expected timestamp"),
        ("a @ nan", "1:1: timestamp out of bounds for @ modifier: NaN"),
        ("a @ 1e19", "1:1: timestamp out of bounds for @ modifier: 10000000000000000000.000000"),
        ("a @ 1 @ 2", "1:1: @ <timestamp> may not be set multiple times"),
        ("a @ end() @ 2", "1:1: @ <timestamp> may not be set multiple times"),
        ("1 @ 1", "1:1: @ modifier must be preceded by an instant vector selector or range vector"),
        ("a offset 1m offset 1m", "1:1: offset may not be set multiple times"),
        ("a offset 0.0001 offset 1m", "1:1: offset may not be set multiple times"),
        ("a offset step() offset 1m", "1:1: offset may not be set multiple times"),
        ("(a) offset 1m", "1:1: offset modifier must be preceded by an instant vector selector"),
        ("(a)[5m]", "1:4: ranges only allowed for vector selectors"),
        ("a offset 1m[5m]", "1:12: no offset modifiers allowed before range"),
        ("a offset step()[5m]", "1:16: no offset modifiers allowed before range"),
        ("a @ 1[5m]", "1:6: no @ modifiers allowed before range"),
        ("a @ end()[5m]", "1:10: no @ modifiers allowed before range"),
        ("a[5m:] anchored", "1:1: anchored modifier is not supported for subqueries"),
        ("(a) smoothed", "1:1: smoothed modifier not implemented"),
        ("a smoothed anchored", "1:1: anchored and smoothed modifiers cannot be used together"),
    ],
)
def test_error(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text, ALL_FEATURES)
    assert str(caught.value).replace("parse error: ", "").startswith(message)


@pytest.mark.parametrize("modifier", ["anchored", "smoothed"])
def test_extended_ranges_can_be_off(modifier: str) -> None:
    with pytest.raises(ParseError, match=f"{modifier} modifier is experimental and not enabled"):
        parse(f"a {modifier}")


@pytest.mark.parametrize(
    "text, message",
    [
        ("sum by a", '1:8: unexpected identifier "a" in grouping opts, expected "("'),
        ("sum by (1)", '1:9: unexpected number "1" in grouping opts, expected label'),
        ("sum by (without)", "1:9: unexpected <without> in grouping opts, expected label"),
        ("sum by (a,,)", '1:11: unexpected "," in grouping opts, expected label'),
        ("sum by (a b)", '1:11: unexpected identifier "b" in grouping opts, expected "," or ")"'),
        ("sum by ('') (a)", '1:9: invalid label name for grouping: ""'),
        ("sum by ('\\xff') (a)", '1:9: invalid label name for grouping: "\\xff"'),
        ("a + on(b) group_left * c", '1:22: unexpected <op:*> in grouping opts, expected "("'),
    ],
)
def test_error_in_labels(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value).replace("parse error: ", "") == message
