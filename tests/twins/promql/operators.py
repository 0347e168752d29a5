"""The binary operators and the durations of the slow evaluator, one number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import DurationExpr
from tests.twins.promql.classic_histograms import divide

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
SETS = ("and", "or", "unless")
# They cut buckets off native histograms; there is no such thing in a float.
TRIMS = ("</", ">/")
# As nanoseconds they fit 64 bits.
SECONDS_MAX = (2**63 - 1) / 1e9


def operate(op: str, a: float, b: float) -> float:
    """Arithmetic by IEEE 754, comparisons as 1 and 0."""
    if op in COMPARISONS:
        return float(COMPARISONS[op](a, b))
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return divide(a, b)
        case "%":
            return math.fmod(a, b) if math.isfinite(a) and b != 0 else math.nan
        case "^":
            return power(a, b)
        case "atan2":
            return math.atan2(a, b)
    raise ExecutionError(f"no operator {op}")


def power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        odd = b == math.floor(b) and math.fmod(b, 2) != 0
        return -math.inf if a < 0 and odd else math.inf
    except ValueError:
        if a != 0:
            return math.nan
        odd = b == math.floor(b) and math.fmod(b, 2) != 0
        return math.copysign(math.inf, a) if odd else math.inf


def duration_ms(expr: DurationExpr, step_ms: int, range_ms: int, *, signed: bool) -> int:
    """A duration expression in ms, cut to whole ones; signed: it may be zero or negative."""
    seconds = duration(expr, step_ms / 1000, range_ms / 1000)
    if not abs(seconds) <= SECONDS_MAX or (seconds <= 0 and not signed):
        raise ExecutionError("no duration that can be used")
    return int(seconds * 1000)


def duration(expr: DurationExpr, step: float, query_range: float) -> float:
    if expr.op in ("step", "range"):
        return step if expr.op == "step" else query_range
    if expr.rhs is None:
        return expr.value
    right = duration(expr.rhs, step, query_range)
    if expr.lhs is None:
        return -right if expr.op == "-" else right
    left = duration(expr.lhs, step, query_range)
    if expr.op in ("min_of", "max_of"):
        return min(left, right) if expr.op == "min_of" else max(left, right)
    if expr.op in ("/", "%") and right == 0:
        raise ExecutionError("a duration divided by zero")
    return operate(expr.op, left, right)
