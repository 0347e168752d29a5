"""Series and their values as test files write them: `up{job="a"}` and `1+1x3 _ stale`."""

import re
from collections.abc import Iterator
from typing import Final

from api.promql.errors import ParseError
from api.promql.syntax.metric_selector import parse_metric_selector
from rules.errors import RulesError
from rules.evaluation.rows import Value
from rules.unit_tests.natives import combined, parse_native
from rules.unit_tests.numbers import parse_value
from storage.kernels.stale import STALE_NAN

VALUES_MAX: Final = 1_000_000
_NUMBER = r"[+-]?(?:[iI]nf|[nN]a[nN]|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
_WORD = re.compile(r"\{\{.*?\}\}(?:[+-]\{\{.*?\}\})?(?:x[0-9]+)?(?=\s|\Z)|\S+")
_RUN = re.compile(rf"({_NUMBER})(?:([+-])({_NUMBER}))?x([0-9]+)\Z")
_NATIVE_RUN = re.compile(r"\{\{(.*?)\}\}(?:([+-])\{\{(.*?)\}\})?(?:x([0-9]+))?\Z")
_GAP = re.compile(r"_(?:x([0-9]+))?\Z")


def parse_labels(text: str) -> dict[str, str]:
    """The labels of a series, its name among them; empty ones are none. Raises RulesError."""
    bare = text.strip()
    if bare in ("", "{}"):
        return {}
    try:
        matchers = parse_metric_selector(bare)
    except ParseError as error:
        raise RulesError(str(error)) from error
    wrong = next((matcher for matcher in matchers if matcher.op != "="), None)
    if wrong is not None:
        raise RulesError(f'unexpected "{wrong.op}" in label set, expected "="')
    return {matcher.name: matcher.value for matcher in matchers if matcher.value}


def parse_values(text: str) -> list[Value | None]:
    """The values of a series, None where there is none. Raises RulesError."""
    values: list[Value | None] = []
    for word in _WORD.findall(text):
        for value in _values_of(word, VALUES_MAX - len(values)):
            values.append(value)
    return values


def _values_of(word: str, left: int) -> Iterator[Value | None]:
    if gap := _GAP.match(word):
        yield from [None] * _count(gap[1], left, one=0)
    elif word == "stale":
        yield STALE_NAN
    elif word.startswith("{{"):
        yield from _natives_of(word, left)
    elif run := _RUN.match(word):
        start, sign, step, times = run.groups()
        value = _number(start)
        change = _number(step) if step else 0.0
        yield value
        for _ in range(_count(times, left)):
            value += -change if sign == "-" else change
            yield value
    else:
        yield _number(word)


def _number(text: str) -> float:
    try:
        return parse_value(text)
    except ValueError as error:
        raise RulesError(f"bad number or duration syntax: {text!r}: {error}") from error


def _count(text: str | None, left: int, *, one: int = 1) -> int:
    """How often something is repeated; without a number, once."""
    count = 1 if text is None else int(text) if len(text) < 10 else left + 1
    if count + one > left:
        raise RulesError(f"a series has more than {VALUES_MAX} values")
    return count


def _natives_of(word: str, left: int) -> Iterator[Value]:
    run = _NATIVE_RUN.match(word)
    if run is None:
        raise RulesError(f"bad histogram: {word}")
    start, sign, step, times = run.groups()
    value = parse_native(start)
    change = parse_native(step) if step is not None else None
    yield value
    for _ in range(_count(times, left) if times else 0):
        if change is not None:
            value = combined(value, change, -1 if sign == "-" else 1)
        yield value
