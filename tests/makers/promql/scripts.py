"""PromQL test scripts (`.test`) read into commands: what is loaded, asked and expected.

The format is that of Prometheus' promqltest; the README beside the shared scripts describes it. A
group is what stands between two `clear` commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.promql.syntax.durations import parse_duration
from api.promql.syntax.literals import unquote
from storage.kernels.stale import STALE_NAN
from tests.makers.native_points import NativePoint, native_of_classic, parse_native, parse_value

Labels = tuple[tuple[str, str], ...]
Point = float | NativePoint
Points = dict[int, Point]
Timed = tuple[int, Point, int]  # time and start in ms; a start of 0 is unknown

_INSTANT = re.compile(r"^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+))?\s+(.+)$")
_RANGE = re.compile(
    r"^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$"
)
_EXPECT = re.compile(
    r"^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(msg|regex):\s*(.*))?$"
)
_GRID = re.compile(r"^expect\s+range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$")
_LABEL = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|[^\s=,"{}]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"))?\s*,?""")
_NUMBER = r"[+-]?(?:Inf|NaN|inf|nan|[0-9][0-9a-zA-Z_.]*(?:(?<=[eE])[+-][0-9]+)?)"
_WORD = re.compile(r"\{\{.*?\}\}(?:[+-]\{\{.*?\}\})?(?:x[0-9]+)?|\S+")
_NATIVE_RUN = re.compile(r"\{\{(.*?)\}\}(?:([+-])\{\{(.*?)\}\})?(?:x([0-9]+))?")
_BOUND = re.compile(r"[+-]?(?i:inf(?:inity)?|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)")
_RUN = re.compile(rf"^({_NUMBER}?)(?:([+-])({_NUMBER}))?x([0-9]+)$")


@dataclass
class Expectation:
    """What is expected beside the values: kind is fail, warn, no_warn, info, no_info or ordered."""

    kind: str
    pattern: re.Pattern[str] | None = None


@dataclass
class Eval:
    """One query with what it has to give. grid: start, end, step in ms, all as in the script."""

    line: int
    text: str
    grid: tuple[int, int, int]
    is_range: bool
    expectations: list[Expectation] = field(default_factory=list)
    series: list[tuple[Labels, list[Point | None]]] = field(default_factory=list)
    scalar: float | None = None
    string: str | None = None
    as_matrix: bool = False

    def kinds(self) -> set[str]:
        return {expectation.kind for expectation in self.expectations}


@dataclass
class Load:
    """The samples of one load command by series, in the order of the script."""

    series: list[tuple[Labels, list[Timed]]]


def groups_of(text: str) -> Iterator[list[Load | Eval]]:
    group: list[Load | Eval] = []
    for line_number, block in _blocks(text):
        word = block[0].split()[0].lower()
        if word == "clear":
            yield group
            group = []
        elif word.startswith("load"):
            group.append(_parse_load(block))
        else:
            group.append(_parse_eval(block, line_number))
    yield group


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines between empty ones, with the number of their first line."""
    block: list[str] = []
    for number, raw in enumerate([*text.split("\n"), ""], start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            if block and block[0] == "clear":
                yield number - len(block), block
                block = []
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _parse_load(block: list[str]) -> Load:
    words = block[0].split()
    step_ms = parse_duration(words[1])
    load = Load([])
    starts: list[Point | None] = []
    for line in block[1:]:
        labels, rest = parse_series(line)
        if rest.startswith("@st"):
            starts = parse_points(rest.removeprefix("@st"))
            continue
        points = parse_points(rest)
        starts = starts or [None] * len(points)
        samples = [
            (i * step_ms, point, 0 if start is None else i * step_ms + _milliseconds(start))
            for i, (point, start) in enumerate(zip(points, starts, strict=True))
            if point is not None
        ]
        load.series.append((labels, samples))
        starts = []
    if words[0] == "load_with_nhcb":
        load.series.extend(custom_bucket_series(load.series))
    return load


def _milliseconds(seconds: Point) -> int:
    assert isinstance(seconds, float), "a start that is no duration"
    return round(seconds * 1000)


def custom_bucket_series(
    series: list[tuple[Labels, list[Timed]]],
) -> Iterator[tuple[Labels, list[Timed]]]:
    """The classic histograms among the series as native ones with custom bounds."""
    found: dict[Labels, dict[int, dict[str, Point]]] = {}
    for labels, samples in series:
        pairs = dict(labels)
        match = re.fullmatch("(.*)_(bucket|count|sum)", pairs.get("__name__", ""))
        key = pairs.pop("le", "") if match and match[2] == "bucket" else ""
        if not match or (match[2] == "bucket" and not _BOUND.fullmatch(key)):
            continue
        pairs["__name__"] = match[1]
        parts = found.setdefault(_sorted(pairs), {})
        for time_ms, point, _ in samples:
            parts.setdefault(time_ms, {}).setdefault(key or match[2], point)
    for labels, by_time in found.items():
        points: list[Timed] = []
        for time_ms, values in sorted(by_time.items()):
            numbers = {key: value for key, value in values.items() if isinstance(value, float)}
            count, total = numbers.pop("count", None), numbers.pop("sum", 0.0)
            cumulative = {float(bound): value for bound, value in numbers.items()}
            points.append((time_ms, native_of_classic(cumulative, count, total), 0))
        yield labels, points


def _parse_eval(block: list[str], line: int) -> Eval:
    item = _parse_head(block[0], line)
    for text in block[1:]:
        if match := _GRID.match(text):
            start, end, step = (_parse_time(part) for part in match.groups())
            item.grid, item.as_matrix = (start, end, step), True
        elif text.startswith("expect string"):
            item.string = unquote(text.removeprefix("expect string").strip())
        elif match := _EXPECT.match(text):
            item.expectations.append(Expectation(match[1], _pattern(match[2], match[3])))
        elif text.startswith("expected_fail_"):
            kind, _, rest = text.removeprefix("expected_fail_").partition(" ")
            known = "msg" if kind == "message" else "regex"
            item.expectations[:] = [Expectation("fail", _pattern(known, rest))]
        else:
            _parse_expected(item, text)
    return item


def _parse_head(text: str, line: int) -> Eval:
    if match := _INSTANT.match(text):
        at_ms = _parse_time(match[2] or "0")
        item = Eval(line, match[3], (at_ms, at_ms, 1), is_range=False)
    else:
        match = _RANGE.match(text)
        assert match, f"line {line} is no eval: {text}"
        start, end, step = (_parse_time(part) for part in match.groups()[1:4])
        item = Eval(line, match[5], (start, end, step), is_range=True)
    if match[1]:
        item.expectations.append(Expectation(match[1]))
    return item


def _parse_expected(item: Eval, text: str) -> None:
    """A series with its points, or a number alone."""
    try:
        item.scalar = parse_value(text)
    except ValueError:
        labels, rest = parse_series(text)
        item.series.append((labels, parse_points(rest)))


def _pattern(kind: str | None, text: str | None) -> re.Pattern[str] | None:
    if kind is None or text is None:
        return None
    text = text.strip()
    return re.compile(f"^{re.escape(text)}$" if kind == "msg" else text)


def _parse_time(text: str) -> int:
    """A time or duration in ms; a bare number is seconds."""
    if text.startswith("-"):
        return -_parse_time(text[1:])
    try:
        return round(float(text) * 1000)
    except ValueError:
        return parse_duration(text)


def parse_series(line: str) -> tuple[Labels, str]:
    """The label set that a line begins with, and the rest of the line."""
    labels: dict[str, str] = {}
    name = re.match(r"[^\s{@]*", line)
    assert name is not None
    if name[0]:
        labels["__name__"] = name[0]
    rest = line[name.end() :]
    if not rest.startswith("{"):
        return _sorted(labels), rest.strip()
    position = 1
    while rest[position] != "}":
        match = _LABEL.match(rest, position)
        assert match, f"labels expected: {rest[position:]}"
        key = unquote(match[1]) if match[1].startswith('"') else match[1]
        if match[2] is None:
            labels["__name__"] = key
        else:
            labels[key] = unquote(match[2])
        position = match.end()
        position += len(rest[position:]) - len(rest[position:].lstrip())
    kept = {key: value for key, value in labels.items() if value}
    return _sorted(kept), rest[position + 1 :].strip()


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items(), key=lambda pair: pair[0].encode()))


def parse_points(text: str) -> list[Point | None]:
    points: list[Point | None] = []
    for match in _WORD.finditer(text):
        word = match[0]
        if word.startswith("{{"):
            points.extend(_native_run(word))
        elif word.startswith("_"):
            points.extend([None] * int(word[2:] or 1) if word != "_" else [None])
        elif word == "stale":
            points.append(float(STALE_NAN))
        elif run := _RUN.match(word):
            value = parse_value(run[1])
            step = parse_value(run[3]) if run[3] else 0.0
            step = -step if run[2] == "-" else step
            points.append(value)
            for _ in range(int(run[4])):
                value += step
                points.append(value)
        else:
            points.append(parse_value(word))
    return points


def _native_run(word: str) -> Iterator[NativePoint]:
    match = _NATIVE_RUN.fullmatch(word)
    assert match, f"not a histogram: {word}"
    point = parse_native(match[1])
    yield point
    step = parse_native(match[3]) if match[3] is not None else None
    for _ in range(int(match[4] or 0)):
        if step is not None:
            point = point.combined(step, -1 if match[2] == "-" else 1)
        yield point
