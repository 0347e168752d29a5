"""The table of functions: arithmetic over every cell, and the scalars."""

import math

import numpy as np
import pytest

from api.promql.functions.table import CALLS
from api.promql.syntax.nodes import Call, NumberLiteral, ValueType
from api.promql.vectors.value import Scalar, Value, Vector
from tests.twins.promql.vectors import Series, make_context, make_vector, read_vector, show

INF, NAN = math.inf, math.nan


def node_of(func: str) -> Call:
    return Call(0, 1, func, (NumberLiteral(0, 1, 0.0),), ValueType.VECTOR)


def apply(func: str, value: float, *scalars: float) -> list[Series]:
    context = make_context(1)
    vector = make_vector(context, [({"__name__": "m", "a": "x"}, [value])])
    args: list[Value] = [vector, *(Scalar(np.array([float(s)])) for s in scalars)]
    got = CALLS[func](context, node_of(func), args)
    assert isinstance(got, Vector)
    return read_vector(got)


@pytest.mark.parametrize(
    ("func", "value", "expected"),
    [
        ("abs", -1.5, 1.5),
        ("ceil", 1.2, 2),
        ("floor", -1.2, -2),
        ("exp", 1000, INF),
        ("ln", 0, -INF),
        ("ln", -1, NAN),
        ("log2", 8, 3),
        ("log10", 1000, 3),
        ("sqrt", -1, NAN),
        ("sgn", -7, -1),
        ("sgn", NAN, NAN),
        ("sgn", -0.0, -0.0),
        ("sgn", INF, 1),
        ("deg", math.pi, 180),
        ("rad", 180, math.pi),
        ("sin", 1, math.sin(1)),
        ("cos", 1, math.cos(1)),
        ("tan", 1, math.tan(1)),
        ("asin", 1, math.asin(1)),
        ("acos", 2, NAN),
        ("atan", 1, math.atan(1)),
        ("sinh", 1, math.sinh(1)),
        ("cosh", 1, math.cosh(1)),
        ("tanh", 1, math.tanh(1)),
        ("asinh", 1, math.asinh(1)),
        ("acosh", 0.5, NAN),
        ("atanh", 1, INF),
    ],
)
def test_math(func: str, value: float, expected: float) -> None:
    [(labels, [got])] = apply(func, value)
    assert labels == {"a": "x"}
    assert got == pytest.approx(expected, nan_ok=True, rel=1e-15)
    assert expected != 0 or show(got) == show(expected)


@pytest.mark.parametrize(
    ("func", "value", "scalars", "expected"),
    [
        ("clamp", 5, (0, 3), 3.0),
        ("clamp", -5, (0, 3), 0.0),
        ("clamp", NAN, (0, 3), NAN),
        ("clamp", 5, (0, NAN), NAN),
        ("clamp", 5, (3, 0), None),
        ("clamp_min", -1, (0,), 0.0),
        ("clamp_min", NAN, (INF,), INF),
        ("clamp_max", 7, (INF,), 7.0),
        ("round", 2.5, (), 3.0),
        ("round", -2.5, (), -2.0),
        ("round", 2.15, (0.1,), 2.2),
        ("round", 13, (5,), 15.0),
        ("round", 13, (0,), NAN),
    ],
)
def test_with_scalars(
    func: str, value: float, scalars: tuple[float, ...], expected: float | None
) -> None:
    got = apply(func, value, *scalars)
    cells = [None] if not got else got[0][1]
    assert [show(cell) for cell in cells] == [show(expected)]


def test_scalar_needs_exactly_one_series() -> None:
    context = make_context(4)
    vector = make_vector(
        context, [({"a": "x"}, [1.0, None, 1.0, INF]), ({"a": "y"}, [None, None, 2.0, None])]
    )
    for given, expected in (
        (vector, ["1.0", "nan", "nan", "inf"]),
        (make_vector(context, []), ["nan"] * 4),
    ):
        got = CALLS["scalar"](context, node_of("scalar"), [given])
        assert isinstance(got, Scalar)
        assert [show(value) for value in got.values] == expected


def test_vector_has_no_labels() -> None:
    context = make_context(2)
    got = CALLS["vector"](context, node_of("vector"), [Scalar(np.array([1.0, NAN]))])
    assert isinstance(got, Vector)
    [(labels, cells)] = read_vector(got)
    assert labels == {} and [show(cell) for cell in cells] == ["1.0", "nan"]


@pytest.mark.parametrize(
    ("func", "args", "expected"),
    [
        ("time", (), [0.0, 0.25, 0.5]),
        ("pi", (), [math.pi] * 3),
        ("start", (), [0.0] * 3),
        ("end", (), [0.5] * 3),
        ("range", (), [0.5] * 3),
        ("step", (), [0.25] * 3),
        ("max_of", (1.0, 2.0), [2.0] * 3),
        ("min_of", (1.0, NAN), [NAN] * 3),
    ],
)
def test_scalars(func: str, args: tuple[float, ...], expected: list[float]) -> None:
    context = make_context(3, step_ms=250)
    got = CALLS[func](context, node_of(func), [Scalar(np.full(3, arg)) for arg in args])
    assert isinstance(got, Scalar)
    assert [show(value) for value in got.values] == [show(value) for value in expected]


def test_delayed_removal_marks_rows() -> None:
    context = make_context(1, delayed=True)
    vector = make_vector(context, [({"__name__": "m"}, [1.0])])
    got = CALLS["abs"](context, node_of("abs"), [vector])
    assert isinstance(got, Vector) and got.drop_name is not None
    assert got.labels.labelset(0) == {"__name__": "m"} and got.drop_name.all()
