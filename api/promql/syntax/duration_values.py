"""The value of a duration expression, which may depend on the query's step and range.

The arithmetic is in float seconds and the result is cut to whole milliseconds.
"""

from __future__ import annotations

import math

from api.promql.errors import BadQuery
from api.promql.syntax.nodes import DurationExpr

# What fits 64 bits of nanoseconds, as Prometheus holds durations.
SECONDS_MAX = (2**63 - 1) / 1e9


def resolve_duration(
    expr: DurationExpr, *, step_ms: int, range_ms: int, may_be_negative: bool
) -> int:
    """The duration in ms. Raises BadQuery where it is no time, out of range, or not allowed."""
    seconds = _evaluate(expr, step_ms / 1000, range_ms / 1000)
    if seconds <= 0 and not may_be_negative:
        raise BadQuery(f"{expr.start}:{expr.end}: duration must be greater than 0")
    if not abs(seconds) <= SECONDS_MAX:
        raise BadQuery(f"{expr.start}:{expr.end}: duration is out of range")
    return int(seconds * 1000)


def _evaluate(root: DurationExpr, step: float, query_range: float) -> float:
    """Operands first, on a stack: the tree may be deeper than Python may recurse."""
    order, waiting = [], [root]
    while waiting:
        expr = waiting.pop()
        order.append(expr)
        waiting.extend(child for child in (expr.lhs, expr.rhs) if child is not None)
    values: dict[DurationExpr, float] = {}
    for expr in reversed(order):
        if expr.op == "step" or expr.op == "range":
            values[expr] = step if expr.op == "step" else query_range
        elif expr.rhs is None:
            values[expr] = expr.value
        elif expr.lhs is None:
            values[expr] = -values[expr.rhs] if expr.op == "-" else values[expr.rhs]
        else:
            values[expr] = _operate(expr, values[expr.lhs], values[expr.rhs])
    return values[root]


def _operate(expr: DurationExpr, lhs: float, rhs: float) -> float:
    match expr.op:
        case "+":
            return lhs + rhs
        case "-":
            return lhs - rhs
        case "*":
            return lhs * rhs
        case "/" | "%" if rhs == 0:
            name = "division" if expr.op == "/" else "modulo"
            raise BadQuery(f"{expr.start}:{expr.end}: {name} by zero")
        case "/":
            return lhs / rhs
        case "%":
            return math.fmod(lhs, rhs) if math.isfinite(lhs) else math.nan
        case "^":
            return _power(lhs, rhs)
        case "min_of":
            return min(lhs, rhs)
        case "max_of":
            return max(lhs, rhs)
    raise AssertionError(f"BUG: unknown operator {expr.op!r} in a duration expression")


def _power(base: float, exponent: float) -> float:
    """C's pow: infinite or not a number where Python raises."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan if base != 0 else math.inf
