"""The aggregation operators: rows are grouped by labels once, then folded step by step.

Eight operators keep a running state per group and step (`Accumulator`), so that their input can
come in blocks and never has to be one matrix. Their order of operations is the order of the rows.
The others need all rows of a step at once; those that keep samples of their input are in `ranking`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from api.promql.aggregations import kernels
from api.promql.aggregations.counting_kernels import count_cells, number_words
from api.promql.aggregations.native import FOLD_COST, NativeSums, note_ignored
from api.promql.aggregations.ranking import limit_ratio, limitk, rank
from api.promql.aggregations.ranking_kernels import group_quantiles
from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.go_format import format_f, format_g, quote
from api.promql.native_histograms.values import text_of
from api.promql.syntax.literals import is_label_name
from api.promql.syntax.nodes import Aggregate
from api.promql.vectors.blocks import blocks, group_blocks
from api.promql.vectors.groups import rows_by_group
from api.promql.vectors.names import NAME_LABELS
from api.promql.vectors.natives import histogram_places, only_floats
from api.promql.vectors.rows import part_of
from api.promql.vectors.value import Scalar, String, Vector
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

# Of count_values: texts that are made between two looks at whether someone still waits.
VALUES_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups that by() or without() makes of the rows of a vector.

    number: the group of each row, in the order of their first rows; labels: one row per group.
    """

    number: Int64s
    labels: LabelFrame

    @property
    def count(self) -> int:
        return self.labels.rows


def make_groups(node: Aggregate, labels: LabelFrame) -> Groups:
    names = grouping_names(node, labels)
    return Groups(labels.group(names)[0], labels.firsts(names))


class _Marks:
    """Which groups lose their name labels at the end: those with a marked row at their last step.

    Without any of them among the labels that groups are made by there is nothing to lose. (A
    `without` leaves the type and the unit.)
    """

    def __init__(self, groups: Groups, drop_name: Bools | None) -> None:
        self._number = groups.number
        named = drop_name is not None and not {*NAME_LABELS}.isdisjoint(groups.labels.names)
        self._rows = drop_name if named else None
        self._latest = np.full(groups.count, -1, np.int64)
        self._marks = np.zeros(groups.count, np.bool_)

    def add(self, first_row: int, present: Bools) -> None:
        """Look at the rows from first_row on."""
        if self._rows is None:
            return
        rows = slice(first_row, first_row + len(present))
        kernels.mark_groups(
            self._number[rows], self._rows[rows], present, self._latest, self._marks
        )

    def finish(self) -> Bools | None:
        return None if self._rows is None else self._marks


def grouping_names(node: Aggregate, labels: LabelFrame) -> tuple[str, ...]:
    """The labels that the result keeps."""
    if not node.without:
        return node.grouping
    return tuple(name for name in labels.names if name not in (*node.grouping, METRIC_NAME))


@dataclass(frozen=True, slots=True)
class _State:
    """The running state of one accumulating operator, all arrays [groups, steps].

    What value and extra hold is up to the operator's kernel; count is the number of values seen,
    and switched marks averages that have become running means.
    """

    value: Float64s
    extra: Float64s
    count: Int64s
    switched: Bools

    @classmethod
    def fresh(cls, shape: tuple[int, int], start: float) -> _State:
        none_seen = np.zeros(shape, np.int64)
        return cls(np.full(shape, start), np.zeros(shape), none_seen, np.zeros(shape, np.bool_))

    def part(self, groups: slice) -> _State:
        """That of a stretch of groups."""
        seen, switched = self.count[groups], self.switched[groups]
        return _State(self.value[groups], self.extra[groups], seen, switched)


def _sum(state: _State) -> Float64s:
    return state.value + state.extra


def _avg(state: _State) -> Float64s:
    sums = state.value / state.count + state.extra / state.count
    return np.where(state.switched, state.value + state.extra, sums)


def _value(state: _State) -> Float64s:
    return state.value


def _count(state: _State) -> Float64s:
    return state.count.astype(np.float64)


def _one(state: _State) -> Float64s:
    return np.ones(state.count.shape)


def _stdvar(state: _State) -> Float64s:
    return state.value / state.count


def _stddev(state: _State) -> Float64s:
    return np.sqrt(state.value / state.count)


# Operator -> (kernel that adds rows, start of `value`, what the finished state amounts to).
# A sum starts as -0 because -0 + x is x for every x, the zeros included.
ACCUMULATING: dict[str, tuple[Callable[..., None], float, Callable[[_State], Float64s]]] = {
    "sum": (kernels.add_sums, -0.0, _sum),
    "avg": (kernels.add_means, -0.0, _avg),
    "min": (partial(kernels.add_extremes, False), np.nan, _value),
    "max": (partial(kernels.add_extremes, True), np.nan, _value),
    "count": (kernels.add_counts, 0.0, _count),
    "group": (kernels.add_counts, 0.0, _one),
    "stdvar": (kernels.add_variances, 0.0, _stdvar),
    "stddev": (kernels.add_variances, 0.0, _stddev),
}


class Accumulator:
    """One of the operators of ACCUMULATING over rows that arrive in blocks, in order."""

    def __init__(
        self,
        context: Context,
        node: Aggregate,
        labels: LabelFrame,
        drop_name: Bools | None = None,
        *,
        fold_cost: int = FOLD_COST,
    ) -> None:
        """labels and drop_name are those of all rows that will be added."""
        self._context = context
        self._groups = make_groups(node, labels)
        self._marks = _Marks(self._groups, drop_name)
        self._add, start, self._finish = ACCUMULATING[node.op]
        shape = (self._groups.count, len(context.steps))
        context.charge(shape[0] * shape[1])
        self._state = _State.fresh(shape, start)
        self._natives = NativeSums(
            context, node, labels, self._groups.number, shape, fold_cost=fold_cost
        )

    def add(self, first_row: int, block: Vector) -> None:
        """Add the cells of the rows from first_row on."""
        state = self._state
        number = self._groups.number[first_row : first_row + len(block.values)]
        floats = block.present
        if self._natives.takes_part:
            floats = self._natives.add(first_row, block, state.count)
        self._add(
            number, block.values, floats, state.value, state.extra, state.count, state.switched
        )
        self._marks.add(first_row, block.present)

    def finish(self) -> Vector:
        """One row per group. Nothing can be added afterwards."""
        groups, steps = self._state.count.shape
        values = np.empty((groups, steps))
        with np.errstate(all="ignore"):
            for part in blocks(self._context.check, groups, steps):
                values[part] = self._finish(self._state.part(part))
        vector = Vector(self._groups.labels, values, self._state.count > 0, self._marks.finish())
        return self._natives.finish(vector)


def aggregate(
    context: Context, node: Aggregate, vector: Vector, param: Scalar | String | None
) -> Vector:
    """The value of an aggregation whose operand and parameter have been evaluated."""
    if node.op in ACCUMULATING:
        accumulator = Accumulator(context, node, vector.labels, vector.drop_name)
        for rows in blocks(context.check, vector.labels.rows, len(context.steps)):
            accumulator.add(rows.start, part_of(vector, rows))
        return accumulator.finish()
    if isinstance(param, String):
        return OF_TEXT[node.op](context, node, vector, param.text)
    assert isinstance(param, Scalar), "BUG: an aggregation lacks its parameter"
    return OF_ALL_ROWS[node.op](context, node, vector, param.values)


def _ranked(context: Context, node: Aggregate, vector: Vector, k: Float64s) -> Vector:
    """topk and bottomk."""
    # Where no row is to be kept none is looked at.
    vector = replace(vector, present=vector.present & (k >= 1))
    vector = note_ignored(context, Place(node), node.op, vector)
    number = make_groups(node, vector.labels).number
    return rank(context, number, vector, k, largest=node.op == "topk")


def _limited(context: Context, node: Aggregate, vector: Vector, k: Float64s) -> Vector:
    return limitk(context, make_groups(node, vector.labels).number, vector, k)


def _limited_ratio(context: Context, node: Aggregate, vector: Vector, ratio: Float64s) -> Vector:
    return limit_ratio(context, node, make_groups(node, vector.labels).number, vector, ratio)


def _quantile(context: Context, node: Aggregate, vector: Vector, q: Float64s) -> Vector:
    warn_quantiles(context, node, q)
    vector = note_ignored(context, Place(node, node.expr), "quantile", vector)
    groups = make_groups(node, vector.labels)
    marks = _Marks(groups, vector.drop_name)
    marks.add(0, vector.present)
    rows, offsets = rows_by_group(groups.number, groups.count)
    shape = (groups.count, len(q))
    values, present = np.zeros(shape), np.zeros(shape, np.bool_)
    for first, end, step, end_step in group_blocks(context.check, offsets, len(q)):
        of = (first, end), (step, end_step)
        group_quantiles(rows, offsets, vector.values, vector.present, q, *of, values, present)
    return Vector(groups.labels, values, present, marks.finish())


# The operators that need all rows of a step at once and have a number as parameter.
OF_ALL_ROWS: dict[str, Callable[[Context, Aggregate, Vector, Float64s], Vector]] = {
    "bottomk": _ranked,
    "limit_ratio": _limited_ratio,
    "limitk": _limited,
    "quantile": _quantile,
    "topk": _ranked,
}


def warn_quantiles(context: Context, node: Aggregate, q: Float64s) -> None:
    """Warn of parameters out of [0, 1]: of NaN, the largest above and the smallest below."""
    at = Place(node, node.param)
    numbers = q[~np.isnan(q)]
    wrong = [np.nan] if len(numbers) < len(q) else []
    wrong += [numbers.max()] if (numbers > 1).any() else []
    wrong += [numbers.min()] if (numbers < 0).any() else []
    for value in wrong:
        context.warn(f"quantile value should be between 0 and 1, got {format_g(float(value))}", at)


def _count_values(context: Context, node: Aggregate, vector: Vector, label: str) -> Vector:
    """How many rows of a group have the same value, one result row for each value."""
    if not is_label_name(label):
        raise ExecutionError(f"invalid label name {quote(label)}")
    names = [name for name in grouping_names(node, vector.labels) if name != label]
    number, first_row = vector.labels.group(names)
    rows, steps = _present_cells(context, vector.present)
    codes = _value_codes(context, vector)
    if node.without and label in node.grouping:
        codes = np.zeros(len(codes), np.int32)
    words = (number[rows] << 32 | codes).astype(np.uint64)
    pairs, cell_pair = number_words(words, context.check)
    context.charge(len(pairs) * len(context.steps))
    counts = np.zeros((len(pairs), len(context.steps)), np.int64)
    for part in blocks(context.check, len(cell_pair), 1):
        count_cells(cell_pair[part], steps[part], counts)
    source = first_row[(pairs >> 32).astype(np.int64)]
    columns = {name: vector.labels.column(name)[source] for name in names}
    columns[label] = (pairs & 0xFFFFFFFF).astype(np.int32)
    labels = LabelFrame(vector.labels.symbols, len(pairs), columns)
    marks = None
    if vector.drop_name is not None and not {*NAME_LABELS}.isdisjoint(names):
        marks = vector.drop_name[source]
    return Vector(labels, counts.astype(np.float64), counts > 0, marks)


def _present_cells(context: Context, present: Bools) -> tuple[Int64s, Int64s]:
    """(row, step) of each present cell, as columns of their own: kernels would be compiled once
    more for views with a stride."""
    rows, steps = [], []
    for part in blocks(context.check, *present.shape):
        found = np.nonzero(present[part])
        rows.append(found[0] + part.start)
        steps.append(found[1])
    return np.concatenate(rows), np.concatenate(steps)


# The operators whose parameter is a text.
OF_TEXT = {"count_values": _count_values}


def _value_codes(context: Context, vector: Vector) -> Int32s:
    """The symbol of the text of each present value, in row-major order.

    Floats are told apart by their bits first: zeros by their sign, NaN by its payload.
    """
    floats = only_floats(vector)
    words = vector.values[floats.present].view(np.uint64)
    distinct, numbers = number_words(words, context.check)
    symbols = vector.labels.symbols
    named = np.empty(len(distinct), np.int32)
    for first in range(0, len(distinct), VALUES_AT_ONCE):
        context.check()
        part = distinct[first : first + VALUES_AT_ONCE].view(np.float64).tolist()
        named[first : first + len(part)] = [symbols.code(format_f(value)) for value in part]
    codes = np.zeros(vector.present.shape, np.int32)
    codes[floats.present] = named[numbers]
    places, rows = histogram_places(vector)
    if vector.natives is not None:
        used, inverse = np.unique(rows, return_inverse=True)
        shown = [text_of(vector.natives.histograms, row) for row in used.tolist()]
        own = np.array([symbols.code(text) for text in shown], np.int32)
        codes.reshape(-1)[places] = own[inverse]
    return codes[vector.present]
