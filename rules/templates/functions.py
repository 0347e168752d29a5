"""Prometheus' functions of templates. What they need to know comes from whoever expands."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import re2

from api.promql.go_format import quote
from api.promql.syntax.durations import parse_duration
from api.promql.syntax.regex import RegexError, check_regex
from rules.errors import FunctionError
from rules.templates.builtins import BUILTINS
from rules.templates.escaping import escape_query
from rules.templates.humanizing import (
    duration_of,
    humanize,
    humanize_1024,
    humanize_duration,
    humanize_percentage,
    humanize_timestamp,
    time_of,
)
from rules.templates.signatures import OUTPUT_BYTES_MAX, Function
from rules.templates.values import (
    ANY,
    RESULT,
    SAMPLE,
    STRING,
    AnyMap,
    Html,
    QueryResult,
    Sample,
    Value,
    as_bytes,
)

_WORD_START = re.compile(r"(?:^|(?<=[^\w'’]))\w")
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an expansion may ask for.

    query: the samples of an expression at the time of the evaluation; raises FunctionError.
    time_ms: that time. external_url: where this server is reached.
    """

    query: Callable[[str], QueryResult]
    time_ms: int = 0
    external_url: str = ""


def _no_query(_: str) -> QueryResult:
    raise FunctionError("no data to query")


NOWHERE = Surroundings(_no_query)


def functions_of(around: Surroundings) -> dict[str, Function]:
    """All functions by name, Go's and Prometheus'."""
    return {
        **BUILTINS,
        **_FIXED,
        "externalURL": Function((), lambda: around.external_url),
        "now": Function((), lambda: around.time_ms / 1000),
        "pathPrefix": Function((), lambda: urlsplit(around.external_url).path),
        "query": Function((STRING,), around.query),
    }


def first(result: QueryResult | None) -> Sample:
    if not result:
        raise FunctionError("first() called on vector with no elements")
    return result[0]


def sort_by_label(label: str, result: QueryResult) -> QueryResult:
    result.sort(key=lambda sample: as_bytes(sample.labels.get(label, "")))
    return result


def _label(name: str, sample: Sample | None) -> str:
    return _present(sample).labels.get(name, "")


def _present(sample: Sample | None) -> Sample:
    if sample is None:
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference")
    return sample


def matches(pattern: str, text: str) -> bool:
    return _compiled(pattern, "").search(text) is not None


def _compiled(pattern: str, prefix: str) -> re2._Regexp[str]:
    try:
        check_regex(pattern)
    except RegexError as error:
        raise FunctionError(f"{prefix}{error}") from error
    return re2.compile(pattern)


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """$1 and ${name} in the replacement stand for what a group matched."""
    shown = f"`{pattern}`" if "`" not in pattern else quote(pattern)
    regex = _compiled(pattern, f"regexp: Compile({shown}): ")
    names = regex.groupindex

    length = len(text)

    def text_of(found: re.Match[str]) -> str:
        nonlocal length

        def group(variable: re.Match[str]) -> str:
            name = variable[1] or variable[2]
            if name is None:
                return "$"
            number = int(name) if name.isdecimal() and len(name) < 6 else names.get(name, -1)
            return (found[number] or "") if 0 <= number <= regex.groups else ""

        new = _VARIABLE.sub(group, replacement)
        length += len(new)
        if length > OUTPUT_BYTES_MAX:
            raise FunctionError(f"exceeded the limit of {OUTPUT_BYTES_MAX} bytes of text")
        return new

    return str(regex.sub(text_of, text))


def title(text: str) -> str:
    """The first letter of each word up, the rest as it is."""
    return _WORD_START.sub(lambda found: found[0].title(), text)


def strip_port(text: str) -> str:
    host = _host_of(text)
    return text if host is None else host


def strip_domain(text: str) -> str:
    host, port = _host_of(text), ""
    if host is None:
        host = text
    else:
        port = text.rpartition(":")[2]
    if _is_address(host):
        return text
    short = host.partition(".")[0]
    return f"{short}:{port}" if port else short


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _host_of(text: str) -> str | None:
    """The host of host:port as Go splits it; None if it refuses to."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":") or ":" in rest[1:]:
            return None
    else:
        host, colon, rest = text.rpartition(":")
        if not colon or ":" in host:
            return None
    return None if "[" in host + rest or "]" in host + rest else host


def seconds_of(text: str) -> float:
    """Of a Prometheus duration, which may have a sign."""
    sign = -1 if text.startswith("-") else 1
    try:
        return sign * parse_duration(text[1:] if text[:1] in ("-", "+") else text) / 1000
    except ValueError as error:
        raise FunctionError(str(error)) from error


def _link(expression: str, tab: int) -> str:
    return f"/graph?g0.expr={escape_query(expression)}&g0.tab={tab}"


def _args(*values: Value) -> AnyMap:
    return AnyMap({f"arg{i}": value for i, value in enumerate(values)})


_FIXED: dict[str, Function] = {
    "args": Function((ANY,), _args, is_variadic=True),
    "first": Function((RESULT,), first),
    "graphLink": Function((STRING,), lambda expression: _link(expression, 0)),
    "humanize": Function((ANY,), humanize),
    "humanize1024": Function((ANY,), humanize_1024),
    "humanizeDuration": Function((ANY,), humanize_duration),
    "humanizePercentage": Function((ANY,), humanize_percentage),
    "humanizeTimestamp": Function((ANY,), humanize_timestamp),
    "label": Function((STRING, SAMPLE), _label),
    "match": Function((STRING, STRING), matches),
    "parseDuration": Function((STRING,), seconds_of),
    "reReplaceAll": Function((STRING, STRING, STRING), replace_all),
    "safeHtml": Function((STRING,), Html),
    "sortByLabel": Function((STRING, RESULT), sort_by_label),
    "stripDomain": Function((STRING,), strip_domain),
    "stripPort": Function((STRING,), strip_port),
    "strvalue": Function((SAMPLE,), lambda sample: _label("__value__", sample)),
    "tableLink": Function((STRING,), lambda expression: _link(expression, 1)),
    "title": Function((STRING,), title),
    "toDuration": Function((ANY,), duration_of),
    "toLower": Function((STRING,), str.lower),
    "toTime": Function((ANY,), time_of),
    "toUpper": Function((STRING,), str.upper),
    "urlQueryEscape": Function((STRING,), escape_query),
    "value": Function((SAMPLE,), lambda sample: _present(sample).value),
}
FUNCTION_NAMES = frozenset(functions_of(NOWHERE))
