"""topk, bottomk, limitk and limit_ratio."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.aggregations.aggregation import aggregate
from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import Aggregate, NumberLiteral
from api.promql.vectors.value import Scalar
from tests.twins.promql.vectors import (
    Key,
    RankingHeap,
    Series,
    as_dict,
    group_key,
    key_of,
    make_context,
    make_vector,
    read_vector,
    vectors,
)

STEPS = 3
LEAF = NumberLiteral(6, 7, 0.0)


def run(
    op: str, series: list[Series], k: list[float], grouping: tuple[str, ...] = ()
) -> list[Series]:
    context = make_context(len(k))
    node = Aggregate(0, 9, op, LEAF, LEAF, grouping, False)
    vector = make_vector(context, series)
    return read_vector(aggregate(context, node, vector, Scalar(np.array(k))))


def naive_rank(
    op: str, series: list[Series], k: list[float], grouping: tuple[str, ...]
) -> list[Series]:
    sign = 1.0 if op == "topk" else -1.0
    out: list[Series] = [(labels, [None] * len(k)) for labels, _ in series]
    for step, size in enumerate(k):
        heaps: dict[Key, RankingHeap] = {}
        for row, (labels, cells) in enumerate(series):
            cell = cells[step]
            if cell is not None and size >= 1:
                key = key_of(group_key(labels, grouping, False))
                heaps.setdefault(key, RankingHeap(int(size))).offer(sign * cell, row)
        for heap in heaps.values():
            for _, row in heap.items:
                out[row][1][step] = series[row][1][step]
    return [row for row in out if any(cell is not None for cell in row[1])]


@settings(max_examples=200, deadline=None)
@given(
    op=st.sampled_from(["topk", "bottomk"]),
    series=vectors(STEPS),
    k=st.lists(st.sampled_from([0.0, 1.0, 2.9, 3.0, 99.0]), min_size=STEPS, max_size=STEPS),
    grouping=st.sampled_from([(), ("a",)]),
)
def test_rank(op: str, series: list[Series], k: list[float], grouping: tuple[str, ...]) -> None:
    got = run(op, series, k, grouping)
    assert as_dict(got) == as_dict(naive_rank(op, series, k, grouping))


@settings(max_examples=100, deadline=None)
@given(
    series=vectors(STEPS),
    k=st.lists(st.sampled_from([-1.0, 0.0, 1.0, 2.0, 9.0]), min_size=STEPS, max_size=STEPS),
)
def test_limitk(series: list[Series], k: list[float]) -> None:
    got = run("limitk", series, k, ("a",))
    seen: dict[tuple[str, int], int] = {}
    expected: list[Series] = []
    for labels, cells in series:
        kept: list[float | None] = []
        for step, cell in enumerate(cells):
            place = (labels.get("a", ""), step)
            taken = cell is not None and seen.get(place, 0) < k[step]
            seen[place] = seen.get(place, 0) + taken
            kept.append(cell if taken else None)
        if any(cell is not None for cell in kept):
            expected.append((labels, kept))
    assert as_dict(got) == as_dict(expected)


FRUIT: list[Series] = [
    ({"a": "fig", "g": "1"}, [2.0]),
    ({"a": "oak", "g": "2"}, [7.0]),
    ({"a": "nut", "g": "1"}, [math.nan]),
    ({"a": "elm", "g": "2"}, [9.0]),
    ({"a": "yew", "g": "1"}, [5.0]),
]


@pytest.mark.parametrize(
    ("op", "k", "grouping", "expected"),
    [
        ("topk", 3, (), ["elm", "oak", "yew"]),
        ("topk", 9, (), ["elm", "oak", "yew", "fig", "nut"]),
        ("bottomk", 9, (), ["fig", "yew", "oak", "elm", "nut"]),
        ("topk", 2, ("g",), ["yew", "fig", "elm", "oak"]),
        ("limitk", 1, ("g",), ["fig", "oak"]),
        ("limitk", 4, ("g",), ["fig", "nut", "yew", "oak", "elm"]),
    ],
)
def test_instant_results_are_in_order(
    op: str, k: float, grouping: tuple[str, ...], expected: list[str]
) -> None:
    assert [labels["a"] for labels, _ in run(op, FRUIT, [float(k)], grouping)] == expected


@pytest.mark.parametrize(
    ("op", "k", "text"),
    [
        ("topk", [math.nan], "Parameter value is NaN"),
        ("limitk", [1.0, math.nan], "Parameter value is NaN"),
        ("limit_ratio", [math.nan], "Ratio value is NaN"),
        ("topk", [1e19], "Scalar value 1e+19 overflows int64"),
        ("bottomk", [math.inf], "Scalar value +Inf overflows int64"),
        ("topk", [-1e19, 1.0], "Scalar value -1e+19 underflows int64"),
    ],
)
def test_refused_parameters(op: str, k: list[float], text: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        run(op, [], k)
    assert str(caught.value) == text


def test_a_parameter_below_one_gives_nothing() -> None:
    assert run("topk", FRUIT, [0.99]) == []
    assert run("bottomk", FRUIT, [-1e30]) == []


MANY: list[Series] = [({"a": str(i)}, [1.0]) for i in range(200)]


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.9])
def test_a_negative_ratio_is_the_complement(ratio: float) -> None:
    some = {labels["a"] for labels, _ in run("limit_ratio", MANY, [ratio])}
    rest = {labels["a"] for labels, _ in run("limit_ratio", MANY, [ratio - 1])}
    assert not some & rest
    assert len(some) + len(rest) == len(MANY)
    assert abs(len(some) - ratio * len(MANY)) < 30


def test_ratios_out_of_bounds_are_capped_with_a_warning() -> None:
    context = make_context(2)
    node = Aggregate(0, 9, "limit_ratio", LEAF, LEAF)
    series: list[Series] = [({"a": "x"}, [1.0, 1.0])]
    got = aggregate(context, node, make_vector(context, series), Scalar(np.array([1.5, -1.1])))
    assert read_vector(got) == series
    start = "PromQL warning: ratio value should be between -1 and 1, got "
    assert context.annotations.warnings() == (
        f"{start}1.5, capping to 1 (1:7)",
        f"{start}-1.1, capping to -1 (1:7)",
    )
