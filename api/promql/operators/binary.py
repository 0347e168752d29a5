"""The binary operators: arithmetic, comparisons and set operators over scalars and vectors.

Values are computed for all steps at once; which rows meet is worked out in `matching`. A comparison
without `bool` filters: it keeps the value of its left side, or of its vector side if the other is a
scalar, and takes away presence.
"""

from __future__ import annotations

from collections.abc import Callable
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
from api.promql.vectors.blocks import blocks
from api.promql.vectors.cells import MixedCells
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
    if op == "^":
        _mend_roots(a, b, result)
    return result


def _mend_roots(a: Float64s, b: Float64s, powers: Float64s) -> None:
    """Where one exponent of 0.5 is for all, numpy takes roots, which differ from powers at -Inf and
    at -0; so the same query would have other values at one step than at many."""
    halves = b == 0.5
    if halves.any():
        differ = halves & ((a == 0) | (a == -np.inf))
        np.copyto(powers, np.abs(a), where=differ)


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
    values, holds = _floats_with_scalar(context, node, vector, scalar, scalar_first=scalar_first)
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


def _floats_with_scalar(
    context: Context, node: Binary, vector: Vector, scalar: Float64s, *, scalar_first: bool
) -> tuple[Float64s, Bools]:
    """The values as if all cells were floats, and where there is a result, block by block."""
    if node.op in TRIM_OPERATORS:
        return vector.values, np.zeros_like(vector.present)
    filters = node.op in COMPARISONS and not node.return_bool
    values = vector.values if filters else np.empty_like(vector.values)
    holds = np.empty_like(vector.present) if filters else vector.present
    for rows in blocks(context.check, *vector.values.shape):
        a, b = vector.values[rows], scalar
        if scalar_first:
            a, b = b, a
        if node.op in ARITHMETIC:
            compute(node.op, a, b, values[rows])
        elif filters:
            np.logical_and(vector.present[rows], compare(node.op, a, b), out=holds[rows])
        else:
            values[rows] = compare(node.op, a, b)
    return values, holds


def _of_vectors(context: Context, node: Binary, lhs: Vector, rhs: Vector) -> Vector:
    matching = node.matching or VectorMatching()
    if node.op in SET_OPERATORS:
        return _of_sets(context, node.op, lhs, rhs, matching)
    swapped = matching.card is Card.ONE_TO_MANY
    many, one = (rhs, lhs) if swapped else (lhs, rhs)
    many_group, one_group, groups = match_groups(many.labels, one.labels, matching)
    many_side, one_side = Side(many, many_group), Side(one, one_group)
    check_one_side(context.check, many, one_side, groups, matching)
    if not (matching.fill_left is None and matching.fill_right is None):
        many_side, one_side = add_fillers(context.check, many_side, one_side, groups, matching)
    if matching.card is Card.ONE_TO_ONE:
        met = present_groups(context.check, one_side.group, groups, one_side.vector.present)
        check_many_side(context.check, many_side, met, groups)
    one_side = fold_one_side(context.check, one_side, matching.include)
    pairing = pair_rows(many_side.group, one_side.group, groups)
    context.check()
    return _combine(context, node, many_side, one_side, pairing)


def _combine(context: Context, node: Binary, many: Side, one: Side, pairing: Pairing) -> Vector:
    """Compute the pairs, and join those that have the same labels."""
    matching = node.matching or VectorMatching()
    context.charge(3 * len(pairing.many) * many.vector.values.shape[1])
    natives = None
    mixed = many.vector.natives is not None or one.vector.natives is not None
    if mixed or node.op in TRIM_OPERATORS:
        present, (values, keep, natives) = _mixed_pairs(context, node, (many, one), pairing)
    else:
        values, present, keep = _pairs_of_floats(context, node, (many, one), pairing)
    labels = _result_labels(context, node, many, one, pairing)
    marks = None
    if node.return_bool and context.features.delayed_name_removal:
        marks = np.ones(labels.rows, np.bool_)
    result = Vector(labels, values, keep, marks, natives)
    if _stays_distinct(context, node, many, pairing):
        return result
    if matching.card is not Card.ONE_TO_ONE:
        label_group, _ = labels.group(labels.names)
        check_unique_results(context.check, many.group[pairing.many], label_group, present)
    return merge_equal_rows(result, check=context.check)


def _pairs_of_floats(
    context: Context, node: Binary, sides: tuple[Side, Side], pairing: Pairing
) -> tuple[Float64s, Bools, Bools]:
    """(values, where both are present, where there is a result) of pairs of floats, block by
    block."""
    many, one = (side.vector for side in sides)
    swapped = node.matching is not None and node.matching.card is Card.ONE_TO_MANY
    shape = len(pairing.many), many.values.shape[1]
    values, present = np.empty(shape), np.empty(shape, np.bool_)
    filters = node.op in COMPARISONS and not node.return_bool
    keep = np.empty(shape, np.bool_) if filters else present
    rows_of_many, rows_of_one = _rows_of(pairing.many, many), _rows_of(pairing.one, one)
    for rows in blocks(context.check, *shape):
        of_many, of_one = rows_of_many(rows), rows_of_one(rows)
        np.logical_and(many.present[of_many], one.present[of_one], out=present[rows])
        a, b = many.values[of_many], one.values[of_one]
        if swapped:
            a, b = b, a
        if node.op in ARITHMETIC:
            compute(node.op, a, b, values[rows])
            continue
        holds = compare(node.op, a, b)
        values[rows] = a if filters else holds
        if filters:
            np.logical_and(present[rows], holds, out=keep[rows])
    return values, present, keep


def _rows_of(rows: Int64s, vector: Vector) -> Callable[[slice], Int64s | slice]:
    """Which rows of a vector stand in a stretch of pairs: a slice if these are all in order."""
    if _are_all(rows, len(vector.values)):
        return lambda part: part
    return lambda part: rows[part]


def _mixed_pairs(
    context: Context, node: Binary, sides: tuple[Side, Side], pairing: Pairing
) -> tuple[Bools, MixedCells]:
    """Where both of a pair are present, and the result, of which some are native histograms."""
    many, one = sides
    a, there = _gather(many.vector, pairing.many)
    b, there_too = _gather(one.vector, pairing.one)
    operands = _operand(a, many, pairing.many), _operand(b, one, pairing.one)
    if node.matching is not None and node.matching.card is Card.ONE_TO_MANY:
        a, b = b, a
        operands = operands[::-1]
    present = there & there_too
    keep = present
    if node.op in ARITHMETIC:
        values = compute(node.op, a, b)
    elif node.op in TRIM_OPERATORS:
        values, keep = a, np.zeros_like(present)
    else:
        holds = compare(node.op, a, b)
        values = holds.astype(np.float64) if node.return_bool else a
        keep = present if node.return_bool else present & holds
    operation = NativeOperation(context, node, *operands, present)
    return present, operation.apply(values, keep)


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


def _of_sets(
    context: Context, op: str, lhs: Vector, rhs: Vector, matching: VectorMatching
) -> Vector:
    left_group, right_group, groups = match_groups(lhs.labels, rhs.labels, matching)
    if op == "or":
        met = present_groups(context.check, left_group, groups, lhs.present)[right_group]
        others = replace(rhs, present=rhs.present & ~met)
        if not others.present.any():
            return lhs
        return merge_equal_rows(concat(lhs, others), check=context.check)
    met = present_groups(context.check, right_group, groups, rhs.present)[left_group]
    present = lhs.present & (met if op == "and" else ~met)
    return replace(lhs, present=present)
