"""The value of a whole query, as it leaves the engine: names dropped, rows in order.

An instant query of a range selector or a subquery is answered with its samples.
"""

from __future__ import annotations

import numpy as np

from api.promql.context import Context
from api.promql.evaluator import Evaluator
from api.promql.ranges.coarse import warn_of_matrix
from api.promql.ranges.extended import extend_samples, extension_of
from api.promql.syntax.nodes import MatrixSelector, Node, Subquery, without_parens
from api.promql.vectors.cells import fresh_between, samples_of_cells
from api.promql.vectors.names import finish_names
from api.promql.vectors.natives import natives_cost
from api.promql.vectors.rows import in_order, take_rows
from api.promql.vectors.value import Matrix, Scalar, Value, Vector
from storage.labels.frames import LabelFrame, one_row
from storage.samples.samples import Samples


def finished(evaluator: Evaluator, context: Context, root: Node) -> Value | Matrix:
    """The value of the whole query, as it leaves the engine."""
    node = without_parens(root)
    if isinstance(node, MatrixSelector):
        return _matrix_of_selector(evaluator, context, node)
    if isinstance(node, Subquery):
        return _matrix_of_subquery(evaluator, context, node)
    value = evaluator.evaluate(node, context)
    if isinstance(value, Scalar) and context.is_range:
        present = np.ones((1, len(context.steps)), np.bool_)
        return Vector(one_row(context.symbols), value.values.reshape(1, -1), present)
    if not isinstance(value, Vector):
        return value
    # Rows that are never there must not decide the place of those they become equal to.
    vector = finish_names(context, _without_empty_rows(context, value))
    if not context.is_range:
        return vector
    with context.meter.sorting():
        return in_order(vector, context.check)


def _without_empty_rows(context: Context, vector: Vector) -> Vector:
    if vector.present.all():
        return vector
    used = vector.present.any(axis=1)
    return vector if used.all() else take_rows(vector, np.flatnonzero(used), context.check)


def _matrix_of_selector(evaluator: Evaluator, context: Context, node: MatrixSelector) -> Matrix:
    """The samples of a range selector at the one step of an instant query."""
    selection = evaluator.selection(node.selector)
    span = evaluator.plan.spans[node]
    end_ms = int(span.ends(context.steps)[0])
    samples = selection.read(0, selection.labels.rows)
    warn_of_matrix(context, node, selection)
    context.charge(len(samples) + natives_cost(samples.natives))
    extension = extension_of(node.selector, evaluator.lookback_ms)
    if extension is not None:
        extended = extend_samples(samples, end_ms, span.range_ms, extension)
        return _matrix(context, selection.labels, extended)
    fresh = fresh_between(samples, end_ms - span.range_ms + 1, end_ms)
    return _matrix(context, selection.labels, fresh)


def _matrix_of_subquery(evaluator: Evaluator, context: Context, node: Subquery) -> Matrix:
    span = evaluator.plan.spans[node]
    ends = span.ends(context.steps)
    context.charge(span.grid_size(ends))
    grid = span.grid(ends)
    inner = evaluator.evaluate(node.expr, context.at_steps(grid, int(ends[-1])))
    assert isinstance(inner, Vector), "BUG: a subquery over no vector"
    vector = finish_names(context, inner)
    return _matrix(context, vector.labels, samples_of_cells(vector, grid))


def _matrix(context: Context, labels: LabelFrame, samples: Samples) -> Matrix:
    """The series that have samples, sorted by their labels."""
    with context.meter.sorting():
        return _sorted_matrix(labels, samples)


def _sorted_matrix(labels: LabelFrame, samples: Samples) -> Matrix:
    used = np.flatnonzero(np.diff(samples.offsets))
    kept = labels.take(used)
    order = used[kept.order()]
    lengths = np.diff(samples.offsets)[order]
    offsets = np.zeros(len(order) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    starts = np.repeat(samples.offsets[:-1][order] - offsets[:-1], lengths)
    positions = starts + np.arange(offsets[-1])
    natives = samples.natives
    columns = Samples(
        offsets,
        samples.timestamps[positions],
        samples.values[positions],
        natives=None if natives is None else natives.at(positions),
    )
    return Matrix(labels.take(order), columns)
