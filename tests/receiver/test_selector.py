"""Selectors of the command line."""

import pytest

from receiver.selector import parse_selector
from storage.labels.matchers import Matcher


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ("up", [("__name__", "=", "up")]),
        ("{}", []),
        ("up{}", [("__name__", "=", "up")]),
        ('up{job="a"}', [("__name__", "=", "up"), ("job", "=", "a")]),
        (' { a != "b" , c=~"d.*" , e !~ \'f\' , } ',
         [("a", "!=", "b"), ("c", "=~", "d.*"), ("e", "!~", "f")]),
        (r'{a="x\"},{\\\n"}', [("a", "=", 'x"},{\\\n')]),
        (r'{a=~"\\d+\\."}', [("a", "=~", r"\d+\.")]),
        ('{"a.b","c d"="e"}', [("__name__", "=", "a.b"), ("c d", "=", "e")]),
        ('{a=""}', [("a", "=", "")]),
    ],
)  # fmt: skip
def test_selectors(text: str, matchers: list[tuple[str, str, str]]) -> None:
    assert set(parse_selector(text)) == {Matcher(*each) for each in matchers}


@pytest.mark.parametrize("text", ["", "{", "a}", "{a=b}", '{a="b" c="d"}', "a b", "5", r'{a="\."}'])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed is a selector"):
        parse_selector(text)
