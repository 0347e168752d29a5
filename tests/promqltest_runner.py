"""A runner of PromQL test scripts (`.test`) inside the process, for float samples.

The format is that of Prometheus' promqltest; the README beside the shared scripts describes it. A
group is what stands between two `clear` commands. Series with native histograms or start timestamps
are not loaded, and evals that may see a metric with such series are counted as unsupported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.options import EngineOptions
from api.promql.durations import parse_duration
from api.promql.engine import Engine
from api.promql.errors import ParseError, QueryError
from api.promql.features import Features
from api.promql.literals import parse_number, unquote
from api.promql.nodes import VectorSelector
from api.promql.parser import parse
from api.promql.plan import children
from api.promql.value import Matrix, Result, Scalar, String
from storage.samples import STALE_NAN
from tests.memory_store import MemoryStore

FEATURES = Features(
    experimental_functions=True,
    extended_range_selectors=True,
    binop_fill_modifiers=True,
    delayed_name_removal=True,
)
OPTIONS = EngineOptions(max_samples=10_000, timeout_ms=100_000)

Labels = tuple[tuple[str, str], ...]
Points = dict[int, float]

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
    series: list[tuple[Labels, list[float | None]]] = field(default_factory=list)
    scalar: float | None = None
    string: str | None = None
    as_matrix: bool = False
    unsupported: bool = False

    def kinds(self) -> set[str]:
        return {expectation.kind for expectation in self.expectations}


@dataclass
class Load:
    """left_out: the names of metrics of which some series could not be loaded."""

    series: list[tuple[Labels, list[float | None]]]
    step_ms: int
    left_out: set[str] = field(default_factory=set)


@dataclass
class Outcome:
    """What became of one eval: problem is empty if it passed, None if it was not run."""

    name: str
    text: str
    problem: str | None


def run_script(name: str, text: str, engine: Engine | None = None) -> Iterator[Outcome]:
    """Run all groups of a script, each on a new store."""
    own = Engine(OPTIONS, FEATURES) if engine is None else engine
    try:
        for group in groups_of(text):
            yield from run_group(name, group, own)
    finally:
        if engine is None:
            own.close()


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


def run_group(name: str, group: list[Load | Eval], engine: Engine) -> Iterator[Outcome]:
    store = MemoryStore()
    left_out: set[str] = set().union(*(g.left_out for g in group if isinstance(g, Load)))
    for item in group:
        if isinstance(item, Load):
            for labels, values in item.series:
                samples = [(i * item.step_ms, v) for i, v in enumerate(values) if v is not None]
                store.write(dict(labels), samples)
            continue
        place = f"{name}:{item.line}"
        if item.unsupported or (left_out and sees(item.text, left_out)):
            yield Outcome(place, item.text, None)
        else:
            yield Outcome(place, item.text, check(item, engine, store))
            if has_variant(item):
                yield Outcome(f"{place} as range", item.text, check_variant(item, engine, store))


def sees(text: str, names: set[str]) -> bool:
    """Whether a query has a selector that may match one of these metrics."""
    waiting = [parse(text, FEATURES)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, VectorSelector) and (not node.name or node.name in names):
            return True
        waiting.extend(children(node))
    return False


def check(item: Eval, engine: Engine, store: MemoryStore) -> str:
    """ "" if the query gives what is expected, else what is wrong."""
    start_ms, end_ms, step_ms = item.grid
    try:
        if item.is_range:
            result = engine.range_query(store, item.text, start_ms, end_ms, step_ms)
        else:
            result = engine.instant_query(store, item.text, end_ms)
    except ParseError as error:
        return f"does not parse: {error}"
    except QueryError as error:
        return _check_failure(item, str(error))
    if "fail" in item.kinds():
        return f"did not fail, but gave {result.value}"
    return _check_annotations(item, result) or _check_value(item, result)


def has_variant(item: Eval) -> bool:
    """Whether an instant query can be asked as the middle step of a range query, too."""
    special = item.is_range or item.as_matrix or item.string is not None
    by_step = re.search(r"\b(start|end|range|step)\s*\(", item.text)
    return not special and not by_step and not item.kinds() & {"fail", "ordered", "info", "warn"}


def check_variant(item: Eval, engine: Engine, store: MemoryStore) -> str:
    """The instant query as a range query over three steps, of which the middle one counts."""
    at_ms = item.grid[0]
    try:
        result = engine.range_query(store, item.text, at_ms - 60_000, at_ms + 60_000, 60_000)
    except QueryError as error:
        return f"failed as a range query: {error}"
    got = {
        labels: {at_ms: points[at_ms]} for labels, points in series_of(result) if at_ms in points
    }
    expected = {labels: _points(item, values) for labels, values in item.series}
    if item.scalar is not None:
        expected = {(): {at_ms: item.scalar}}
    return _compare(expected, got)


def _check_failure(item: Eval, message: str) -> str:
    for expectation in item.expectations:
        if expectation.kind == "fail":
            pattern = expectation.pattern
            found = pattern is None or pattern.search(message)
            return "" if found else f"failed with {message!r}"
    return f"failed: {message}"


def _check_annotations(item: Eval, result: Result) -> str:
    for kind, texts in (("warn", result.warnings), ("info", result.infos)):
        if f"no_{kind}" in item.kinds() and texts:
            return f"unexpected {kind}: {texts}"
        expected = [e for e in item.expectations if e.kind == kind]
        for expectation in expected:
            pattern = expectation.pattern
            if not texts or (pattern and not any(map(pattern.search, texts))):
                return f"missing {kind} {pattern}: got {texts}"
        for text in texts if expected else ():
            if not any(e.pattern is None or e.pattern.search(text) for e in expected):
                return f"unexpected {kind}: {text}"
    return ""


def _check_value(item: Eval, result: Result) -> str:
    value = result.value
    if item.string is not None:
        same = isinstance(value, String) and value.text == item.string
        return "" if same else f"got {value}, not the string {item.string!r}"
    if item.scalar is not None:
        same = isinstance(value, Scalar) and almost_equal(item.scalar, float(value.values[0]))
        return "" if same else f"got {value}, not the scalar {item.scalar}"
    if isinstance(value, Scalar | String):
        return f"got {value}, not a vector"
    got = series_of(result)
    expected = [(labels, _points(item, values)) for labels, values in item.series]
    if len(dict(got)) != len(got):
        return f"a label set twice in {got}"
    if [key for key, _ in got] != sorted((key for key, _ in got), key=_sort_key) and item.is_range:
        return f"not sorted: {got}"
    if "ordered" in item.kinds() and [key for key, _ in got] != [key for key, _ in expected]:
        return f"wrong order: {got}"
    return _compare(dict(expected), dict(got))


def _compare(expected: dict[Labels, Points], got: dict[Labels, Points]) -> str:
    expected = {labels: points for labels, points in expected.items() if points}
    if expected.keys() != got.keys():
        return f"expected the series {list(expected)}, got {got}"
    for labels, points in expected.items():
        same = points.keys() == got[labels].keys() and all(
            almost_equal(points[t], got[labels][t]) for t in points
        )
        if not same:
            return f"{dict(labels)}: expected {points}, got {got[labels]}"
    return ""


def series_of(result: Result) -> list[tuple[Labels, Points]]:
    """The series of a vector or matrix as label pairs and points, in their order."""
    value = result.value
    assert not isinstance(value, Scalar | String)
    labelsets = [tuple(value.labels.labelset(i).items()) for i in range(value.labels.rows)]
    if isinstance(value, Matrix):
        offsets, samples = value.samples.offsets.tolist(), value.samples
        times, values = samples.timestamps.tolist(), samples.values.tolist()
        parts = [
            dict(zip(times[a:b], values[a:b], strict=True))
            for a, b in zip(offsets, offsets[1:], strict=False)
        ]
        return list(zip(labelsets, parts, strict=True))
    steps = result.steps.tolist()
    return [
        (labels, {t: float(v) for t, v, p in zip(steps, row, there, strict=True) if p})
        for labels, row, there in zip(labelsets, value.values, value.present, strict=True)
    ]


def almost_equal(expected: float, got: float) -> bool:
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    if expected == got:
        return True
    size, distance = abs(expected) + abs(got), abs(expected - got)
    if 0 in (expected, got) or size < 2.3e-308:
        return distance < 2.3e-314
    return distance / min(size, 1.7976931348623157e308) < 1e-6


def _sort_key(labels: Labels) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in labels]


def _points(item: Eval, values: list[float | None]) -> Points:
    start_ms, _, step_ms = item.grid
    return {start_ms + i * step_ms: v for i, v in enumerate(values) if v is not None}


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
    load = Load([], parse_duration(words[1]))
    for line in block[1:]:
        labels, rest = parse_series(line)
        name = dict(labels).get("__name__", "")
        if "{{" in rest or rest.startswith("@st"):
            load.left_out.add(name)
        else:
            load.series.append((labels, parse_points(rest)))
        if words[0] != "load":
            load.left_out.add(re.sub("_(bucket|sum|count)$", "", name))
    return load


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
        elif "{{" in text:
            item.unsupported = True
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
        item.scalar = _parse_value(text)
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
        return tuple(sorted(labels.items(), key=lambda pair: pair[0].encode())), rest.strip()
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
    ordered = tuple(sorted(kept.items(), key=lambda pair: pair[0].encode()))
    return ordered, rest[position + 1 :].strip()


def parse_points(text: str) -> list[float | None]:
    points: list[float | None] = []
    for word in text.split():
        if word.startswith("_"):
            points.extend([None] * int(word[2:] or 1) if word != "_" else [None])
        elif word == "stale":
            points.append(float(STALE_NAN))
        elif match := _RUN.match(word):
            value = _parse_value(match[1])
            step = _parse_value(match[3]) if match[3] else 0.0
            step = -step if match[2] == "-" else step
            points.append(value)
            for _ in range(int(match[4])):
                value += step
                points.append(value)
        else:
            points.append(_parse_value(word))
    return points


def _parse_value(text: str) -> float:
    """A number, or a duration in seconds. Raises ValueError for anything else."""
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text[1:] if text[:1] in "+-" else text
    if re.fullmatch(r"(?i:[0-9.]+(y|w|d|h|m|s|ms))+", digits):
        return sign * parse_duration(digits) / 1000
    return sign * parse_number(digits)
