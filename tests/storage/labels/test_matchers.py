"""Label matchers as text, and what they match."""

from __future__ import annotations

import pytest

from storage.labels.matchers import Matcher, text_test


def test_a_matcher_reads_as_it_is_written() -> None:
    assert str(Matcher("job", "=~", "a|b")) == "job=~'a|b'"


@pytest.mark.parametrize(
    ("op", "value", "text", "expected"),
    [
        ("=", "a", "a", True),
        ("!=", "a", "a", False),
        ("=~", "a.c", "a\nc", True),
        ("=~", "a", "ab", False),
        ("!~", "a", "ab", True),
        ("=~", "a|b.*", "bcd", True),
        ("=~", "", "", True),
        ("=~", "\udcff", "a", False),
        ("=~", "a|\udcff", "a", True),
        ("!~", "\udcff", "a", True),
        ("=", "\udcff", "a", False),
        ("=~", "a|b", "b", True),
        ("!~", "", "", False),
        ("=~", "é+", "éé", True),
        ("=~", "a|\udcff", "\udcff", True),
        ("!=", "a", "\udcff", True),
        ("!~", "a", "\udcff", True),
    ],
)
def test_one_value(op: str, value: str, text: str, expected: bool) -> None:
    assert text_test(Matcher("l", op, value))(text) is expected
