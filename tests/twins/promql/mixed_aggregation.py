"""The aggregations of `mixed`, sample by sample in the order of the rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import Aggregate
from tests.twins.promql import windows as naive_windows
from tests.twins.promql.mixed_operators import WRONG_QUANTILE, Row, go, is_native, start_of
from tests.twins.promql.native_histograms import HINT_NOT_RESET, HINT_RESET, Plain
from tests.twins.promql.window_notes import COLLISION, RECONCILED, SCHEMAS, Cell, quoted

if TYPE_CHECKING:
    from tests.twins.promql.mixed import NaiveMixed

IGNORED = "ignored histogram in {} aggregation"


def aggregate(naive: NaiveMixed, node: Aggregate, times: list[int], until: int) -> list[Row]:
    params = naive.numbers(node.param, times, until) if node.param else [0.0] * len(times)
    rows = naive.rows(node.expr, times, until)
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, (labels, _) in enumerate(rows):
        key = tuple(labels.get(name, "") for name in node.grouping)
        groups.setdefault(key, []).append(i)
    if node.op == "quantile":
        warn_params(naive, params, start_of(node.param or node))
    if node.op in ("topk", "bottomk", "limitk"):
        return chosen(naive, node, rows, groups, params)
    out: list[Row] = []
    for key, members in groups.items():
        labels = {n: v for n, v in zip(node.grouping, key, strict=True) if v}
        cells: list[Cell] = []
        for k in range(len(times)):
            present = [(rows[i][0], rows[i][1][k]) for i in members]
            met = [(ls.get("__name__", ""), c) for ls, c in present if c is not None]
            cells.append(aggregated(naive, node, met, params[k]))
        out.append((labels, cells))
    return out


def warn_params(naive: NaiveMixed, params: list[float], start: int) -> None:
    wrong = [math.nan] if any(math.isnan(q) for q in params) else []
    known = [q for q in params if not math.isnan(q)]
    wrong += [q for q in (max(known, default=0.0), min(known, default=0.0)) if not 0 <= q <= 1]
    for q in wrong:
        naive.warn(f"{WRONG_QUANTILE}{go(q)}", start)


def chosen(
    naive: NaiveMixed,
    node: Aggregate,
    rows: list[Row],
    groups: dict[tuple[str, ...], list[int]],
    params: list[float],
) -> list[Row]:
    if any(math.isnan(k) for k in params):
        raise ExecutionError("Parameter value is NaN")
    out: list[Row] = [(labels, [None] * len(cells)) for labels, cells in rows]
    for k, param in enumerate(params):
        if param < 1:
            continue
        for members in groups.values():
            met = [i for i in members if rows[i][1][k] is not None]
            if node.op != "limitk":
                if any(is_native(rows[i][1][k]) for i in met):
                    naive.info(IGNORED.format(node.op), node.start)
                met = [i for i in met if not is_native(rows[i][1][k])]
                sign = -1 if node.op == "topk" else 1
                met.sort(key=lambda i: naive_windows.rank(rows[i][1][k], sign))
            for i in met[: int(param)]:
                out[i][1][k] = rows[i][1][k]
    return out


def aggregated(
    naive: NaiveMixed, node: Aggregate, met: list[tuple[str, Cell]], param: float
) -> Cell:
    start = start_of(node.expr)
    if node.op in ("count", "group"):
        return None if not met else float(len(met)) if node.op == "count" else 1.0
    if node.op in ("sum", "avg"):
        return added(naive, node.op, met, start) if met else None
    if any(is_native(cell) for _, cell in met):
        naive.info(IGNORED.format(node.op), start)
    floats = [cell for _, cell in met if isinstance(cell, float)]
    return naive_windows.of_floats(node.op, floats, param) if floats else None


def added(naive: NaiveMixed, op: str, met: list[tuple[str, Cell]], start: int) -> Cell:
    """A sum or mean; what begins with a float takes no notice of histograms."""
    has = {is_native(met[0][1])}
    group: list[Plain] = []
    for name, cell in met:
        if isinstance(cell, Plain) and (group or is_native(met[0][1])):
            if group and cell.custom != group[0].custom:
                naive.warn(SCHEMAS + quoted(name), start)
                if len(has) == 1:
                    return None
                break
            if group and naive_windows.sum_reconciles(group, cell):
                naive.info(RECONCILED + "aggregation", start)
            group.append(cell)
        has.add(is_native(cell))
    if len(has) > 1:
        naive.warn("encountered a mix of histograms and floats for aggregation", start)
        return None
    if not group:
        floats = [cell for _, cell in met if isinstance(cell, float)]
        return naive_windows.of_floats(op, floats, 0.0)
    if {HINT_RESET, HINT_NOT_RESET} <= {p.hint for p in group}:
        naive.warn(COLLISION + "aggregation", start)
    return naive_windows.folded(op, group)
