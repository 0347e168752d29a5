"""The binary operators of `mixed`, and what becomes of the labels of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy

from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import Node, Paren, Subquery, VectorMatching
from tests.twins.promql.native_histograms import (
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    Incompatible,
    Plain,
)
from tests.twins.promql.operators import TRIMS, operate
from tests.twins.promql.trims import trimmed
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
        if op in TRIMS:
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
    if op in TRIMS and isinstance(a, Plain) and isinstance(b, float):
        return trimmed(a, b, below=op == "</"), None
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
    return joined([(dict(signature(labels)), cells) for labels, cells in rows], merge=merge)


def joined(rows: list[Row], *, merge: bool = True) -> list[Row]:
    """The rows of equal labels as one, which is an error where they meet."""
    out: dict[tuple[tuple[str, str], ...], Row] = {}
    for labels, cells in rows:
        key = tuple(sorted(labels.items()))
        if key not in out:
            out[key] = (labels, deepcopy(cells))
            continue
        own = out[key][1]
        if not merge and any(c is not None for c in own) and any(c is not None for c in cells):
            raise ExecutionError(DUPLICATE_LABELSET)
        for k, cell in enumerate(cells):
            if cell is not None and own[k] is not None:
                raise ExecutionError(DUPLICATE_LABELSET)
            own[k] = own[k] if cell is None else cell
    return list(out.values())


# Labels, and the cells of both sides at each step.
Pair = tuple[Labels, list[tuple[Cell, Cell]]]


def paired(rows: list[Row], others: list[Row], matching: VectorMatching, steps: int) -> list[Pair]:
    """The rows of both sides that belong together, one to one. What a side lacks at a step is
    filled in, if there is a value for that: it has the labels matched by only."""
    pairs: list[Pair] = []
    for labels, cells in rows:
        partners = [there for ls, there in others if signature(ls) == signature(labels)]
        if partners or matching.fill_right is not None:
            fill = [None if cell is None else matching.fill_right for cell in cells]
            met = [first_of(partners, k, fill[k]) for k in range(steps)]
            pairs.append((labels, list(zip(cells, met, strict=True))))
    if matching.fill_left is not None:
        for key in dict.fromkeys(signature(labels) for labels, _ in others):
            here = [cells for labels, cells in rows if signature(labels) == key]
            there = [cells for labels, cells in others if signature(labels) == key]
            found: list[tuple[Cell, Cell]] = []
            for k in range(steps):
                is_missing = first_of(here, k) is None
                found.append((matching.fill_left if is_missing else None, first_of(there, k)))
            pairs.append((dict(key), found))
    return pairs


def first_of(rows: list[list[Cell]], step: int, default: Cell = None) -> Cell:
    return next((cells[step] for cells in rows if cells[step] is not None), default)


def go(x: float) -> str:
    """Small numbers as %g writes them."""
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(x, "NaN" if math.isnan(x) else f"{x:g}")


def open_metrics(x: float) -> str:
    """Small numbers as labels state them."""
    return go(x) if not math.isfinite(x) or x != int(x) else f"{x:g}.0"


def start_of(argument: Node) -> int:
    """Where something about an argument stands; the samples of a subquery have no place."""
    while isinstance(argument, Paren):
        argument = argument.expr
    return 0 if isinstance(argument, Subquery) else argument.start
