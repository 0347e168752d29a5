"""The arithmetic of duration expressions; test_plan has them inside of queries."""

import math

import pytest

from api.promql.errors import BadQuery
from api.promql.syntax.duration_values import resolve_duration
from api.promql.syntax.nodes import DurationExpr


def number(value: float) -> DurationExpr:
    return DurationExpr(0, 1, "", value=value)


def operation(op: str, *operands: DurationExpr) -> DurationExpr:
    lhs, rhs = operands if len(operands) == 2 else (None, *operands)
    return DurationExpr(2, 9, op, lhs, rhs)


def resolve(expr: DurationExpr, *, negative: bool = False) -> int:
    return resolve_duration(expr, step_ms=15_000, range_ms=60_000, may_be_negative=negative)


@pytest.mark.parametrize(
    ("expr", "duration_ms"),
    [
        (number(0.0019), 1),  # cut, not rounded
        (number(0.0001), 0),
        (operation("+", number(1), number(2)), 3000),
        (operation("-", number(3), number(2)), 1000),
        (operation("*", number(3), number(2)), 6000),
        (operation("/", number(3), number(2)), 1500),
        (operation("%", number(-7), number(4)), -3000),
        (operation("^", number(2), number(3)), 8000),
        (operation("-", number(2)), -2000),
        (operation("+", number(2)), 2000),
        (operation("min_of", number(2), number(3)), 2000),
        (operation("max_of", number(2), number(3)), 3000),
        (DurationExpr(0, 6, "step"), 15_000),
        (DurationExpr(0, 7, "range"), 60_000),
    ],
)
def test_value(expr: DurationExpr, duration_ms: int) -> None:
    assert resolve(expr, negative=True) == duration_ms


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (operation("-", number(2)), "2:9: duration must be greater than 0"),
        (operation("-", number(2), number(2)), "2:9: duration must be greater than 0"),
        (number(1e10), "0:1: duration is out of range"),
        (number(math.nan), "0:1: duration is out of range"),
        (operation("^", number(10), number(400)), "2:9: duration is out of range"),
        (operation("^", number(-8), number(0.5)), "2:9: duration is out of range"),
        (operation("^", number(0), number(-1)), "2:9: duration is out of range"),
        (operation("%", number(math.inf), number(1)), "2:9: duration is out of range"),
        (operation("/", number(1), number(0)), "2:9: division by zero"),
        (operation("%", number(1), number(0)), "2:9: modulo by zero"),
    ],
)
def test_what_is_no_duration_is_refused(expr: DurationExpr, message: str) -> None:
    with pytest.raises(BadQuery) as caught:
        resolve(expr)
    assert str(caught.value) == message


def test_depth_is_no_problem() -> None:
    expr = number(1)
    for _ in range(5000):
        expr = operation("+", number(0), operation("+", expr))
    assert resolve(expr) == 1000
