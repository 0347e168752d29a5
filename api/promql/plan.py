"""What a query will need, found out before anything is read: times, selects, invariant parts.

A plan is made from a tree and the steps of the query and is kept beside the tree, by node identity.
Walking is iterative, so a tree of any depth gets either a plan or an error that names the limit.

Invariants:
* Every selector has a Span with its resolved durations, and belongs to one Select. So does every
  call of info(), which reads the info series.
* Two selectors with the same matchers and hint share a Select if their time bounds touch, or are
  equal where a store says that it matters where they begin.
* A selector in `counted` has functions above it that look at counts and sums of histograms only.
* A plan that is made is not changed: queries share it, moved to their times.
* A node in `invariant` has the same value at every step, at whatever step it is evaluated.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from api.promql.errors import ExecutionError
from api.promql.resolutions import resolution_of
from api.promql.syntax.duration_values import resolve_duration
from api.promql.syntax.info_selector import info_selector
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    DurationExpr,
    MatrixSelector,
    Node,
    NumberLiteral,
    Paren,
    Shift,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
    children,
)
from api.promql.syntax.signatures import FUNCTIONS, HistogramUse
from storage.kernels.arrays import Int64s
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT, OF_COUNTER, Purpose, SelectHint

_VECTORS = (ValueType.VECTOR, ValueType.MATRIX)
# Samples are looked for within 146 million years around 1970 only. Times beyond that, which @ and a
# request may ask for, would overflow where offsets, ranges and lookbacks are added to them.
TIME_BOUND_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Span:
    """Where a selector or subquery looks, seen from a step: all durations resolved, in ms.

    at_ms: the fixed time, or None; range_ms: 0 for an instant selector; step_ms: of a subquery.
    """

    offset_ms: int
    at_ms: int | None = None
    range_ms: int = 0
    step_ms: int = 0

    def ends(self, steps: Int64s) -> Int64s:
        """The newest time seen from each step; the windows are (end - range_ms, end]."""
        if self.at_ms is None:
            if len(steps) and steps[0] >= -TIME_BOUND_MS and steps[-1] <= TIME_BOUND_MS:
                return steps - self.offset_ms  # without the cost of a clip
            return np.clip(steps, -TIME_BOUND_MS, TIME_BOUND_MS) - self.offset_ms
        return np.full(len(steps), bounded(self.at_ms) - self.offset_ms, np.int64)

    def grid(self, ends: Int64s) -> Int64s:
        """The steps of a subquery with these windows: multiples of step_ms, the same for all."""
        if self.grid_size(ends) == 0:
            return ends[:0]
        first = first_multiple_after(int(ends[0]) - self.range_ms, self.step_ms)
        return np.arange(first, int(ends[-1]) + 1, self.step_ms, dtype=np.int64)

    def grid_size(self, ends: Int64s) -> int:
        """How many steps grid() has."""
        if len(ends) == 0:
            return 0
        first = first_multiple_after(int(ends[0]) - self.range_ms, self.step_ms)
        return max(0, (int(ends[-1]) - first) // self.step_ms + 1)


@dataclass(slots=True)
class Select:
    """One read of the storage; both bounds are inclusive."""

    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int
    hint: SelectHint = NO_HINT


@dataclass(slots=True)
class Plan:
    """spans and selects are keyed by node; select_of gives a number into selects."""

    root: Node
    spans: dict[Node, Span] = field(default_factory=dict)
    selects: list[Select] = field(default_factory=list)
    select_of: dict[Node, int] = field(default_factory=dict)
    invariant: set[Node] = field(default_factory=set)
    counted: set[Node] = field(default_factory=set)

    @property
    def is_movable(self) -> bool:
        """Whether it is that of any equally long query, but for the times of the selects. Fixed
        times and the grids of subqueries do not move along."""
        return all(span.at_ms is None and not span.step_ms for span in self.spans.values())

    def moved(self, by_ms: int) -> Plan:
        """The plan of the same query that much later, if it is movable."""
        selects = [
            Select(select.matchers, select.start_ms + by_ms, select.end_ms + by_ms, select.hint)
            for select in self.selects
        ]
        return Plan(self.root, self.spans, selects, self.select_of, self.invariant, self.counted)


@dataclass(frozen=True, slots=True)
class Times:
    """The evaluation of a whole query: its steps, and the defaults that times depend on.

    counters_differ, has_aggregates: as the Queryable has them. resolution_ms: the coarsest that the
    request allows.
    """

    start_ms: int
    end_ms: int
    step_ms: int
    lookback_ms: int
    subquery_step_ms: int
    depth_max: int
    counters_differ: bool = False
    has_aggregates: bool = False
    resolution_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Visit:
    """A node still to be visited, and the evaluation times it will be asked for.

    counter: whether the function or aggregation above it, with no binary operator between, sees
    the resets of counters. counted: whether only counts and sums of its histograms matter, as far
    as such functions above it can see. purpose: what the function directly above it needs.
    step_ms: between its evaluation times.
    """

    node: Node
    first_ms: int
    last_ms: int
    depth: int
    step_ms: int
    counter: bool = False
    counted: bool = False
    purpose: Purpose = Purpose.VALUES


def make_plan(root: Node, frame: Times) -> Plan:
    """Raises BadQuery for durations that are not allowed, ExecutionError above the depth limit."""
    plan = Plan(root)
    wanted: list[tuple[Node, Select]] = []
    infos: list[_Visit] = []
    order: list[Node] = []
    whole = Purpose.ALL if root.type is ValueType.MATRIX else Purpose.VALUES
    times = bounded(frame.start_ms), bounded(frame.end_ms)
    waiting = [_Visit(root, *times, 1, frame.step_ms, purpose=whole)]
    while waiting:
        visit = waiting.pop()
        order.append(visit.node)
        if visit.depth > frame.depth_max:
            raise ExecutionError(
                f"expression is nested more than {frame.depth_max} deep (limit: query.max-depth)"
            )
        waiting.extend(_children_visits(plan, visit, frame))
        if isinstance(visit.node, VectorSelector):
            wanted.append((visit.node, _select(plan, visit, frame)))
            if visit.counted:
                plan.counted.add(visit.node)
        elif isinstance(visit.node, Call) and visit.node.func == "info":
            infos.append(visit)
    if infos:
        references = _references(plan, order)
        wanted += [(visit.node, _info_select(plan, visit, frame, references)) for visit in infos]
    _share_selects(plan, wanted, joins_spans=not frame.counters_differ)
    for node in reversed(order):
        if _is_invariant(plan, node):
            plan.invariant.add(node)
    return plan


def bounded(time_ms: int) -> int:
    return max(-TIME_BOUND_MS, min(TIME_BOUND_MS, time_ms))


def first_multiple_after(time_ms: int, step_ms: int) -> int:
    return (time_ms // step_ms + 1) * step_ms


def _children_visits(plan: Plan, visit: _Visit, frame: Times) -> list[_Visit]:
    """The visits below; depth grows only where the evaluation recurses."""
    node, first_ms, last_ms, step_ms = visit.node, visit.first_ms, visit.last_ms, visit.step_ms
    depth = visit.depth + (not isinstance(node, Paren | Unary))
    match node:
        case Binary(lhs=lhs, rhs=rhs):
            # An operator hides what is above.
            left = _Visit(lhs, first_ms, last_ms, visit.depth, step_ms)
            return [left, _Visit(rhs, first_ms, last_ms, depth, step_ms)]
        case MatrixSelector():
            _span_of_matrix(plan, node, frame)
        case Subquery():
            span = _span_of_subquery(plan, node, frame)
            (first_ms, last_ms), step_ms = _edges(span, first_ms, last_ms), span.step_ms
            first_ms -= span.range_ms
            if not frame.counters_differ:  # nor does it make a difference where a select begins
                first_ms = first_multiple_after(first_ms, step_ms)
    below = node.args[:1] if isinstance(node, Call) and node.func == "info" else children(node)
    above = _is_counter_below(visit), _is_counted_below(visit), _purpose_below(visit)
    return [_Visit(child, first_ms, last_ms, depth, step_ms, *above) for child in below]


def _is_counter_below(visit: _Visit) -> bool:
    match visit.node:
        case Call(func=func):
            return FUNCTIONS[func].sees_resets
        case Aggregate():
            return False
    return visit.counter


def _is_counted_below(visit: _Visit) -> bool:
    histograms = None
    if isinstance(visit.node, Call):
        histograms = FUNCTIONS[visit.node.func].histograms
    if histograms in (HistogramUse.COUNTED, HistogramUse.BUCKETS):
        return histograms is HistogramUse.COUNTED
    return visit.counted


def _purpose_below(visit: _Visit) -> Purpose:
    match visit.node:
        case Call(func=func):
            return FUNCTIONS[func].purpose
        case Paren() | MatrixSelector():
            return visit.purpose
    return Purpose.VALUES


def _edges(span: Span, first_ms: int, last_ms: int) -> tuple[int, int]:
    if span.at_ms is not None:
        first_ms = last_ms = bounded(span.at_ms)
    return first_ms - span.offset_ms, last_ms - span.offset_ms


def _shifted(shift: Shift, frame: Times, range_ms: int = 0, step_ms: int = 0) -> Span:
    offset_ms = shift.offset_ms
    if shift.offset_expr is not None:
        offset_ms = _resolve(shift.offset_expr, frame, may_be_negative=True)
    at_ms = shift.at_ms
    if shift.at_edge:
        at_ms = frame.start_ms if shift.at_edge == "start" else frame.end_ms
    return Span(offset_ms, at_ms, range_ms, step_ms)


def _resolve(expr: DurationExpr, frame: Times, *, may_be_negative: bool = False) -> int:
    return resolve_duration(
        expr,
        step_ms=frame.step_ms,
        range_ms=frame.end_ms - frame.start_ms,
        may_be_negative=may_be_negative,
    )


def _span_of_matrix(plan: Plan, node: MatrixSelector, frame: Times) -> None:
    range_ms = node.range_ms
    if node.range_expr is not None:
        range_ms = _resolve(node.range_expr, frame)
    plan.spans[node] = _shifted(node.selector.shift, frame, range_ms)
    plan.spans[node.selector] = plan.spans[node]


def _span_of_subquery(plan: Plan, node: Subquery, frame: Times) -> Span:
    range_ms, step_ms = node.range_ms, node.step_ms
    if node.range_expr is not None:
        range_ms = _resolve(node.range_expr, frame)
    if node.step_expr is not None:
        step_ms = _resolve(node.step_expr, frame)
    span = _shifted(node.shift, frame, range_ms, step_ms or frame.subquery_step_ms)
    plan.spans[node] = span
    return span


def _select(plan: Plan, visit: _Visit, frame: Times) -> Select:
    """The samples that a selector can return."""
    node = visit.node
    assert isinstance(node, VectorSelector)
    if node not in plan.spans:
        plan.spans[node] = _shifted(node.shift, frame)
    span = plan.spans[node]
    first_ms, last_ms = _edges(span, visit.first_ms, visit.last_ms)
    back_ms = span.range_ms or frame.lookback_ms
    if span.range_ms and (node.anchored or node.smoothed):
        back_ms += frame.lookback_ms
    first_ms -= back_ms - 1
    if node.smoothed:
        last_ms += frame.lookback_ms
    return Select(node.matchers, first_ms, max(first_ms, last_ms), _hint(node, visit, span, frame))


def _hint(node: VectorSelector, visit: _Visit, span: Span, frame: Times) -> SelectHint:
    counter = frame.counters_differ and visit.counter
    if not frame.has_aggregates:
        return OF_COUNTER if counter else NO_HINT
    if node.anchored or node.smoothed or visit.purpose is Purpose.ALL:
        return SelectHint(counter, Purpose.ALL, coarser=True)
    resolution_ms = resolution_of(frame.resolution_ms, span.range_ms, visit.step_ms)
    return SelectHint(counter, visit.purpose, resolution_ms, coarser=True)


def _info_select(
    plan: Plan, visit: _Visit, frame: Times, references: dict[Node, Span | None]
) -> Select:
    """The samples of the info series that a call of info() needs.

    They are looked up at the time that the call's argument refers to, if it is the same for all of
    it, and at the time of the step otherwise.
    """
    node = visit.node
    assert isinstance(node, Call)
    span = plan.spans[node] = references[node.args[0]] or Span(0)
    first_ms, last_ms = _edges(span, visit.first_ms, visit.last_ms)
    first_ms -= frame.lookback_ms - 1
    hint = SelectHint(coarser=True) if frame.has_aggregates else NO_HINT
    return Select(info_selector(node).matchers, first_ms, max(first_ms, last_ms), hint)


def _references(plan: Plan, order: list[Node]) -> dict[Node, Span | None]:
    """The offset or fixed time that all selectors below a vector share; None if there is no such.

    order: all nodes, none after its children.
    """
    found: dict[Node, Span | None] = {}
    for node in reversed(order):
        if isinstance(node, VectorSelector | MatrixSelector):
            span = plan.spans[node]
            found[node] = Span(span.offset_ms, span.at_ms)
            continue
        below = [
            found[child] for child in children(node) if child.type in _VECTORS and child in found
        ]
        shared = below[0] if below else None
        if shared is None or not all(other and _is_same_time(shared, other) for other in below):
            shared = None
        elif isinstance(node, Subquery) and shared.at_ms is None:
            outer = plan.spans[node]
            shared = Span(shared.offset_ms + outer.offset_ms, outer.at_ms)
        found[node] = shared
    return found


def _is_same_time(a: Span, b: Span) -> bool:
    if a.at_ms is None or b.at_ms is None:
        return a.at_ms == b.at_ms and a.offset_ms == b.offset_ms
    return a.at_ms - a.offset_ms == b.at_ms - b.offset_ms


def _share_selects(plan: Plan, wanted: list[tuple[Node, Select]], *, joins_spans: bool) -> None:
    """One select for all that look in the same way and overlap or touch, or are of one span."""
    latest: dict[Hashable, int] = {}
    for node, own in sorted(wanted, key=lambda pair: pair[1].start_ms):
        span = None if joins_spans else (own.start_ms, own.end_ms)
        key = (own.matchers, own.hint, span)
        number = latest.get(key)
        if number is not None and own.start_ms <= plan.selects[number].end_ms + 1:
            select = plan.selects[number]
            select.end_ms = max(select.end_ms, own.end_ms)
        else:
            number = latest[key] = len(plan.selects)
            plan.selects.append(own)
        plan.select_of[node] = number


def _is_invariant(plan: Plan, node: Node) -> bool:
    match node:
        case NumberLiteral() | StringLiteral():
            return True
        case VectorSelector() | MatrixSelector() | Subquery():
            return plan.spans[node].at_ms is not None
        case Call(func=func) if FUNCTIONS[func].of_time:
            return False
        case Call(func="info", args=args):
            return args[0] in plan.invariant and plan.spans[node].at_ms is not None
    return all(child in plan.invariant for child in children(node))
