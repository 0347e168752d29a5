"""The binary operators: arithmetic, comparisons and set operators over scalars and vectors.

Values are computed for all steps at once; which rows meet is worked out in `matching`. A comparison
without `bool` filters: it keeps the value of its left side, or of its vector side if the other is a
scalar, and takes away presence.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.operators.matching import (
    Side,
    add_fillers,
    check_many_side,
    check_one_side,
    check_unique_results,
    fold_one_side,
    match_groups,
)
from api.promql.operators.native import TRIM_OPERATORS, NativeOperation, Operand
from api.promql.syntax.nodes import Binary, Card, VectorMatching
from api.promql.vectors.groups import Pairing, pair_rows, present_groups
from api.promql.vectors.names import NAME_LABELS, drop_metric_name, is_constant, merge_equal_rows
from api.promql.vectors.rows import concat
from api.promql.vectors.value import Scalar, Vector
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.labels.frames import LabelFrame

ARITHMETIC: dict[str, np.ufunc] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: dict[str, np.ufunc] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SET_OPERATORS = ("and", "or", "unless")


def evaluate_binary(
    context: Context, node: Binary, lhs: Scalar | Vector, rhs: Scalar | Vector
) -> Scalar | Vector:
    """The value of `lhs op rhs`. With a scalar on one side a row depends on the same row only."""
    if isinstance(lhs, Vector) and isinstance(rhs, Vector):
        return _of_vectors(context, node, lhs, rhs)
    if isinstance(lhs, Vector):
        assert isinstance(rhs, Scalar)
        return _with_scalar(context, node, lhs, rhs.values, scalar_first=False)
    if isinstance(rhs, Vector):
        return _with_scalar(context, node, rhs, lhs.values, scalar_first=True)
    return _of_scalars(node, lhs.values, rhs.values)


def compute(op: str, a: Float64s, b: Float64s, out: Float64s | None = None) -> Float64s:
    """An arithmetic operator over arrays, IEEE 754 without complaints; into `out` if given."""
    with np.errstate(all="ignore"):
        result: Float64s = ARITHMETIC[op](a, b, out=out)
    return result


def compare(op: str, a: Float64s, b: Float64s) -> Bools:
    with np.errstate(all="ignore"):
        result: Bools = COMPARISONS[op](a, b)
    return result


def _of_scalars(node: Binary, a: Float64s, b: Float64s) -> Scalar:
    if node.op in ARITHMETIC:
        return Scalar(compute(node.op, a, b))
    if node.op in COMPARISONS:
        return Scalar(compare(node.op, a, b).astype(np.float64))
    raise ExecutionError(f'operator "{node.op}" not allowed for Scalar operations')


def _with_scalar(
    context: Context, node: Binary, vector: Vector, scalar: Float64s, *, scalar_first: bool
) -> Vector:
    a, b = (scalar, vector.values) if scalar_first else (vector.values, scalar)
    if node.op in ARITHMETIC:
        values, holds = compute(node.op, a, b), vector.present
    elif node.op in TRIM_OPERATORS:
        values, holds = vector.values, np.zeros_like(vector.present)
    else:
        holds = compare(node.op, a, b)
        values = holds.astype(np.float64) if node.return_bool else vector.values
        holds = vector.present if node.return_bool else vector.present & holds
    result = replace(vector, values=values, present=holds, natives=None)
    if vector.natives is not None or node.op in TRIM_OPERATORS:
        sides = Operand(vector.values, vector.natives), Operand(scalar)
        lhs, rhs = sides[::-1] if scalar_first else sides
        operation = NativeOperation(context, node, lhs, rhs, vector.present)
        values, present, natives = operation.apply(values, holds)
        result = replace(result, values=values, present=present, natives=natives)
    if node.op in ARITHMETIC or node.return_bool:
        return drop_metric_name(context, result)
    return result


def _of_vectors(context: Context, node: Binary, lhs: Vector, rhs: Vector) -> Vector:
    matching = node.matching or VectorMatching()
    if node.op in SET_OPERATORS:
        return _of_sets(node.op, lhs, rhs, matching)
    swapped = matching.card is Card.ONE_TO_MANY
    many, one = (rhs, lhs) if swapped else (lhs, rhs)
    many_group, one_group, groups = match_groups(many.labels, one.labels, matching)
    many_side, one_side = Side(many, many_group), Side(one, one_group)
    check_one_side(many, one_side, groups, matching)
    if not (matching.fill_left is None and matching.fill_right is None):
        many_side, one_side = add_fillers(many_side, one_side, groups, matching)
    if matching.card is Card.ONE_TO_ONE:
        met = present_groups(one_side.group, groups, one_side.vector.present)
        check_many_side(many_side, met, groups)
    one_side = fold_one_side(one_side, matching.include)
    pairing = pair_rows(many_side.group, one_side.group, groups)
    context.check()
    return _combine(context, node, many_side, one_side, pairing)


def _combine(context: Context, node: Binary, many: Side, one: Side, pairing: Pairing) -> Vector:
    """Compute the pairs, and join those that have the same labels."""
    matching = node.matching or VectorMatching()
    context.charge(3 * len(pairing.many) * many.vector.values.shape[1])
    a, there = _gather(many.vector, pairing.many)
    b, there_too = _gather(one.vector, pairing.one)
    mixed = many.vector.natives is not None or one.vector.natives is not None
    sides = _operand(a, many, pairing.many), _operand(b, one, pairing.one)
    # A gathered matrix is used here only; a second one would cost more than the operator.
    scratch = next(
        (own for own, side in ((a, many), (b, one)) if own is not side.vector.values), None
    )
    if matching.card is Card.ONE_TO_MANY:
        a, b = b, a
        sides = sides[::-1]
    present = there & there_too
    keep = present
    if node.op in ARITHMETIC:
        values = compute(node.op, a, b, None if mixed else scratch)
    elif node.op in TRIM_OPERATORS:
        values, keep = a, np.zeros_like(present)
    else:
        holds = compare(node.op, a, b)
        values = holds.astype(np.float64) if node.return_bool else a
        keep = present if node.return_bool else present & holds
    labels = _result_labels(context, node, many, one, pairing)
    marks = None
    if node.return_bool and context.features.delayed_name_removal:
        marks = np.ones(labels.rows, np.bool_)
    natives = None
    if mixed or node.op in TRIM_OPERATORS:
        operation = NativeOperation(context, node, *sides, present)
        values, keep, natives = operation.apply(values, keep)
    result = Vector(labels, values, keep, marks, natives)
    if _stays_distinct(context, node, many, pairing):
        return result
    if matching.card is not Card.ONE_TO_ONE:
        label_group, first = labels.group(labels.names)
        check_unique_results(many.group[pairing.many], label_group, len(first), present)
    return merge_equal_rows(result)


def _gather(vector: Vector, rows: Int64s) -> tuple[Float64s, Bools]:
    """The cells of the given rows; the vector's own arrays if these are all rows in order."""
    if _are_all(rows, len(vector.values)):
        return vector.values, vector.present
    return vector.values[rows], vector.present[rows]


def _operand(values: Float64s, side: Side, rows: Int64s) -> Operand:
    natives = side.vector.natives
    if natives is None or _are_all(rows, len(natives.rows)):
        return Operand(values, natives)
    return Operand(values, natives.at(rows))


def _are_all(rows: Int64s, count: int) -> bool:
    """Whether `rows` is 0, 1, ... count - 1."""
    return len(rows) == count and bool((rows == np.arange(count)).all())


def _drops_name(context: Context, node: Binary) -> bool:
    return node.op in ARITHMETIC or (node.return_bool and not context.features.delayed_name_removal)


def _result_labels(
    context: Context, node: Binary, many: Side, one: Side, pairing: Pairing
) -> LabelFrame:
    """The labels of each pair: those of the many side, as operator and matching change them."""
    matching = node.matching or VectorMatching()
    labels = many.vector.labels
    if not _are_all(pairing.many, labels.rows):
        labels = labels.take(pairing.many)
    if _drops_name(context, node):
        labels = labels.drop(NAME_LABELS)
    if matching.card is Card.ONE_TO_ONE:
        labels = labels.keep(matching.labels) if matching.on else labels.drop(matching.labels)
    for name in matching.include:
        labels = labels.with_column(name, one.vector.labels.column(name)[pairing.one])
    return labels


def _stays_distinct(context: Context, node: Binary, many: Side, pairing: Pairing) -> bool:
    """Whether it is clear, without comparing them, that all pairs have different labels."""
    matching = node.matching or VectorMatching()
    labels = many.vector.labels
    told_apart_by: tuple[str, ...] = NAME_LABELS
    if matching.card is Card.ONE_TO_ONE:
        groups = many.group[pairing.many]
        distinct = len(np.unique(groups)) == len(groups)
        # Groups differ in the labels matched by; the result has these but for the name labels.
        told_apart_by = NAME_LABELS[1:]
        if matching.on:
            told_apart_by = tuple(name for name in NAME_LABELS if name in matching.labels)
    else:
        changed = any(labels.column(name).any() for name in matching.include)
        distinct = not changed and bool((np.diff(pairing.many) > 0).all())
    if not distinct or not _drops_name(context, node):
        return distinct
    return all(is_constant(labels.column(name)) for name in told_apart_by)


def _of_sets(op: str, lhs: Vector, rhs: Vector, matching: VectorMatching) -> Vector:
    left_group, right_group, groups = match_groups(lhs.labels, rhs.labels, matching)
    if op == "or":
        met = present_groups(left_group, groups, lhs.present)[right_group]
        others = replace(rhs, present=rhs.present & ~met)
        if not others.present.any():
            return lhs
        return merge_equal_rows(concat(lhs, others))
    met = present_groups(right_group, groups, rhs.present)[left_group]
    present = lhs.present & (met if op == "and" else ~met)
    return replace(lhs, present=present)
