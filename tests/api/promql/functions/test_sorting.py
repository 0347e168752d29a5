"""sort, sort_desc, sort_by_label and sort_by_label_desc."""

import math

import pytest

from api.promql.functions.sorting import compare_naturally
from api.promql.functions.table import CALLS
from api.promql.syntax.nodes import Call, NumberLiteral, ValueType
from api.promql.vectors.value import String, Vector
from tests.twins.promql.vectors import Series, make_context, make_vector, read_vector

LEAF = NumberLiteral(0, 1, 0.0)


def order_of(func: str, series: list[Series], *labels: str) -> list[str]:
    context = make_context(1)
    node = Call(0, 1, func, (LEAF,), ValueType.VECTOR)
    args = [make_vector(context, series), *map(String, labels)]
    got = CALLS[func](context, node, args)
    assert isinstance(got, Vector)
    assert context.annotations.warnings() == ()
    return [labels["id"] for labels, _ in read_vector(got)]


VALUES: list[Series] = [
    ({"id": "nan"}, [math.nan]),
    ({"id": "2"}, [2.0]),
    ({"id": "gone"}, [None]),
    ({"id": "-inf"}, [-math.inf]),
    ({"id": "1"}, [1.0]),
    ({"id": "inf"}, [math.inf]),
]


def test_by_value_nan_is_last() -> None:
    assert order_of("sort", VALUES) == ["-inf", "1", "2", "inf", "nan"]
    assert order_of("sort_desc", VALUES) == ["inf", "2", "1", "-inf", "nan"]


LABELLED: list[Series] = [
    ({"id": "1", "cpu": "10", "z": "b"}, [1.0]),
    ({"id": "2", "cpu": "9", "z": "b"}, [1.0]),
    ({"id": "3", "z": "a"}, [1.0]),
    ({"id": "4", "cpu": "9", "z": "a"}, [1.0]),
]


def test_by_label() -> None:
    assert order_of("sort_by_label", LABELLED, "cpu") == ["3", "2", "4", "1"]
    assert order_of("sort_by_label", LABELLED, "z", "cpu") == ["3", "4", "2", "1"]
    assert order_of("sort_by_label_desc", LABELLED, "cpu") == ["1", "4", "2", "3"]
    assert order_of("sort_by_label", LABELLED) == ["1", "2", "4", "3"]


@pytest.mark.parametrize("func", ["sort", "sort_desc", "sort_by_label", "sort_by_label_desc"])
def test_a_range_query_is_warned(func: str) -> None:
    context = make_context(2)
    vector = make_vector(context, [({"id": "b"}, [2.0, 2.0]), ({"id": "a"}, [1.0, 1.0])])
    node = Call(0, 1, func, (LEAF,), ValueType.VECTOR)
    assert CALLS[func](context, node, [vector]) is vector
    assert context.annotations.warnings() == (
        "PromQL warning: sort is ineffective for range queries since results are always ordered "
        "by labels (1:1)",
    )


@pytest.mark.parametrize(
    "texts",
    [
        ["", "1", "2", "10", "a"],
        ["4m5", "4m600", "4m1000"],
        ["1.2.3", "1.11.3", "1.111.3"],
        ["a", "a1", "a1b", "ab"],
        ["01", "1", "2"],
        ["9223372036854775807", "9223372036854775808x"],
        ["x-5", "x-5y", "x-10"],
    ],
)
def test_natural_order(texts: list[str]) -> None:
    for i, a in enumerate(texts):
        for j, b in enumerate(texts):
            compared = compare_naturally(a, b)
            assert (compared > 0) - (compared < 0) == (i > j) - (i < j), (a, b)
