"""The numbers of test files: PromQL's, and durations as seconds."""

import re

from api.promql.syntax.durations import parse_duration
from api.promql.syntax.literals import parse_number

_DURATION = re.compile(r"(?:[0-9]+(?:y|w|d|h|m|s|ms))+\Z")


def parse_value(text: str) -> float:
    """A number with its sign. Raises ValueError."""
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text[1:] if text[:1] in ("+", "-") else text
    if _DURATION.match(digits):
        return sign * parse_duration(digits) / 1000
    return sign * parse_number(digits)
