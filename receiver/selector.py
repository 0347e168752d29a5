"""Selectors on the command line: {job="x",instance=~"y.*"}, name{...} or a name alone."""

import re

from storage.labels.matchers import Matcher

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
TEXT = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
SELECTOR = re.compile(rf"\s*({NAME})?\s*(?:\{{(.*)\}})?\s*", re.DOTALL)
MATCHER = re.compile(
    rf"\s*({NAME}|{TEXT})\s*(=~|!~|!=|=)\s*({TEXT})\s*(?:,|$)|\s*({TEXT})\s*(?:,|$)", re.DOTALL
)
ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", '\\"': '"', "\\'": "'"}


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a selector. Raises ValueError, which says what is allowed."""
    found = SELECTOR.fullmatch(text)
    if found is None or not text.strip():
        raise ValueError(wrong(text))
    name, inside = found.groups()
    matchers = [Matcher("__name__", "=", name)] if name else []
    at = 0
    inside = (inside or "").rstrip()
    while at < len(inside):
        part = MATCHER.match(inside, at)
        if part is None:
            raise ValueError(wrong(text))
        label, op, value, quoted_name = part.groups()
        if quoted_name:
            matchers.append(Matcher("__name__", "=", unquoted(quoted_name)))
        else:
            matchers.append(Matcher(unquoted(label), op, unquoted(value)))
        at = part.end()
    return tuple(matchers)


def wrong(text: str) -> str:
    return f'got {text!r}; allowed is a selector such as {{job="x",instance=~"y.*"}}'


def unquoted(text: str) -> str:
    """A name as it is, or what is in the quotes."""
    if text[0] not in "\"'":
        return text
    return re.sub(r"\\.", lambda found: ESCAPES.get(found[0], found[0]), text[1:-1])
