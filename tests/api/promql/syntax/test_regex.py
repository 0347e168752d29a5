"""Regular expressions are checked as Go checks them."""

import ast
import json

import pytest

from api.promql.syntax.regex import RegexError, check_regex, is_plain, matches_empty
from tests.shared import GO_GOLDEN


def problem(pattern: str) -> str:
    try:
        check_regex(pattern)
    except RegexError as error:
        return str(error).removeprefix("error parsing regexp: ")
    return ""


@pytest.mark.parametrize(
    "pattern",
    ["", "a|b", ".*", "(?i)a", r"\Qa.b\E", r"\Q\C\E", r"\\C", r"[[:word:]]", r"\pN", "a{,2}", "é+"],
)
def test_valid(pattern: str) -> None:
    assert problem(pattern) == ""


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("[a", "missing closing ]: `[a`"),
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{2}{3,2}", "invalid repeat count: `{3,2}`"),
        ("a{3,2}?", "invalid repeat count: `{3,2}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("(?<=a)", "invalid or unsupported Perl syntax: `(?<=`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"a\C", r"invalid escape sequence: `\C`"),
        (r"*\C", "missing argument to repetition operator: `*`"),
        (r"\x{", r"invalid escape sequence: `\x{`"),
        (r"[\p", r"invalid character class range: `\p`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("a\udcff.", "invalid UTF-8: `\udcff.`"),
    ],
)
def test_invalid(pattern: str, expected: str) -> None:
    assert problem(pattern) == expected


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("", True),
        ("a", False),
        ("a|", True),
        (".*", True),
        (".+", False),
        ("a?", True),
        ("^$", True),
    ],
)
def test_matches_empty(pattern: str, expected: bool) -> None:
    assert matches_empty(pattern) is expected


def test_plain_texts_are_no_expressions() -> None:
    assert is_plain("a-b|c d|\udcff") and not is_plain("a.b")


def test_golden() -> None:
    if not GO_GOLDEN.exists():
        pytest.skip(f"no reference data at {GO_GOLDEN}; set CUPOLA_SHARED")
    cases = json.loads(GO_GOLDEN.read_text())["regex_errors"]
    patterns = [_bytes_text(case["re"]) for case in cases]
    found = [problem(pattern).encode("utf-8", "surrogateescape") for pattern in patterns]
    expected = [case["err"].removeprefix("error parsing regexp: ") for case in cases]
    assert [text.decode("utf-8", "replace") for text in found] == expected


def _bytes_text(literal: str) -> str:
    """The text of a Go string literal, whose escapes are those of a Python bytes literal."""
    value: bytes = ast.literal_eval("b" + literal)
    return value.decode("utf-8", "surrogateescape")
