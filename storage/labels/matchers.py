"""Label matchers: one test on the values of one label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import re2


def text_test(matcher: Matcher) -> Callable[[str], bool]:
    """Whether a text passes a matcher."""
    value = matcher.value
    match matcher.op:
        case "=":
            return lambda text: text == value
        case "!=":
            return lambda text: text != value
    regex = regex_test(value)
    return regex if matcher.op == "=~" else lambda text: not regex(text)


def anchored(pattern: str) -> str | None:
    """The pattern of a matcher as RE2 takes it, for whole texts; None if it has bytes that are no
    UTF-8."""
    if any("\ud800" <= char <= "\udfff" for char in pattern):
        return None
    return f"^(?s:{pattern})$"


def regex_test(pattern: str) -> Callable[[str], bool]:
    """Whether a text matches the whole of a valid pattern; the dot matches newlines, too."""
    options = re2.Options()
    options.log_errors = False
    text = anchored(pattern)
    if text is None:
        # A query may name bytes that are no UTF-8. They match nothing that is stored, but the
        # rest of the pattern may.
        options.encoding = re2.Options.Encoding.LATIN1
        text = f"^(?s:{pattern})$"
    compiled = re2.compile(text.encode("utf-8", "surrogateescape"), options)
    return lambda text: compiled.search(text.encode("utf-8", "surrogateescape")) is not None


METRIC_NAME = "__name__"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One test on a label. op is "=", "!=", "=~" or "!~"; a regex is anchored at both ends."""

    name: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.op}{self.value!r}"
