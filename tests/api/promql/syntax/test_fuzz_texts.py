"""Random bytes, and expressions that were tampered with: parsed and answered, or refused.

CUPOLA_FUZZ_TEXTS is how many of each kind are tried, CUPOLA_FUZZ_SEED where the seeds start. That
no text takes quadratic time is told by counting calls.
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from api.promql.engine import Engine
from api.promql.errors import ParseError, QueryError
from api.promql.features import ALL_FEATURES
from api.promql.options import EngineOptions
from api.promql.syntax.parser import parse
from api.promql.syntax.prettier import prettify
from api.promql.syntax.printer import to_string
from tests.makers.memory_store import MemoryStore
from tests.makers.promql.expressions import Generator

TEXTS = int(os.environ.get("CUPOLA_FUZZ_TEXTS", "2000"))
FIRST_SEED = int(os.environ.get("CUPOLA_FUZZ_SEED", "0"))
OPTIONS = EngineOptions(max_samples=20_000)

FRAGMENTS = (
    *("(", ")", "{", "}", "[", "]", ",", ":", "=", "=~", "!=", "==", "+", "-", "*", "^", "@"),
    *("sum", "by", "on", "group_left", "rate", "offset", "anchored", "bool", "and", "fill", "5m"),
    *("1e3", '"x"', "'y'", "`z`", "0x1F", "é", "\n", "#", "\\", "__name__", "a", "start()", "\x00"),
    *("1e300", "9223372036854775808", "-1", "300y", "1ms", '"\\xff"', "$1", "NaN", "step()", "</"),
)


ODD_NUMBERS = ("1e300", "9223372036854775808", "NaN", "Inf", "0x7fffffffffffffff", "1e-320", "0")
ODD_DURATIONS = ("1ms", "290y", "9e9", "1m", "5m", "0.002", "1e3", "7d")
ODD_STRINGS = ('""', '"\\xff"', '"é"', '"$1$0${x}$$"', '"(("', '"a.b"', '"__name__"', '"(.)|(é)"')


def mutated(source: random.Random, text: str) -> str:
    at = source.randrange(len(text) + 1)
    until = min(len(text), at + source.randint(0, 4))
    return text[:at] + source.choice(("", *FRAGMENTS)) + text[until:]


def bytes_text(source: random.Random) -> str:
    data = bytes(source.randrange(256) for _ in range(source.randint(0, 40)))
    return data.decode("utf-8", "surrogateescape")


def fragments_text(source: random.Random) -> str:
    return " ".join(source.choice(FRAGMENTS) for _ in range(source.randint(0, 30)))


def mutated_text(source: random.Random) -> str:
    text = Generator(source).expression(is_instant=True)
    for _ in range(source.randint(1, 3)):
        text = mutated(source, text)
    return text


def odd_text(source: random.Random) -> str:
    """A good expression with numbers, times and texts that one would rather not meet."""
    text = Generator(source).expression(is_instant=True)
    numbers = r"(?<=[ (])(?<!offset )[0-9.]+(?=[ ,)]|$)"
    text = re.sub(numbers, lambda _: source.choice(ODD_NUMBERS), text)
    text = re.sub(r"(?<=\[)\w+", lambda _: source.choice(ODD_DURATIONS), text)
    return re.sub(r'"[^"]*"', lambda at: source.choice((at[0], *ODD_STRINGS)), text)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(OPTIONS, ALL_FEATURES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    for name in ("a_total", "b", "c_bucket"):
        for x in ("1", "2"):
            samples = [(t * 15_000, float(t * int(x))) for t in range(40)]
            made.write({"__name__": name, "x": x, "le": x}, samples)
    return made


@pytest.mark.parametrize(
    ("make", "share_parsed"),
    [(bytes_text, 0.0), (fragments_text, 0.0), (mutated_text, 0.05), (odd_text, 0.3)],
)
def test_any_text_is_answered_or_refused(
    engine: Engine, store: MemoryStore, make: Callable[[random.Random], str], share_parsed: float
) -> None:
    parsed = 0
    for seed in range(FIRST_SEED, FIRST_SEED + TEXTS):
        text = make(random.Random(seed))
        try:
            node = parse(text, ALL_FEATURES)
        except ParseError as error:
            assert "parse error: " in str(error), (seed, text)
            continue
        parsed += 1
        for printed in (to_string(node), prettify(node)):
            assert to_string(parse(printed, ALL_FEATURES)) == to_string(node), (seed, text)
        try:
            assert engine.instant_query(store, text, 600_000).steps == [600_000]
        except QueryError as error:
            assert str(error), (seed, text)
    assert parsed >= TEXTS * share_parsed


REPEATED = (
    *("+", "-", "*", "^", "==", "a+", "a==bool ", "a and ", "a^", "-a+", "(", "((a)+", "a[", "{"),
    *("a{", "a{b=", 'a{b="c",', '"', "`", "'", "\\", "5m", "5", "1e", "0x", "a ", "a,", "sum("),
    *("sum by (a,", "a offset ", "a offset 5m ", "a @ 1 ", "a[5m]", "a[5m:]", "abs(", "a+on("),
    *("a+on(a)group_left(b)", "a[1+", "a[1*", "a[step()+", "a[-", "a[(", "a[min_of(", "#", "#\n"),
    *("\n", " ", "\x00", "é", '"é', "!", "=~", 'a{b=~"(', "a+fill(1)", "1h1m", "_", '{"a",'),
    *("a anchored ", "@", "info(", "a </ ", "bool ", '"\\x', "a:", 'count_values("', "1+", "a)"),
)


@pytest.mark.parametrize("fragment", REPEATED)
@pytest.mark.parametrize("operand", ["", "a"])
def test_work_grows_with_the_length_only(fragment: str, operand: str) -> None:
    once, twice = (calls_for(fragment * (size // len(fragment)) + operand) for size in (1000, 2000))
    assert twice <= 2.2 * once + 200


def calls_for(text: str) -> int:
    """How many calls are made to parse and print a text, or to refuse it."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        prettify(parse(text, ALL_FEATURES))
    except ParseError as error:
        assert str(error)
    finally:
        sys.setprofile(before)
    return calls
