"""The binary operators of `mixed`, and what becomes of the labels of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy

from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import Node, Paren, Subquery
from tests.twins.promql.native_histograms import (
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    Incompatible,
    Plain,
)
from tests.twins.promql.operators import operate
from tests.twins.promql.vectors import DUPLICATE_LABELSET
from tests.twins.promql.window_notes import COLLISION, RECONCILED, Cell, plus, scaled
from tests.twins.promql.windows import same_plain

Labels = dict[str, str]
Row = tuple[Labels, list[Cell]]
WRONG_QUANTILE = "quantile value should be between 0 and 1, got "
COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
KIND = {False: "float", True: "histogram"}


def is_native(cell: Cell) -> bool:
    return isinstance(cell, Plain)


def signature(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((n, v) for n, v in labels.items() if n != "__name__"))


def check_distinct(matched: list[Labels]) -> None:
    if len({signature(labels) for labels in matched}) < len(matched):
        raise ExecutionError("many-to-many matching not allowed")


def elementary(op: str, a: Cell, b: Cell) -> tuple[Cell, tuple[str, str] | None]:
    """(the result of one pair, what is said of it)."""
    refused = (
        "info",
        f'incompatible sample types encountered for binary operator "{op}": '
        f"{KIND[is_native(a)]} {op} {KIND[is_native(b)]}",
    )
    if isinstance(a, float) and isinstance(b, float):
        if op in ("</", ">/"):
            return None, refused
        if op in COMPARED:
            return (a if COMPARED[op](a, b) else None), None
        return operate(op, a, b), None
    if isinstance(a, Plain) and isinstance(b, Plain) and op in ("+", "-"):
        try:
            result, reconciled = plus(a, b, 1.0 if op == "+" else -1.0)
        except Incompatible:
            return None, (
                "warning",
                f"incompatible bucket layout encountered for binary operator {op}",
            )
        name = {"+": "addition", "-": "subtraction"}[op]
        result.hint = HINT_GAUGE if op == "-" else result.hint
        note = None
        if {a.hint, b.hint} == {HINT_RESET, HINT_NOT_RESET}:
            note = ("warning", COLLISION + name)
        return result, ("info", RECONCILED + name) if reconciled else note
    if op in ("*", "/") and isinstance(a, Plain) and isinstance(b, float):
        return scaled(a, b, divide=op == "/"), None
    if op == "*" and isinstance(a, float) and isinstance(b, Plain):
        return scaled(b, a), None
    if op in ("==", "!=") and isinstance(a, Plain) and isinstance(b, Plain):
        return (a if same_plain(a, b) == (op == "==") else None), None
    return None, refused


def negative(cell: Cell) -> Cell:
    if isinstance(cell, Plain):
        return scaled(cell, -1.0)
    return None if cell is None else -cell


def unnamed(rows: list[Row], *, merge: bool = True) -> list[Row]:
    """The rows without names; those that become equal are joined where they do not meet."""
    out: dict[tuple[tuple[str, str], ...], Row] = {}
    for labels, cells in rows:
        rest = {name: value for name, value in labels.items() if name != "__name__"}
        key = tuple(sorted(rest.items()))
        if key not in out:
            out[key] = (rest, deepcopy(cells))
            continue
        own = out[key][1]
        if not merge and any(c is not None for c in own) and any(c is not None for c in cells):
            raise ExecutionError(DUPLICATE_LABELSET)
        for k, cell in enumerate(cells):
            if cell is not None and own[k] is not None:
                raise ExecutionError(DUPLICATE_LABELSET)
            own[k] = own[k] if cell is None else cell
    return list(out.values())


def go(x: float) -> str:
    """Small numbers as %g writes them."""
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(x, "NaN" if math.isnan(x) else f"{x:g}")


def start_of(argument: Node) -> int:
    """Where something about an argument stands; the samples of a subquery have no place."""
    while isinstance(argument, Paren):
        argument = argument.expr
    return 0 if isinstance(argument, Subquery) else argument.start
