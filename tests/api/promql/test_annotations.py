"""Annotations: once per text, at the place of what is evaluated last."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from api.promql.annotations import Annotations, Merging, Place, evaluation_order
from api.promql.engine import Engine
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.syntax.nodes import NumberLiteral
from api.promql.syntax.parser import parse
from tests.makers.memory_store import MemoryStore
from tests.makers.native_points import NativePoint

FIRST, SECOND = NumberLiteral(3, 4, 1.0), NumberLiteral(6, 7, 1.0)
FEATURES = Features(experimental_functions=True, extended_range_selectors=True)


def test_texts_appear_once_with_kind_and_last_place() -> None:
    for order, place in (({FIRST: 0, SECOND: 1}, "2:2"), ({FIRST: 1, SECOND: 0}, "1:4")):
        annotations = Annotations("é +\n x".encode(), lambda order=order: order)
        annotations.warn("odd", Place(FIRST))
        annotations.warn("odd", Place(SECOND))
        annotations.warn("odder", Place(SECOND))
        annotations.info("odd", Place(FIRST))
        assert annotations.warnings() == (
            f"PromQL warning: odd ({place})",
            "PromQL warning: odder (2:2)",
        )
        assert annotations.infos() == ("PromQL info: odd (1:4)",)


@dataclass
class Sum:
    number: int

    def merged(self, other: Merging) -> Sum:
        assert isinstance(other, Sum)
        return Sum(self.number + other.number)

    def text(self) -> str:
        return f", {self.number} times"


def test_details_are_merged_at_the_first_place() -> None:
    annotations = Annotations(b"a + b +\nc", lambda: {FIRST: 1, SECOND: 2})
    annotations.info("odd", Place(SECOND), Sum(2))
    annotations.info("odd", Place(FIRST), Sum(3))
    assert annotations.infos() == ("PromQL info: odd, 5 times (1:4)",)


def test_there_are_none_at_first() -> None:
    annotations = Annotations(b"")
    assert annotations.warnings() == annotations.infos() == ()


@pytest.mark.parametrize(
    ("query", "starts"),
    [
        ("a + b * c", [0, 4, 8, 4, 0]),
        ("topk(3, sum(x))", [5, 12, 8, 0]),
        ("quantile_over_time(scalar(q), (x[1m:]))", [31, 31, 30, 26, 19, 0]),
        ("predict_linear(x[1m], scalar(y))", [15, 15, 29, 22, 0]),
    ],
)
def test_evaluation_order(query: str, starts: list[int]) -> None:
    root = parse(query)
    order = evaluation_order(root)
    assert [node.start for node in sorted(order, key=lambda node: order[node])] == starts


NAN = float("nan")
HISTOGRAM = NativePoint(count=4.0, sum=8.0, positive=((1, 4.0),))
CUSTOM = NativePoint(-53, 4.0, 8.0, positive=((0, 4.0),), bounds=(1.0, 2.0))
GAUGE = NativePoint(count=4.0, sum=8.0, positive=((1, 4.0),), hint=3)
WITH_NAN = NativePoint(count=6.0, sum=NAN, positive=((1, 4.0),))
SERIES: dict[str, list[float | NativePoint]] = {
    "g": [1.0, 2.0, 3.0],
    "c": [HISTOGRAM, HISTOGRAM, HISTOGRAM],
    "m": [1.0, HISTOGRAM, HISTOGRAM],
    "s": [HISTOGRAM, CUSTOM, CUSTOM],
    "u": [GAUGE, GAUGE, GAUGE],
    "n": [WITH_NAN, WITH_NAN, WITH_NAN],
}
IGNORED = "ignored histograms in a range containing both floats and histograms for metric name"
MIX = "encountered a mix of histograms and floats for metric name"
SCHEMAS = (
    "vector contains a mix of histograms with exponential and custom buckets schemas for metric "
    "name"
)
RANGE_QUERY_SORT = (
    "sort is ineffective for range queries since results are always ordered by labels"
)
NO_COUNTER = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
MIX_IN_AGGREGATION = "encountered a mix of histograms and floats for aggregation"
BAD_BOUND = 'bucket label "le" is missing or has a malformed value of'
WRONG_RATIO = "ratio value should be between -1 and 1, got"
WRONG_Q = "quantile value should be between 0 and 1, got"
# What is asked at 120 s of samples at 0, 60 and 120 s, and what is said of it, in any order.
SAID = [
    # Arguments: the first, whichever it is, inside its parentheses.
    ("rate(g[3m])", [f'{NO_COUNTER} "g" (1:6)']),
    ("increase( (g[3m]) )", [f'{NO_COUNTER} "g" (1:12)']),
    ("rate(m[3m])", [f'{MIX} "m" (1:6)']),
    ("irate(m[90s])", []),
    ("irate(m[90s] offset 1m)", [f'{MIX} "m" (1:7)']),
    ("sum_over_time(m[3m])", [f'{MIX} "m" (1:15)']),
    ("avg_over_time(s[3m])", [f'{SCHEMAS} "s" (1:15)']),
    ("delta(s[3m])", [f'{SCHEMAS} "s" (1:7)']),
    ("idelta(c[3m])", ['this native histogram metric is not a gauge: "c" (1:8)']),
    ("rate(u[3m])", ['this native histogram metric is not a counter: "u" (1:6)']),
    ("rate(u[3m] anchored)", ['this native histogram metric is not a counter: "u" (1:6)']),
    ("predict_linear(m[3m], 3)", [f'{IGNORED} "m" (1:16)']),
    ("quantile_over_time( 0.5, m[3m])", [f'{IGNORED} "m" (1:21)']),
    ("quantile_over_time( (2), g[3m])", [f"{WRONG_Q} 2 (1:22)"]),
    # The samples of a subquery have no position.
    ("-rate(g[3m:1m])", [f'{NO_COUNTER} "g" (1:1)']),
    ("2 - max_over_time((m[3m:1m]))", [f'{IGNORED} "m" (1:1)']),
    ("quantile_over_time(2, g[3m:1m])", [f"{WRONG_Q} 2 (1:20)"]),
    ("rate(sort(g)[3m:1m])", [f'{NO_COUNTER} "g" (1:1)', f"{RANGE_QUERY_SORT} (1:6)"]),
    # A subquery that begins and ends at one time has an order; one that ends later has none.
    ("count_over_time(sort(g)[1m:1m])", []),
    ("count_over_time(sort(g)[30s:40s])", []),
    ("count_over_time(sort(g)[50s:50s])", [f"{RANGE_QUERY_SORT} (1:17)"]),
    ("count_over_time(sort(g @ 60)[50s:50s])", []),
    # Quantiles.
    ("histogram_quantile(0.9, (g))", [f'{BAD_BOUND} "" (1:26)']),
    ("histogram_fraction(0, 1, g)", [f'{BAD_BOUND} "" (1:26)']),
    (
        "histogram_quantile(-1, n)",
        [f"{WRONG_Q} -1 (1:20)"],
    ),
    (
        "histogram_quantile((0.1), n)",
        ["input to histogram_quantile has NaN observations, result is skewed higher (1:21)"],
    ),
    (
        "histogram_quantiles((n), 'q', 0.1, 3)",
        [
            "input to histogram_quantile has NaN observations, result is skewed higher (1:22)",
            f"{WRONG_Q} 3 (1:36)",
        ],
    ),
    # Aggregations: at their argument, but for those that keep samples.
    ("max((c))", ["ignored histogram in max aggregation (1:6)"]),
    ("quantile(0.5, c)", ["ignored histogram in quantile aggregation (1:15)"]),
    ("quantile((1.5), g)", [f"{WRONG_Q} 1.5 (1:11)"]),
    ("1 + topk(1, c)", ["ignored histogram in topk aggregation (1:5)"]),
    ("bottomk(1, c)", ["ignored histogram in bottomk aggregation (1:1)"]),
    ("topk(0, c)", []),
    ("limitk(1, c)", []),
    ("limit_ratio(-2, g)", [f"{WRONG_RATIO} -2, capping to -1 (1:13)"]),
    ("sum({__name__=~'c|g'})", [f"{MIX_IN_AGGREGATION} (1:5)"]),
    # Operators: at their beginning, which their parentheses are part of.
    (
        "1 + ((c) > 3)",
        ['incompatible sample types encountered for binary operator ">": histogram > float (1:6)'],
    ),
    ("c + on() s", ["incompatible bucket layout encountered for binary operator + (1:1)"]),
    # Of one text the last one evaluated keeps its place.
    ("rate(g[3m]) / rate(g[2m])", [f'{NO_COUNTER} "g" (1:20)']),
    ("rate(g[3m]) * scalar(rate(g[2m]))", [f'{NO_COUNTER} "g" (1:27)']),
    ("scalar(rate(g[3m])) * rate(g[2m])", [f'{NO_COUNTER} "g" (1:28)']),
    ("topk(scalar(rate(g[3m])), rate(g[2m]))", [f'{NO_COUNTER} "g" (1:32)']),
    ("quantile(2, quantile(2, g))", [f"{WRONG_Q} 2 (1:10)"]),
    ("quantile_over_time(scalar(rate(g[3m])), rate(g[2m])[3m:1m])", [f'{NO_COUNTER} "g" (1:32)']),
    ("predict_linear(g[3m], scalar(rate(g[3m]) + rate(g[2m])))", [f'{NO_COUNTER} "g" (1:49)']),
]


def said_of(query: str) -> list[str]:
    store = MemoryStore()
    for name, points in SERIES.items():
        store.write({"__name__": name}, [(60_000 * k, point) for k, point in enumerate(points)])
    engine = Engine(EngineOptions(), FEATURES)
    result = engine.instant_query(store, query, 120_000)
    engine.close()
    return sorted(text.split(": ", 1)[1] for text in (*result.warnings, *result.infos))


@pytest.mark.parametrize(("query", "expected"), SAID, ids=lambda value: str(value)[:60])
def test_what_is_said_and_where(query: str, expected: list[str]) -> None:
    assert said_of(query) == sorted(expected)


@pytest.mark.parametrize(("end", "step"), [(0, 60_000), (30_000, 3_600_000), (60_000, 60_000)])
def test_a_range_of_one_step_has_an_order_only_if_it_ends_there(end: int, step: int) -> None:
    store = MemoryStore()
    store.write({"__name__": "up"}, [(0, 1.0)])
    engine = Engine(EngineOptions(), FEATURES)
    warnings = engine.range_query(store, "sort(up)", 0, end, step).warnings
    engine.close()
    assert warnings == ((f"PromQL warning: {RANGE_QUERY_SORT} (1:1)",) if end else ())


def test_repairs_of_several_calls_are_one_info() -> None:
    store = MemoryStore()
    for le, count in (("1", 5.0), ("2", 4.0), ("+Inf", 7.0)):
        store.write({"__name__": "h", "le": le}, [(0, count), (60_000, count)])
    engine = Engine(EngineOptions(), FEATURES)
    query = "histogram_quantile(0.5, h) + histogram_quantile(0.9, h)"
    (info,) = engine.instant_query(store, query, 60_000).infos
    engine.close()
    assert ", with a max diff of 1, over 2 samples from 1970-01-01T00:01:00Z" in info
    assert info.endswith(" (1:25)")
