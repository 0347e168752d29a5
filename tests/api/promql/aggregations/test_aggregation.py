"""Aggregations against their twins, and the rules that twins do not show."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.aggregations.aggregation import ACCUMULATING, Accumulator, aggregate
from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import Aggregate, NumberLiteral
from api.promql.vectors.rows import take_rows
from api.promql.vectors.value import Scalar, String, Vector
from tests.twins.promql.vectors import (
    AGGREGATES,
    Series,
    as_dict,
    make_context,
    make_vector,
    naive_aggregate,
    naive_quantile,
    read_vector,
    vectors,
)

STEPS = 3
GROUPINGS = st.sampled_from([(), ("a",), ("a", "b"), ("__name__",), ("nosuch",)])


def node_of(op: str, grouping: tuple[str, ...] = (), without: bool = False) -> Aggregate:
    leaf = NumberLiteral(3, 4, 0.0)
    return Aggregate(0, 9, op, leaf, leaf, grouping, without)


@pytest.mark.parametrize("op", sorted(ACCUMULATING))
@settings(max_examples=60, deadline=None)
@given(series=vectors(STEPS), grouping=GROUPINGS, without=st.booleans(), cut=st.integers(0, 7))
def test_accumulating(
    op: str, series: list[Series], grouping: tuple[str, ...], without: bool, cut: int
) -> None:
    context = make_context(STEPS)
    vector = make_vector(context, series)
    node = node_of(op, grouping, without)
    expected = as_dict(naive_aggregate(series, STEPS, AGGREGATES[op], grouping, without))
    assert as_dict(read_vector(aggregate(context, node, vector, None))) == expected
    in_blocks = Accumulator(context, node, vector.labels)
    rows = np.arange(len(series))
    in_blocks.add(0, take_rows(vector, rows[:cut]))
    in_blocks.add(min(cut, len(series)), take_rows(vector, rows[cut:]))
    assert as_dict(read_vector(in_blocks.finish())) == expected


@settings(max_examples=100, deadline=None)
@given(
    series=vectors(STEPS),
    grouping=GROUPINGS,
    without=st.booleans(),
    q=st.sampled_from([0.0, 0.3, 0.5, 1.0, -1.0, 1.5, math.nan]),
)
def test_quantile(series: list[Series], grouping: tuple[str, ...], without: bool, q: float) -> None:
    # Which of 0 and -0 comes first in a sorted group is left open, here as in Prometheus.
    series = [(labels, [c if c is None else c + 0.0 for c in cells]) for labels, cells in series]
    context = make_context(STEPS)
    vector = make_vector(context, series)
    got = aggregate(
        context, node_of("quantile", grouping, without), vector, Scalar(np.full(STEPS, q))
    )
    fold = lambda values: naive_quantile(values, q)  # noqa: E731
    expected = naive_aggregate(series, STEPS, fold, grouping, without)
    assert as_dict(read_vector(got)) == as_dict(expected)


def test_quantile_warns_of_each_kind_of_wrong_parameter() -> None:
    context = make_context(4)
    aggregate(
        context,
        node_of("quantile"),
        make_vector(context, []),
        Scalar(np.array([2.0, 3.5, -1.0, math.nan])),
    )
    start = "PromQL warning: quantile value should be between 0 and 1, got "
    assert context.annotations.warnings() == (
        f"{start}NaN (1:4)",
        f"{start}3.5 (1:4)",
        f"{start}-1 (1:4)",
    )


def count_values(
    series: list[Series], label: str, grouping: tuple[str, ...] = (), without: bool = False
) -> Vector:
    context = make_context(2)
    node = node_of("count_values", grouping, without)
    return aggregate(context, node, make_vector(context, series), String(label))


COUNTED: list[Series] = [
    ({"__name__": "m", "a": "x"}, [1.0, 0.0]),
    ({"__name__": "m", "a": "y"}, [1.0, -0.0]),
    ({"__name__": "m", "a": "z"}, [1e21, None]),
    ({"__name__": "m", "a": "w"}, [math.nan, math.inf]),
]


@pytest.mark.parametrize(
    ("label", "grouping", "without", "expected"),
    [
        (
            "v",
            (),
            False,
            [
                ({"v": "1"}, [2.0, None]),
                ({"v": "0"}, [None, 1.0]),
                ({"v": "-0"}, [None, 1.0]),
                ({"v": "1" + "0" * 21}, [1.0, None]),
                ({"v": "NaN"}, [1.0, None]),
                ({"v": "+Inf"}, [None, 1.0]),
            ],
        ),
        ("a", ("a",), True, [({}, [4.0, 3.0])]),
        (
            "a",
            ("__name__",),
            False,
            [
                ({"__name__": "m", "a": "1"}, [2.0, None]),
                ({"__name__": "m", "a": "0"}, [None, 1.0]),
                ({"__name__": "m", "a": "-0"}, [None, 1.0]),
                ({"__name__": "m", "a": "1" + "0" * 21}, [1.0, None]),
                ({"__name__": "m", "a": "NaN"}, [1.0, None]),
                ({"__name__": "m", "a": "+Inf"}, [None, 1.0]),
            ],
        ),
    ],
)
def test_count_values(
    label: str, grouping: tuple[str, ...], without: bool, expected: list[Series]
) -> None:
    got = count_values(COUNTED, label, grouping, without)
    assert as_dict(read_vector(got)) == as_dict(expected)


def test_count_values_keeps_other_labels_without() -> None:
    got = count_values(COUNTED[:2], "v", (), True)
    assert as_dict(read_vector(got)) == as_dict(
        [
            ({"a": "x", "v": "1"}, [1.0, None]),
            ({"a": "x", "v": "0"}, [None, 1.0]),
            ({"a": "y", "v": "1"}, [1.0, None]),
            ({"a": "y", "v": "-0"}, [None, 1.0]),
        ]
    )


@pytest.mark.parametrize(("label", "shown"), [("", '""'), ("\udcff", '"\\xff"')])
def test_count_values_refuses_a_label(label: str, shown: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        count_values(COUNTED, label)
    assert str(caught.value) == f"invalid label name {shown}"


def test_marks_stay_only_if_the_name_stays() -> None:
    context = make_context(1, delayed=True)
    plain = make_vector(context, [({"__name__": "m"}, [1.0]), ({"__name__": "n"}, [1.0])])
    vector = Vector(plain.labels, plain.values, plain.present, np.array([True, False]))
    kept = aggregate(context, node_of("sum", ("__name__",)), vector, None)
    assert kept.drop_name is not None
    assert kept.drop_name.tolist() == [True, False]
    assert aggregate(context, node_of("sum", ("a",)), vector, None).drop_name is None


def test_an_average_that_would_overflow_is_a_running_mean() -> None:
    context = make_context(1)
    vector = make_vector(context, [({"a": str(i)}, [1.7e308]) for i in range(4)])
    got = aggregate(context, node_of("avg"), vector, None)
    assert got.values[0, 0] == pytest.approx(1.7e308)
