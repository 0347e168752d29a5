"""A runner of PromQL test scripts (`.test`) inside the process, on a store in memory."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from api.promql.engine import Engine
from api.promql.errors import ParseError, QueryError
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.vectors.value import Matrix, Result, Scalar, String
from tests.makers.memory_store import MemoryStore
from tests.makers.native_points import Counts, point_of
from tests.makers.promql.scripts import Eval, Labels, Load, Point, Points, groups_of

FEATURES = Features(
    experimental_functions=True,
    extended_range_selectors=True,
    binop_fill_modifiers=True,
    delayed_name_removal=True,
    use_start_timestamps=True,
)
OPTIONS = EngineOptions(max_samples=10_000, timeout_ms=100_000)


@dataclass
class Outcome:
    """What became of one eval: problem is empty if it passed."""

    name: str
    text: str
    problem: str


def run_script(name: str, text: str, engine: Engine | None = None) -> Iterator[Outcome]:
    """Run all groups of a script, each on a new store."""
    own = Engine(OPTIONS, FEATURES) if engine is None else engine
    try:
        for group in groups_of(text):
            yield from run_group(name, group, own)
    finally:
        if engine is None:
            own.close()


def run_group(name: str, group: list[Load | Eval], engine: Engine) -> Iterator[Outcome]:
    store = MemoryStore()
    for item in group:
        if isinstance(item, Load):
            for labels, samples in item.series:
                store.write(dict(labels), samples)
            continue
        place = f"{name}:{item.line}"
        yield Outcome(place, item.text, check(item, engine, store))
        if has_variant(item):
            yield Outcome(f"{place} as range", item.text, check_variant(item, engine, store))


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
    return not special and not by_step and "fail" not in item.kinds()


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
            same_point(points[t], got[labels][t]) for t in points
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
        samples = value.samples
        offsets, times = samples.offsets.tolist(), samples.timestamps.tolist()
        points: list[Point] = samples.values.tolist()
        if samples.natives is not None:
            for i, row in enumerate(samples.natives.rows.tolist()):
                points[i] = points[i] if row < 0 else point_of(samples.natives.histograms, row)
        parts = [
            dict(zip(times[a:b], points[a:b], strict=True))
            for a, b in zip(offsets, offsets[1:], strict=False)
        ]
        return list(zip(labelsets, parts, strict=True))
    steps = result.steps.tolist()
    found: list[tuple[Labels, Points]] = []
    for i, labels in enumerate(labelsets):
        cells: list[Point] = value.values[i].tolist()
        if value.natives is not None:
            for k, row in enumerate(value.natives.rows[i].tolist()):
                cells[k] = cells[k] if row < 0 else point_of(value.natives.histograms, row)
        there = value.present[i]
        found.append((labels, {t: v for t, v, p in zip(steps, cells, there, strict=True) if p}))
    return found


def same_point(expected: Point, got: Point) -> bool:
    """Whether two points are as good as equal; a hint counts only if the script stated one."""
    if isinstance(expected, float) and isinstance(got, float):
        return almost_equal(expected, got)
    if isinstance(expected, float) or isinstance(got, float):
        return False
    return (
        expected.schema == got.schema
        and expected.zero_threshold == got.zero_threshold
        and expected.bounds == got.bounds
        and (expected.hint == got.hint or not expected.hint_stated)
        and almost_equal(expected.sum, got.sum)
        and almost_equal(expected.count, got.count)
        and almost_equal(expected.zero_count, got.zero_count)
        and _same_counts(expected.positive, got.positive)
        and _same_counts(expected.negative, got.negative)
    )


def _same_counts(expected: Counts, got: Counts) -> bool:
    same_buckets = [index for index, _ in expected] == [index for index, _ in got]
    pairs = zip(expected, got, strict=False)
    return same_buckets and all(almost_equal(a, b) for (_, a), (_, b) in pairs)


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


def _points(item: Eval, values: list[Point | None]) -> Points:
    start_ms, _, step_ms = item.grid
    return {start_ms + i * step_ms: v for i, v in enumerate(values) if v is not None}
