"""How far from a step an expression looks for samples, or why its steps cannot stand alone.

The value at a step t depends on the samples of (t - back, t + ahead], and on those of fixed times
where the text has `@`. Where it depends on the other steps too, the whole range is one piece.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.promql.plan import Plan, Times, make_plan
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    DurationExpr,
    MatrixSelector,
    Node,
    Paren,
    Shift,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
    children,
    without_parens,
)
from api.promql.syntax.signatures import AGGREGATORS, FUNCTIONS
from storage.labels.matchers import METRIC_NAME, Matcher

Window = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """back_ms, ahead_ms: of each step, ahead negative where it looks at nothing so near; fixed:
    stretches of time that all steps look at, both ends inclusive. selectors: all there are.
    ordered: whether the order of series counts: not at all (False), that in which the storage has
    them (None), or also that of what was made of them (True)."""

    back_ms: int
    ahead_ms: int
    fixed: tuple[Window, ...]
    selectors: tuple[tuple[Matcher, ...], ...]
    ordered: bool | None


@dataclass(frozen=True, slots=True)
class _Visit:
    """A node and the times it is evaluated at: from first to last ms, seen from a step, or as they
    are if fixed."""

    node: Node
    first_ms: int
    last_ms: int
    fixed: bool = False


def reach_of(root: Node, times: Times) -> Reach | None:
    """None if the steps cannot stand alone, or nothing is read. times: from 0 to 0, with the step
    and lookback of the query. Raises what make_plan() raises."""
    nodes = nodes_of(root)
    if any(map(is_of_whole, nodes)):
        return None
    plan = make_plan(root, times)
    read: list[_Visit] = []
    selectors = []
    waiting = [_Visit(root, 0, 0)]
    while waiting:
        visit = waiting.pop()
        node = visit.node
        if isinstance(node, VectorSelector):
            read.append(_of_selector(plan, visit, times.lookback_ms))
            selectors.append(node.matchers)
            continue
        if isinstance(node, Subquery):
            span = plan.spans[node]
            at = _at(plan, visit)
            visit = _Visit(node, at.first_ms - span.range_ms, at.last_ms, at.fixed)
        waiting += [
            _Visit(child, visit.first_ms, visit.last_ms, visit.fixed) for child in children(node)
        ]
    if not read:
        return None
    steps = [each for each in read if not each.fixed]
    return Reach(
        back_ms=max((-each.first_ms for each in steps), default=0),
        ahead_ms=max((each.last_ms for each in steps), default=0),
        fixed=tuple((each.first_ms, each.last_ms) for each in read if each.fixed),
        selectors=tuple(selectors),
        ordered=order_of(nodes),
    )


def nodes_of(root: Node) -> list[Node]:
    """All nodes of a tree."""
    nodes, waiting = [], [root]
    while waiting:
        nodes.append(waiting.pop())
        waiting += children(nodes[-1])
    return nodes


def is_of_whole(node: Node) -> bool:
    """Whether a node by itself depends on where the range begins or ends."""
    match node:
        case Call(func=func):
            return FUNCTIONS[func].of_range
        case VectorSelector(shift=shift):
            return _shift_is_of_whole(shift)
        case MatrixSelector(range_expr=expr):
            return _names_range(expr)
        case Subquery(shift=shift, range_expr=range_expr, step_expr=step_expr):
            return _shift_is_of_whole(shift) or _names_range(range_expr) or _names_range(step_expr)
    return False


def _shift_is_of_whole(shift: Shift) -> bool:
    return bool(shift.at_edge) or _names_range(shift.offset_expr)


def _names_range(expr: DurationExpr | None) -> bool:
    waiting = [expr]
    while waiting:
        each = waiting.pop()
        if each is None:
            continue
        if each.op == "range":
            return True
        waiting += [each.lhs, each.rhs]
    return False


def _at(plan: Plan, visit: _Visit) -> _Visit:
    """The times that a selector or subquery is moved to by its modifiers."""
    span = plan.spans[visit.node]
    if span.at_ms is not None:
        at_ms = span.at_ms - span.offset_ms
        return _Visit(visit.node, at_ms, at_ms, True)
    moved_ms = span.offset_ms
    return _Visit(visit.node, visit.first_ms - moved_ms, visit.last_ms - moved_ms, visit.fixed)


def _of_selector(plan: Plan, visit: _Visit, lookback_ms: int) -> _Visit:
    """The times of the samples that a selector looks at."""
    node, span, at = visit.node, plan.spans[visit.node], _at(plan, visit)
    assert isinstance(node, VectorSelector), "BUG: no selector"
    back_ms = span.range_ms or lookback_ms
    if node.anchored or node.smoothed:
        back_ms += lookback_ms
    ahead_ms = lookback_ms if node.smoothed else 0
    return _Visit(node, at.first_ms - back_ms, at.last_ms + ahead_ms, at.fixed)


def order_of(nodes: list[Node]) -> bool | None:
    """Reach.ordered of an expression, given all of its nodes."""
    found: bool | None = False
    for node in nodes:
        if isinstance(node, Aggregate) and AGGREGATORS[node.op].ordered:
            if not keeps_order(node.expr):
                return True
            found = None
    return found


def keeps_order(node: Node) -> bool:
    """Whether an expression has the series of one selector, in their order."""
    while True:
        match node:
            case Paren(expr=expr) | Unary(expr=expr):
                node = expr
            case (
                VectorSelector(matchers=matchers)
                | MatrixSelector(selector=VectorSelector(matchers=matchers))
            ):
                # Series of several names may become equal and be put together.
                return any(each.name == METRIC_NAME and each.op == "=" for each in matchers)
            case Binary(lhs=lhs, rhs=rhs) if ValueType.SCALAR in (lhs.type, rhs.type):
                node = rhs if lhs.type is ValueType.SCALAR else lhs
            case Call(func=func, args=args) if FUNCTIONS[func].row_local or _is_over_range(args):
                ranged = (ValueType.VECTOR, ValueType.MATRIX)
                vectors = [without_parens(arg) for arg in args if arg.type in ranged]
                if len(vectors) != 1:
                    return False
                node = vectors[0]
            case _:
                return False


def _is_over_range(args: tuple[Node, ...]) -> bool:
    return any(arg.type is ValueType.MATRIX for arg in args)
