"""Texts that are one selector and nothing else; more of them are among the parameters."""

import pytest

from api.promql.errors import ParseError
from api.promql.syntax.metric_selector import parse_metric_selector
from api.promql.syntax.parser import NAMES, parse
from storage.labels.matchers import Matcher


@pytest.mark.parametrize("name", sorted(NAMES - {"identifier", "metric identifier"}))
def test_keywords_are_metric_names(name: str) -> None:
    assert parse_metric_selector(f"{name}{{a='b'}}") == (
        Matcher("a", "=", "b"),
        Matcher("__name__", "=", name),
    )


@pytest.mark.parametrize("text", ["up", 'a:b{c!~"d|e", f=""}', "{a='b',}", "# x\n up # y\n"])
def test_selectors_are_read_as_in_expressions(text: str) -> None:
    node = parse(text)
    assert parse_metric_selector(text) == node.matchers  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("up{a=~'('}", "1:4: parse error: error parsing regexp: missing closing ): `(`"),
        ("up{a=}", '1:6: parse error: unexpected "}" in label matching, expected string'),
        ("up{} up", '1:6: parse error: unexpected identifier "up"'),
        ("-up", "1:1: parse error: unexpected <op:->"),
        ("#", "1:2: parse error: unexpected end of input"),
    ],
)
def test_no_selectors(text: str, error: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_metric_selector(text)
    assert str(caught.value) == error
