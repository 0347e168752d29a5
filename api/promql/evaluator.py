"""The evaluation of a planned query: one method per kind of node.

The storage has been read before (`selections`), so nothing here waits. What depends on single rows
only is kept as `Pipeline` and computed in blocks, straight into an aggregation where one is above
it; everything else is a whole `Value`. Chains of binary and unary operators are walked in a loop;
other nesting recurses, and the plan has bounded its depth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from api.promql.aggregations.aggregation import ACCUMULATING, Accumulator, aggregate
from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.functions.absence import absence, steps_with_rows
from api.promql.functions.info import enrich
from api.promql.functions.table import CALLS
from api.promql.operators.binary import evaluate_binary
from api.promql.operators.native import negative
from api.promql.pipeline import BLOCK_SIZES, Block, BlockSizes, Pipeline, Stage
from api.promql.plan import Plan
from api.promql.queryable import Selection, expected_samples
from api.promql.ranges.calls import RangeCall
from api.promql.ranges.extended import check_function, extension_of, smooth_cells
from api.promql.ranges.notes import report_notes
from api.promql.ranges.table import FUNCTIONS as RANGE_FUNCTIONS
from api.promql.ranges.windows import Windows
from api.promql.syntax.info_selector import info_selector
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    MatrixSelector,
    Node,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
    without_parens,
)
from api.promql.syntax.signatures import FUNCTIONS
from api.promql.vectors.cells import (
    INFO_TIMESTAMP,
    START,
    TIMESTAMP,
    VALUE,
    HintedSelection,
    empty_cells,
    fresh_samples,
    newest_cells,
    without_starts,
)
from api.promql.vectors.names import drop_metric_name
from api.promql.vectors.natives import cells_cost, natives_cost, stacked_natives
from api.promql.vectors.rows import emptied, repeated
from api.promql.vectors.value import Scalar, String, Value, Vector
from storage.histograms.columns import Natives
from storage.labels.frames import empty_frame


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates the nodes of one plan; selections has what was read for each of plan.selects."""

    plan: Plan
    selections: Sequence[Selection]
    lookback_ms: int
    executor: Executor | None = None
    blocks: BlockSizes = BLOCK_SIZES

    def evaluate(self, node: Node, context: Context) -> Value:
        """The whole value of a node at the context's steps; counted as held from here on."""
        held = context.budget.held
        value = self._whole(self._open(node, context))
        context.budget.release_to(held)
        context.charge(cells_cost(value))
        return value

    def selection(self, node: Node) -> Selection:
        """What was read for a selector, or for a call of info(); possibly more than its times."""
        selection = self.selections[self.plan.select_of[node]]
        return HintedSelection(selection) if node in self.plan.counted else selection

    def _open(self, node: Node, context: Context) -> Pipeline | Value:
        """The value of a node, or the rows it can be computed from."""
        node = without_parens(node)
        context.check()
        if len(context.steps) == 0 and node.type is ValueType.VECTOR:
            return Vector(empty_frame(context.symbols), *empty_cells(0, 0))
        if self._is_one_step(node, context):
            return self._spread(node, context)
        match node:
            case NumberLiteral(value=number):
                return Scalar(np.full(len(context.steps), number))
            case StringLiteral(value=text):
                return String(text)
            case VectorSelector(smoothed=smoothed):
                return self._smoothed(node, context) if smoothed else self._newest(node, context)
            case Unary():
                return self._unary(node, context)
            case Binary():
                return self._binary_chain(node, context)
            case Aggregate():
                return self._aggregate(node, context)
            case Call():
                return self._call(node, context)
        raise AssertionError(f"BUG: {type(node).__name__} evaluated as an instant value")

    def _is_one_step(self, node: Node, context: Context) -> bool:
        literal = isinstance(node, NumberLiteral | StringLiteral)
        can_be_spread = len(context.steps) > 0 and not context.is_instant
        return can_be_spread and not literal and node in self.plan.invariant

    def _spread(self, node: Node, context: Context) -> Value:
        """A node that is the same at every step, evaluated at the first."""
        value = self.evaluate(node, context.at_steps(context.steps[:1]))
        count = len(context.steps)
        if isinstance(value, Scalar):
            return Scalar(np.repeat(value.values, count))
        assert isinstance(value, Vector), "BUG: a string is not spread over steps"
        context.charge(value.labels.rows * count)
        return repeated(value, count)

    def _whole(self, opened: Pipeline | Value) -> Value:
        """Compute all blocks of rows into one vector."""
        if not isinstance(opened, Pipeline):
            return opened
        rows = opened.labels.rows
        whole: Vector | None = None
        parts: list[tuple[Natives | None, tuple[int, int]]] = []
        for first, block in opened.blocks():
            parts.append((block.natives, block.values.shape))
            if whole is None:
                labels = opened.full_labels(block)
                whole = Vector(labels, block.values, block.present, block.drop_name, block.natives)
                if block.labels.rows == rows:
                    break
                opened.context.charge(rows * block.values.shape[1])
                values, present = empty_cells(rows, block.values.shape[1])
                marks = None if block.drop_name is None else np.empty(rows, np.bool_)
                whole = Vector(whole.labels, values, present, marks)
            end = first + block.labels.rows
            whole.values[first:end], whole.present[first:end] = block.values, block.present
            if whole.drop_name is not None:
                whole.drop_name[first:end] = block.drop_name
        assert whole is not None, "BUG: rows without a block"
        return whole if len(parts) == 1 else replace(whole, natives=stacked_natives(parts))

    def _then(self, opened: Pipeline | Value, stage: Stage) -> Pipeline | Vector:
        """Apply a stage: block by block later if that is possible, or to the whole vector now."""
        if isinstance(opened, Pipeline) and opened.stays_distinct:
            opened.stages.append(stage)
            return opened
        vector = self._whole(opened)
        assert isinstance(vector, Vector), "BUG: a stage over something that is no vector"
        return stage(vector)

    def _rows(self, node: Node, context: Context) -> tuple[Selection, Pipeline]:
        """The selection of a selector, and rows that still lack their leaf."""
        selection = self.selection(node)
        labels, expected = selection.labels, expected_samples(selection)
        return selection, Pipeline(context, labels, _no_leaf, self.executor, self.blocks, expected)

    def _newest(self, node: Node, context: Context, what: int = VALUE) -> Pipeline:
        """The newest sample of each series at each step, or its time or start in seconds."""
        selection, rows = self._rows(node, context)
        times = self.plan.spans[node].ends(context.steps)

        def leaf(first_row: int, end_row: int) -> Block:
            samples = selection.read(first_row, end_row)
            if not context.features.use_start_timestamps:
                samples = without_starts(samples)
            values, present, natives = newest_cells(samples, times, self.lookback_ms, what)
            size = len(samples) + natives_cost(samples.natives)
            return Block(values, present, size, natives)

        rows.leaf = leaf
        return rows

    def _smoothed(self, node: VectorSelector, context: Context) -> Pipeline:
        """The value of each series at each step, interpolated between its samples."""
        selection, rows = self._rows(node, context)
        times = self.plan.spans[node].ends(context.steps)

        def leaf(first_row: int, end_row: int) -> Block:
            samples = selection.read(first_row, end_row)
            size = len(samples) + natives_cost(samples.natives)
            cells = smooth_cells(fresh_samples(without_starts(samples)), times, self.lookback_ms)
            if cells.notes:
                labels = selection.labels.take(np.arange(first_row, end_row))
                report_notes(context, Place(node), cells.notes, labels)
            return Block(cells.values, cells.present, size, cells.natives)

        rows.leaf = leaf
        return rows

    def _unary(self, node: Unary, context: Context) -> Pipeline | Value:
        """A run of signs at once: they are as many as the text is long."""
        inner: Node = node
        minuses = 0
        while isinstance(inner, Unary | Paren):
            minuses += isinstance(inner, Unary) and inner.op == "-"
            inner = inner.expr
        opened = self._open(inner, context)
        if minuses == 0:
            return opened
        if isinstance(opened, Scalar):
            return Scalar(-opened.values) if minuses % 2 else opened

        def negate(vector: Vector) -> Vector:
            negated = negative(vector) if minuses % 2 else vector
            return drop_metric_name(context, negated)

        return self._then(opened, negate)

    def _binary_chain(self, node: Binary, context: Context) -> Pipeline | Value:
        """Left operands are followed in a loop: a sum may have thousands of terms."""
        chain = [node]
        left = without_parens(node.lhs)
        while isinstance(left, Binary) and not self._is_one_step(left, context):
            chain.append(left)
            left = without_parens(left.lhs)
        held = context.budget.held
        value = self._open(left, context)
        for binary in reversed(chain):
            value = self._binary(binary, value, context)
            context.budget.release_to(held)
            context.charge(0 if isinstance(value, Pipeline) else cells_cost(value))
        return value

    def _binary(self, node: Binary, lhs: Pipeline | Value, context: Context) -> Pipeline | Value:
        types = (node.lhs.type, node.rhs.type)
        if types == (ValueType.VECTOR, ValueType.SCALAR):
            scalar = _scalar(self.evaluate(node.rhs, context))
            return self._then(
                lhs, lambda vector: _cells(evaluate_binary(context, node, vector, scalar), vector)
            )
        left = self._whole(lhs)
        if types == (ValueType.SCALAR, ValueType.VECTOR):
            scalar = _scalar(left)
            return self._then(
                self._open(node.rhs, context),
                lambda vector: _cells(evaluate_binary(context, node, scalar, vector), vector),
            )
        context.charge(cells_cost(left) if isinstance(lhs, Pipeline) else 0)
        right = self.evaluate(node.rhs, context)
        assert not isinstance(left, String), "BUG: an operator over a string"
        assert not isinstance(right, String), "BUG: an operator over a string"
        return evaluate_binary(context, node, left, right)

    def _aggregate(self, node: Aggregate, context: Context) -> Vector:
        param = None if node.param is None else self.evaluate(node.param, context)
        assert not isinstance(param, Vector), "BUG: an aggregation's parameter is a vector"
        opened = self._open(node.expr, context)
        if node.op not in ACCUMULATING or not isinstance(opened, Pipeline):
            vector = self._whole(opened)
            assert isinstance(vector, Vector), "BUG: an aggregation over no vector"
            return aggregate(context, node, vector, param)
        accumulator = None
        for first_row, block in opened.blocks():
            if accumulator is None:
                # What only looks at single rows marks all of them or none.
                marked = block.drop_name is not None and bool(block.drop_name.all())
                marks = np.ones(opened.labels.rows, np.bool_) if marked else None
                accumulator = Accumulator(context, node, opened.full_labels(block), marks)
            accumulator.add(first_row, block)
        assert accumulator is not None, "BUG: rows without a block"
        return accumulator.finish()

    def _call(self, node: Call, context: Context) -> Pipeline | Value:
        if node.func in OF_NODES:
            return OF_NODES[node.func](self, node, context)
        if node.func in RANGE_FUNCTIONS:
            opened = self._range_call(node, context)
            if FUNCTIONS[node.func].of_absence:
                return absence(context, node.args[0], steps_with_rows(opened))
            return opened
        if FUNCTIONS[node.func].row_local:
            return self._row_local_call(node, context)
        args = [self.evaluate(arg, context) for arg in node.args]
        return CALLS[node.func](context, node, args)

    def _row_local_call(self, node: Call, context: Context) -> Pipeline | Value:
        """A function of one vector, row by row; its other arguments are scalars."""
        types = [arg.type for arg in node.args]
        if types.count(ValueType.VECTOR) != 1:
            return CALLS[node.func](context, node, [self.evaluate(a, context) for a in node.args])
        at = types.index(ValueType.VECTOR)
        args: list[Value] = [
            self.evaluate(arg, context) for i, arg in enumerate(node.args) if i != at
        ]

        def apply(vector: Vector) -> Vector:
            value = CALLS[node.func](context, node, [*args[:at], vector, *args[at:]])
            return _cells(value, vector)

        return self._then(self._open(node.args[at], context), apply)

    def _absent(self, node: Call, context: Context) -> Vector:
        return absence(context, node.args[0], steps_with_rows(self._open(node.args[0], context)))

    def _start_timestamp(self, node: Call, context: Context) -> Pipeline | Vector:
        """The start of the samples of a selector; none is known of other values, nor without the
        feature."""
        argument = without_parens(node.args[0])
        if not isinstance(argument, VectorSelector):
            opened = self._open(argument, context)
            return self._then(opened, lambda vector: _none_of(context, vector))
        rows = self._newest(argument, context, START)
        if not context.features.use_start_timestamps:
            return self._then(rows, lambda vector: _none_of(context, vector))
        return self._then(rows, lambda vector: drop_metric_name(context, vector))

    def _timestamp(self, node: Call, context: Context) -> Pipeline | Vector:
        """The time of the samples of a selector; of other values it is that of the step."""
        argument = without_parens(node.args[0])
        if isinstance(argument, VectorSelector):
            rows = self._newest(argument, context, TIMESTAMP)
            return self._then(rows, lambda vector: drop_metric_name(context, vector))
        seconds = context.steps / 1000

        def apply(vector: Vector) -> Vector:
            values = np.broadcast_to(seconds, vector.values.shape).copy()
            return drop_metric_name(context, replace(vector, values=values, natives=None))

        return self._then(self._open(argument, context), apply)

    def _info(self, node: Call, context: Context) -> Vector:
        base = self.evaluate(node.args[0], context)
        info = self._whole(self._newest(node, context, INFO_TIMESTAMP))
        assert isinstance(base, Vector) and isinstance(info, Vector), "BUG: info() of no vector"
        return enrich(context, base, info, info_selector(node))

    def _range_call(self, node: Call, context: Context) -> Pipeline | Vector:
        ranges = [without_parens(arg) for arg in node.args]
        at = next(i for i, arg in enumerate(ranges) if arg.type is ValueType.MATRIX)
        argument = ranges[at]
        params = [self.evaluate(arg, context) for i, arg in enumerate(ranges) if i != at]
        arrays = [np.ascontiguousarray(p.values) for p in params if isinstance(p, Scalar)]
        span = self.plan.spans[argument]
        windows = Windows(context.steps, span.ends(context.steps), span.range_ms)
        call = RangeCall(context, node, windows, arrays)
        if isinstance(argument, Subquery):
            context.charge(span.grid_size(windows.ends))
            grid = span.grid(windows.ends)
            inner = self._open(argument.expr, context.at_steps(grid, int(windows.ends[-1])))
            opened = self._then(inner, lambda vector: call.of_subquery(vector, grid))
            if isinstance(opened, Pipeline):
                opened.move_to(context)
        else:
            assert isinstance(argument, MatrixSelector), "BUG: a range that is no selector"
            check_function(argument.selector, node.func)
            extension = extension_of(argument.selector, self.lookback_ms)
            selection, opened = self._rows(argument.selector, context)
            opened.leaf = lambda first, end: call.of_selection(selection, first, end, extension)
            if call.sees_edges(selection, extension):
                opened.sizes = self.blocks.of_seen()
        return self._then(opened, call.finish)


# Functions that look at the nodes of their arguments, not only at their values.
OF_NODES: dict[str, Callable[[Evaluator, Call, Context], Pipeline | Value]] = {
    "absent": Evaluator._absent,
    "info": Evaluator._info,
    "start_timestamp": Evaluator._start_timestamp,
    "timestamp": Evaluator._timestamp,
}


def _no_leaf(first_row: int, end_row: int) -> Block:
    raise AssertionError("BUG: rows were read before they had a leaf")


def _none_of(context: Context, vector: Vector) -> Vector:
    """The rows without their names and without any sample."""
    return drop_metric_name(context, emptied(vector))


def _scalar(value: Value) -> Scalar:
    assert isinstance(value, Scalar), "BUG: a scalar expression gave no scalar"
    return value


def _cells(value: Value, source: Vector) -> Vector:
    """The result of a row-local operator; no rows at all stand for all of them absent.

    There may be fewer rows than before if rows became equal by losing their names.
    """
    assert isinstance(value, Vector), "BUG: a row-local operator gave no vector"
    if value.labels.rows == 0 and source.labels.rows > 0:
        return emptied(source)
    return value
