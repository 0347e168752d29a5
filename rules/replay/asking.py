"""Asks the engine for a rule: all evaluations at once, or one.

A range query is given up where it fails at any of its steps, and what is too much at once need not
be so in parts: it is asked again in halves, down to one evaluation, which then has failed as it
would have by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from api.promql.bounds import NO_BOUNDS, QueryBounds
from api.promql.engine import Engine
from api.promql.errors import QueryCanceled, QueryError, QueryTimeout
from api.promql.queryable import Queryable
from api.promql.syntax.nodes import (
    DurationExpr,
    MatrixSelector,
    Node,
    Shift,
    Subquery,
    ValueType,
    VectorSelector,
)
from api.promql.vectors.value import Result, Scalar, Vector
from rules.errors import FunctionError
from rules.evaluation.rows import RuleError, rows_of, template_samples
from rules.replay.limits import Spending
from rules.replay.order import nodes_of
from rules.replay.overlay import Overlay
from rules.replay.slots import Slots
from rules.replay.tracks import Piece, Track, track_of
from rules.templates.values import QueryResult
from storage.labels.frames import Symbols, one_row

# Of a range query: enough for what a query costs to be little beside it.
PIECE_STEPS_MAX = 2_000
NOTES_MAX = 20
NOT_A_VECTOR = "rule result is not a vector or scalar"


@dataclass(slots=True)
class Asking:
    """Queries of a replay over what is stored and what was recorded. base: a view for one query.
    symbols: those of what the replay keeps. notes: warnings of queries, each once."""

    engine: Engine
    base: Callable[[], Queryable]
    overlay: Overlay
    spending: Spending
    bounds: QueryBounds = NO_BOUNDS
    symbols: Symbols = field(default_factory=Symbols)
    notes: dict[str, None] = field(default_factory=dict)

    def parse(self, expression: str) -> Node:
        return self.engine.parse(expression)

    def track(self, expression: str, slots: Slots) -> Track:
        """What an expression gives at all evaluations. Raises ReplayRefused, ReplayStopped."""
        if self.parse(expression).type in (ValueType.MATRIX, ValueType.STRING):
            return track_of(
                [], slots, self.symbols, dict.fromkeys(range(slots.count), NOT_A_VECTOR)
            )
        pieces: list[Piece] = []
        errors: dict[int, str] = {}
        if asks_for_its_range(self.parse(expression)):
            for number in range(slots.count):
                self._ask_alone(expression, slots, number, (pieces, errors))
            return track_of(pieces, slots, self.symbols, errors)
        for first in range(0, slots.count, PIECE_STEPS_MAX):
            end = min(slots.count, first + PIECE_STEPS_MAX)
            self._ask_range(expression, slots, (first, end), (pieces, errors))
        return track_of(pieces, slots, self.symbols, errors)

    def instant(self, expression: str, time_ms: int) -> Result:
        """The value at one time. Raises QueryError, ReplayRefused, ReplayStopped."""
        self.spending.ask()
        try:
            result = self.engine.instant_query(
                self.overlay.over(self.base()),
                expression,
                time_ms,
                timeout_ms=self.spending.left_ms,
                cancelled=self.spending.cancelled,
                bounds=self.bounds,
            )
        except (QueryCanceled, QueryTimeout):
            self.spending.check()
            raise
        self._note(result)
        return result

    def template_query(self, text: str, time_ms: int) -> QueryResult:
        """What a template asks. Raises FunctionError."""
        try:
            rows = rows_of(self.instant(text, time_ms))
        except (QueryError, RuleError) as error:
            raise FunctionError(str(error)) from error
        return template_samples(rows)

    def take_notes(self) -> list[str]:
        """The warnings since they were last taken."""
        notes, self.notes = list(self.notes), {}
        return notes[:NOTES_MAX]

    def _note(self, result: Result) -> None:
        self.notes.update(dict.fromkeys((*result.warnings, *result.infos)))

    def _ask_range(
        self,
        expression: str,
        slots: Slots,
        span: tuple[int, int],
        found: tuple[list[Piece], dict[int, str]],
    ) -> None:
        """Evaluations [first, end)."""
        first, end = span
        self.spending.ask()
        try:
            result = self.engine.range_query(
                self.overlay.over(self.base()),
                expression,
                slots.at_ms(first),
                slots.at_ms(end - 1),
                slots.interval_ms,
                timeout_ms=self.spending.left_ms,
                cancelled=self.spending.cancelled,
                bounds=self.bounds,
            )
        except QueryError as error:
            self.spending.check()
            if end - first == 1:
                found[1][first] = str(error)
                return
            middle = (first + end) // 2
            self._ask_range(expression, slots, (first, middle), found)
            self._ask_range(expression, slots, (middle, end), found)
            return
        self._note(result)
        self._add(first, result, found[0])

    def _ask_alone(
        self,
        expression: str,
        slots: Slots,
        number: int,
        found: tuple[list[Piece], dict[int, str]],
    ) -> None:
        try:
            self._add(number, self.instant(expression, slots.at_ms(number)), found[0])
        except QueryError as error:
            found[1][number] = str(error)

    def _add(self, first: int, result: Result, pieces: list[Piece]) -> None:
        value = result.value
        if isinstance(value, Scalar):
            values = value.values.reshape(1, -1)
            value = Vector(one_row(Symbols()), values, np.ones(values.shape, np.bool_))
        assert isinstance(value, Vector), "BUG: neither vector nor scalar"
        self.spending.take(int(np.count_nonzero(value.present)))
        pieces.append(Piece(first, value))


def asks_for_its_range(root: Node) -> bool:
    """Whether an expression has another value in a range query than by itself: `@ end()`."""
    return any(_depends(node) for node in nodes_of(root))


def _depends(node: Node) -> bool:
    match node:
        case VectorSelector(shift=shift):
            return _shift_depends(shift)
        case MatrixSelector(range_expr=expression):
            return _span_depends(expression)
        case Subquery(shift=shift, range_expr=expression, step_expr=step):
            return _shift_depends(shift) or _span_depends(expression) or _span_depends(step)
    return False


def _shift_depends(shift: Shift) -> bool:
    return bool(shift.at_edge) or _span_depends(shift.offset_expr)


def _span_depends(expression: DurationExpr | None) -> bool:
    if expression is None:
        return False
    if expression.op in ("step", "range"):
        return True
    return _span_depends(expression.lhs) or _span_depends(expression.rhs)
