"""Binary operators between native histograms and floats: what has a result, and what is said."""

import numpy as np
import pytest

from api.promql.operators.binary import evaluate_binary
from api.promql.operators.native import negative
from api.promql.syntax.nodes import Binary
from api.promql.syntax.parser import parse
from api.promql.vectors.value import Scalar, Vector
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE
from tests.api.promql.aggregations.test_native import cells_of, native, vector
from tests.api.promql.vectors.test_names import context
from tests.makers.native_points import NativePoint

CUSTOM = NativePoint(CUSTOM_SCHEMA, 1.0, 1.0, positive=((0, 1.0),), bounds=(1.0,))
Cell = float | NativePoint | None


def node_of(op: str) -> Binary:
    node = parse(f"x {op} y")
    assert isinstance(node, Binary)
    return node


def evaluate(op: str, lhs: list[Cell], rhs: list[Cell]) -> tuple[list[Cell], list[str]]:
    """The cells of one row against one row, and all annotations."""
    ctx = context()
    got = evaluate_binary(ctx, node_of(op), vector(ctx, ("x", lhs)), vector(ctx, ("y", rhs)))
    assert isinstance(got, Vector)
    return cells_of(got)[0], [*ctx.annotations.warnings(), *ctx.annotations.infos()]


@pytest.mark.parametrize(
    ("op", "lhs", "rhs", "expected"),
    [
        ("+", native(1.0), native(2.0), native(3.0)),
        ("*", native(2.0), 3.0, native(6.0)),
        ("*", 3.0, native(2.0), native(6.0)),
        ("/", native(6.0), 3.0, native(2.0)),
        ("==", native(1.0), native(1.0), native(1.0)),
        ("==", native(1.0), native(2.0), None),
        ("!=", native(1.0), native(2.0), native(1.0)),
        ("== bool", native(1.0), native(2.0), 0.0),
        ("!= bool", native(1.0), native(2.0), 1.0),
        ("</", native(3.0), float("inf"), native(3.0)),
    ],
)
def test_what_has_a_result(op: str, lhs: Cell, rhs: Cell, expected: Cell) -> None:
    got, said = evaluate(op, [lhs, None], [rhs, 1.0])
    assert got == [expected, None] and not said


@pytest.mark.parametrize(
    ("op", "lhs", "rhs", "text"),
    [
        ("+", native(1.0), 2.0, '"+": histogram + float'),
        ("-", 2.0, native(1.0), '"-": float - histogram'),
        ("/", 2.0, native(1.0), '"/": float / histogram'),
        ("*", native(1.0), native(1.0), '"*": histogram * histogram'),
        ("%", native(1.0), 2.0, '"%": histogram % float'),
        ("atan2", native(1.0), 2.0, '"atan2": histogram atan2 float'),
        (">", native(1.0), native(1.0), '">": histogram > histogram'),
        ("> bool", native(1.0), native(1.0), '">": histogram > histogram'),
        ("==", native(1.0), 1.0, '"==": histogram == float'),
        ("!= bool", 1.0, native(1.0), '"!=": float != histogram'),
        ("</", 1.0, native(1.0), '"</": float </ histogram'),
        (">/", native(1.0), native(1.0), '">/": histogram >/ histogram'),
        (">/", 1.0, 1.0, '">/": float >/ float'),
        ("+", native(1.0), CUSTOM, "incompatible bucket layout encountered for binary operator +"),
    ],
)
def test_what_has_no_result_but_an_annotation(op: str, lhs: Cell, rhs: Cell, text: str) -> None:
    got, said = evaluate(op, [lhs, None], [rhs, 1.0])
    assert got == [None, None]
    assert len(said) == 1 and text in said[0]


def test_floats_beside_histograms_are_computed_as_ever() -> None:
    got, said = evaluate("-", [native(3.0), 5.0], [native(1.0), 2.0])
    assert got[1] == 3.0 and not said
    assert isinstance(got[0], NativePoint) and got[0].hint == HINT_GAUGE


def test_histograms_may_stand_on_both_sides() -> None:
    got, said = evaluate("*", [native(2.0), 3.0, 2.0], [3.0, native(2.0), 4.0])
    assert got == [native(6.0), native(6.0), 8.0]
    assert not said


@pytest.mark.parametrize(
    ("op", "number", "first", "expected"),
    [
        ("*", 2.0, True, native(4.0)),
        ("/", 2.0, False, native(1.0)),
        ("/", 2.0, True, None),
        ("==", 2.0, False, None),
        ("</", float("inf"), False, native(2.0)),
    ],
)
def test_scalars_are_floats(op: str, number: float, expected: Cell, *, first: bool) -> None:
    ctx = context()
    v, scalar = vector(ctx, ("x", [native(2.0), None])), Scalar(np.full(2, number))
    sides = (scalar, v) if first else (v, scalar)
    got = evaluate_binary(ctx, node_of(op), *sides)
    assert isinstance(got, Vector) and cells_of(got) == [[expected, None]]
    assert len(ctx.annotations.infos()) == (expected is None)


def test_only_the_last_of_several_notes_of_a_step_is_told() -> None:
    ctx = context()
    lhs = vector(ctx, ("x", [native(1.0), 1.0]), ("x", [CUSTOM, 1.0]))
    rhs = vector(ctx, ("x", [2.0, 1.0]), ("x", [native(1.0), native(1.0)]))
    got = evaluate_binary(ctx, node_of("+"), lhs, rhs)
    assert isinstance(got, Vector) and cells_of(got) == [[None, 2.0], [None, None]]
    (warning,) = ctx.annotations.warnings()
    assert "incompatible bucket layout" in warning
    (info,) = ctx.annotations.infos()
    assert "float + histogram" in info


def test_signs_change_in_both_kinds() -> None:
    ctx = context()
    got = cells_of(negative(vector(ctx, ("x", [native(2.0), 3.0]))))[0]
    assert isinstance(got[0], NativePoint)
    assert (got[0].count, got[0].hint, got[1]) == (-2.0, HINT_GAUGE, -3.0)
