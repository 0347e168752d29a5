"""Binary operators against their step-by-step twins, and their texts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.errors import ExecutionError
from api.promql.operators.binary import COMPARISONS, evaluate_binary
from api.promql.syntax.nodes import Binary, Card, NumberLiteral, VectorMatching
from api.promql.vectors.value import Scalar, Vector
from tests.twins.promql.vectors import (
    Series,
    as_dict,
    gather,
    make_context,
    make_vector,
    naive_binary,
    naive_set,
    read_vector,
    samples_at,
    vectors,
)

STEPS = 3
LEAF = NumberLiteral(0, 1, 0.0)
PYTHON = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
INF, NAN = math.inf, math.nan


def node_of(
    op: str, matching: VectorMatching | None = None, *, return_bool: bool = False
) -> Binary:
    return Binary(0, 9, op, LEAF, LEAF, return_bool, matching)


LABELS = st.sampled_from([(), ("a",), ("a", "b"), ("b",), ("__name__",)])
MATCHINGS = st.builds(
    VectorMatching,
    card=st.sampled_from([Card.ONE_TO_ONE, Card.MANY_TO_ONE, Card.ONE_TO_MANY]),
    on=st.booleans(),
    labels=LABELS,
    include=st.sampled_from([(), (), ("b",), ("c",)]),
    fill_left=st.none() | st.none() | st.just(7.0),
    fill_right=st.none() | st.none() | st.just(9.0),
)


def one_to_one_has_no_include(matching: VectorMatching) -> VectorMatching:
    if matching.card is Card.ONE_TO_ONE:
        matching.include = ()
    return matching


def outcome(evaluate: object) -> object:
    """The series, or which error it was."""
    try:
        return as_dict(evaluate())  # type: ignore[operator]
    except ExecutionError as error:
        for part in ("duplicate series", "must be explicit", "ensure unique matches"):
            if part in str(error):
                return part
        return str(error)


@settings(max_examples=600, deadline=None)
@given(
    lhs=vectors(STEPS, names="abc", values="xy"),
    rhs=vectors(STEPS, names="abc", values="xy"),
    matching=MATCHINGS.map(one_to_one_has_no_include),
    op=st.sampled_from(["+", *COMPARISONS]),
    return_bool=st.booleans(),
)
def test_vectors(
    lhs: list[Series],
    rhs: list[Series],
    matching: VectorMatching,
    op: str,
    return_bool: bool,
) -> None:
    return_bool = return_bool and op != "+"
    context = make_context(STEPS)
    node = node_of(op, matching, return_bool=return_bool)

    def compute(a: float, b: float) -> tuple[float, bool]:
        if op == "+":
            return a + b, True
        holds = PYTHON[op](a, b)
        return (float(holds), True) if return_bool else (a, holds)

    def naive() -> list[Series]:
        return gather(
            [
                naive_binary(
                    samples_at(lhs, k),
                    samples_at(rhs, k),
                    matching,
                    compute,
                    op == "+" or return_bool,
                )
                for k in range(STEPS)
            ]
        )

    def columnar() -> list[Series]:
        left, right = make_vector(context, lhs), make_vector(context, rhs)
        result = evaluate_binary(context, node, left, right)
        assert isinstance(result, Vector)
        return read_vector(result)

    expected, got = outcome(naive), outcome(columnar)
    if isinstance(expected, str):
        # Several errors may be there; which one is told first depends on the order of looking.
        assert isinstance(got, str)
    else:
        assert got == expected


@settings(max_examples=300, deadline=None)
@given(
    lhs=vectors(STEPS),
    rhs=vectors(STEPS),
    on=st.booleans(),
    labels=LABELS,
    op=st.sampled_from(["and", "or", "unless"]),
)
def test_sets(
    lhs: list[Series], rhs: list[Series], on: bool, labels: tuple[str, ...], op: str
) -> None:
    context = make_context(STEPS)
    matching = VectorMatching(Card.MANY_TO_MANY, on, labels)
    expected = outcome(
        lambda: gather(
            [naive_set(op, samples_at(lhs, k), samples_at(rhs, k), matching) for k in range(STEPS)]
        )
    )
    left, right = make_vector(context, lhs), make_vector(context, rhs)
    got = outcome(lambda: read_vector(evaluate_binary(context, node_of(op, matching), left, right)))
    assert got == expected


@pytest.mark.parametrize(
    ("op", "a", "b", "expected"),
    [
        ("+", 1, 2, 3),
        ("-", 1, 2, -1),
        ("*", 3, 2, 6),
        ("/", 1, 0, INF),
        ("/", 0, 0, NAN),
        ("%", -5, 3, -2),
        ("%", 5, 0, NAN),
        ("%", 5, INF, 5),
        ("^", -8, 1 / 3, NAN),
        ("^", 2, 10, 1024),
        ("atan2", 10, 20, 0.4636476090008061),
        ("==", NAN, NAN, 0),
        ("!=", NAN, NAN, 1),
        (">=", 2, 2, 1),
        ("<", INF, INF, 0),
    ],
)
def test_scalars(op: str, a: float, b: float, expected: float) -> None:
    context = make_context(1)
    one, two = Scalar(np.array([float(a)])), Scalar(np.array([float(b)]))
    got = evaluate_binary(context, node_of(op, return_bool=True), one, two)
    assert isinstance(got, Scalar)
    assert got.values[0] == pytest.approx(expected, nan_ok=True, rel=1e-15)


SERIES: list[Series] = [({"__name__": "m", "a": "x"}, [1.0, 5.0, None, NAN])]
KEPT = {"__name__": "m", "a": "x"}


@pytest.mark.parametrize(
    ("op", "scalar_first", "return_bool", "expected"),
    [
        ("-", False, False, [({"a": "x"}, [-2.0, 2.0, None, NAN])]),
        ("-", True, False, [({"a": "x"}, [2.0, -2.0, None, NAN])]),
        ("<", False, False, [(KEPT, [1.0, None, None, None])]),
        ("<", True, False, [(KEPT, [None, 5.0, None, None])]),
        ("<", True, True, [({"a": "x"}, [0.0, 1.0, None, 0.0])]),
        ("!=", True, False, [(KEPT, [1.0, 5.0, None, NAN])]),
    ],
)
def test_vector_with_scalar(
    op: str, scalar_first: bool, return_bool: bool, expected: list[Series]
) -> None:
    context = make_context(4)
    vector, scalar = make_vector(context, SERIES), Scalar(np.full(4, 3.0))
    sides = (scalar, vector) if scalar_first else (vector, scalar)
    got = evaluate_binary(context, node_of(op, return_bool=return_bool), *sides)
    assert isinstance(got, Vector)
    assert as_dict(read_vector(got)) == as_dict(expected)


@pytest.mark.parametrize("steps", [1, 2])
def test_roots_are_powers_at_one_step_as_at_many(steps: int) -> None:
    context = make_context(steps)
    values = [-INF, -0.0, 4.0, -4.0, INF]
    series: list[Series] = [({"a": str(i)}, [value] * steps) for i, value in enumerate(values)]
    vector, scalar = make_vector(context, series), Scalar(np.full(steps, 0.5))
    got = evaluate_binary(context, node_of("^"), vector, scalar)
    assert isinstance(got, Vector)
    expected = np.repeat([[INF], [0.0], [2.0], [NAN], [INF]], steps, axis=1)
    np.testing.assert_array_equal(got.values, expected)
    assert not np.signbit(got.values[1]).any()


def test_delayed_removal_marks_rows() -> None:
    context = make_context(4, delayed=True)
    vector, scalar = make_vector(context, SERIES), Scalar(np.full(4, 3.0))
    same = VectorMatching()
    cases = [
        (node_of("+"), scalar, True),
        (node_of("<"), scalar, False),
        (node_of("<", return_bool=True), scalar, True),
        (node_of("<", same), vector, False),
        (node_of("<", same, return_bool=True), vector, True),
    ]
    for node, other, marked in cases:
        got = evaluate_binary(context, node, vector, other)
        assert isinstance(got, Vector)
        assert got.labels.labelset(0)["__name__"] == "m"
        assert (got.drop_name is not None and got.drop_name.all()) == marked
    got = evaluate_binary(context, node_of("+", same), vector, vector)
    assert isinstance(got, Vector)
    assert "__name__" not in got.labels.labelset(0)


def failure(lhs: list[Series], rhs: list[Series], matching: VectorMatching) -> str:
    context = make_context(1)
    with pytest.raises(ExecutionError) as caught:
        evaluate_binary(
            context, node_of("+", matching), make_vector(context, lhs), make_vector(context, rhs)
        )
    return str(caught.value)


ONE: list[Series] = [({"__name__": "m", "a": "x"}, [1.0])]
TWO: list[Series] = [
    ({"__name__": "m", "a": "x", "b": "z"}, [1.0]),
    ({"__name__": "m", "a": "x", "b": "y"}, [1.0]),
]
TEXT = (
    'found duplicate series for the match group {a="x"} on the %s hand-side of the operation: '
    '[{__name__="m", a="x", b="y"}, {__name__="m", a="x", b="z"}];many-to-many matching not '
    "allowed: matching labels must be unique on one side"
)


@pytest.mark.parametrize(
    ("lhs", "rhs", "matching", "text"),
    [
        (ONE, TWO, VectorMatching(on=True, labels=("a",)), TEXT % "right"),
        (ONE, TWO, VectorMatching(labels=("b",)), TEXT % "right"),
        (TWO, ONE, VectorMatching(Card.ONE_TO_MANY, True, ("a",)), TEXT % "left"),
        (
            TWO,
            ONE,
            VectorMatching(on=True, labels=("a",)),
            "multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)",
        ),
        (
            TWO,
            ONE,
            VectorMatching(Card.MANY_TO_ONE, True, ("a",), ("b",)),
            "multiple matches for labels: grouping labels must ensure unique matches",
        ),
    ],
)
def test_error_texts(
    lhs: list[Series], rhs: list[Series], matching: VectorMatching, text: str
) -> None:
    assert failure(lhs, rhs, matching) == text


def test_duplicates_do_not_matter_where_the_other_side_is_empty() -> None:
    context = make_context(2)
    lhs = make_vector(context, [({"a": "x"}, [None, 1.0])])
    rhs = make_vector(
        context, [({"a": "x", "b": "y"}, [1.0, 2.0]), ({"a": "x", "b": "z"}, [1.0, None])]
    )
    got = evaluate_binary(context, node_of("+", VectorMatching(on=True, labels=("a",))), lhs, rhs)
    assert isinstance(got, Vector)
    assert as_dict(read_vector(got)) == as_dict([({"a": "x"}, [None, 3.0])])


def test_trimming_floats_leaves_nothing_but_an_info() -> None:
    context = make_context(4)
    vector, scalar = make_vector(context, SERIES), Scalar(np.full(4, 3.0))
    got = evaluate_binary(context, node_of("</"), vector, scalar)
    assert isinstance(got, Vector) and not got.present.any()
    assert context.annotations.infos() == (
        'PromQL info: incompatible sample types encountered for binary operator "</": '
        "float </ float (1:1)",
    )
