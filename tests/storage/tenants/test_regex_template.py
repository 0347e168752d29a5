"""Templates against a table of rules, and what Go itself made of them (shared golden data)."""

import json

import pytest
import re2

from storage.tenants.regex_template import Template
from tests.shared import GO_GOLDEN


def filled(template: str, pattern: str, source: str) -> str | None:
    return Template(template, re2.compile(f"(?s:{pattern})".encode()))(source)


@pytest.mark.parametrize(
    ("template", "pattern", "source", "expected"),
    [
        ("$1", "(.*)", "abc", "abc"),
        ("${1}x", "(.*)", "abc", "abcx"),
        ("$1x", "(.*)", "abc", ""),
        ("$1-$2", "(a)(b)?", "a", "a-"),
        ("$n/${n}", "(?P<n>a).*", "ab", "a/a"),
        ("$$1$", "a", "a", "$1$"),
        ("${1", "(a)", "a", "${1"),
        ("${}", "(a)", "a", "${}"),
        ("$-", "(a)", "a", "$-"),
        ("$01", "(a)", "a", ""),
        ("$0", "a|b", "b", "b"),
        ("$9", "(a)", "a", ""),
        ("${1é}", "(a)", "a", ""),
        ("é$1", "(.)", "ü", "éü"),
        ("x", "b", "abc", None),
        ("x", "a.c", "a\nc", "x"),
        ("x", "", "", "x"),
        ("x", "a|ab", "ab", "x"),
    ],
)
def test_templates(template: str, pattern: str, source: str, expected: str | None) -> None:
    assert filled(template, pattern, source) == expected


@pytest.mark.skipif(not GO_GOLDEN.exists(), reason="the shared golden data is not there")
def test_golden_templates() -> None:
    for case in json.loads(GO_GOLDEN.read_text())["expand"]:
        expected = None if case["out"] == "<nomatch>" else case["out"]
        assert filled(case["repl"], case["re"], case["src"]) == expected, case
