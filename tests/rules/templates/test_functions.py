"""Prometheus' functions, called as they are; in templates they stand in the table of templates."""

import pytest

from rules.errors import FunctionError
from rules.templates.functions import (
    NOWHERE,
    functions_of,
    matches,
    replace_all,
    seconds_of,
    strip_domain,
    strip_port,
    title,
)


@pytest.mark.parametrize(
    ("text", "host", "short"),
    [
        ("host:123", "host", "host:123"),
        ("[2001::1]:12345", "2001::1", "[2001::1]:12345"),
        ("foo.example.com:1", "foo.example.com", "foo:1"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("[::1]", "[::1]", "[::1]"),
        ("a:b:c", "a:b:c", "a:b:c"),
        ("[a]b:1", "[a]b:1", "[a]b:1"),
        ("", "", ""),
    ],
)
def test_hosts(text: str, host: str, short: str) -> None:
    assert strip_port(text) == host
    assert strip_domain(text) == short


def test_titles_keep_the_rest_of_a_word() -> None:
    assert title("aa bb CC éa don't") == "Aa Bb CC Éa Don't"


def test_replacing() -> None:
    assert replace_all("(a)(?P<n>b*)", "<$1|${n}|$9|$$|$1x>", "abb ac") == "<a|bb||$|> <a|||$|>c"
    with pytest.raises(FunctionError, match=r"^regexp: Compile\(`\(`\): error parsing regexp"):
        replace_all("(", "", "")


def test_matching() -> None:
    assert matches("b+", "abba")
    assert not matches("^b", "abba")
    with pytest.raises(FunctionError, match="^error parsing regexp: missing closing"):
        matches("(", "")


@pytest.mark.parametrize(("text", "seconds"), [("2h10m15s", 7815), ("-1m", -60), ("0", 0)])
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_what_is_no_duration() -> None:
    with pytest.raises(FunctionError, match="not a valid duration"):
        seconds_of("x")


def test_without_surroundings_there_is_nothing_to_query() -> None:
    with pytest.raises(FunctionError, match="no data to query"):
        functions_of(NOWHERE)["query"].call("up")
