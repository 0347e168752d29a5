"""Dropping the metric name, and what happens if series become equal by it.

An operator that changes what a sample means takes the name, type and unit labels away. By default
that happens at once; with delayed name removal rows are marked, and lose the name at the end of the
query. Rows that become equal are merged where at most one of them is present at each step; two
samples of one label set at the same step are an error.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.vectors.blocks import Check, blocks
from api.promql.vectors.natives import merged_natives
from api.promql.vectors.value import Vector
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

NAME_LABELS = (METRIC_NAME, "__type__", "__unit__")
DUPLICATE_LABELSET = "vector cannot contain metrics with the same labelset"


def drop_metric_name(context: Context, vector: Vector, *, merge: bool = True) -> Vector:
    """The vector without name, type and unit labels, or marked to lose them at the end.

    merge: false where rows that become equal are an error even if they never meet at a step.
    """
    if context.features.delayed_name_removal:
        marks = np.ones(vector.labels.rows, np.bool_)
        return replace(vector, drop_name=marks)
    dropped = without_names(vector)
    merged = merge_equal_rows(dropped, vector.labels, context.check)
    if not merge and merged.labels.rows < vector.labels.rows:
        context.meter.is_whole = True
        _refuse_merged(dropped)
    return merged


def drop_only_name(context: Context, vector: Vector) -> Vector:
    """The vector without the metric name, but with type and unit; at the end of the query these go
    as well."""
    if context.features.delayed_name_removal:
        return drop_metric_name(context, vector)
    dropped = replace(vector, labels=vector.labels.drop((METRIC_NAME,)), drop_name=None)
    return merge_equal_rows(dropped, vector.labels, context.check)


def finish_names(context: Context, vector: Vector) -> Vector:
    """Take the names off the marked rows and merge the rows that become equal."""
    marks = vector.drop_name
    if marks is None:
        return vector
    if not marks.any():
        return replace(vector, drop_name=None)
    if marks.all():
        return merge_equal_rows(without_names(vector), vector.labels, context.check)
    labels = vector.labels
    for name in NAME_LABELS:
        codes = labels.column(name)
        labels = labels.with_column(name, np.where(marks, 0, codes).astype(np.int32))
    return merge_equal_rows(replace(vector, labels=labels, drop_name=None), check=context.check)


def without_names(vector: Vector) -> Vector:
    return replace(vector, labels=vector.labels.drop(NAME_LABELS), drop_name=None)


def merge_equal_rows(
    vector: Vector, before: LabelFrame | None = None, check: Check = lambda: None
) -> Vector:
    """Join rows with equal labels, in the order of their first row; the mark is that of the row
    that is present at the earliest step.

    before: labels of the same rows that are known to be distinct, and differ from the vector's in
    the name labels only; if those are constant, no two rows can have become equal.
    Raises ExecutionError if two equal rows are present at the same step.
    """
    if before is not None and names_are_constant(before):
        return vector
    group, first = vector.labels.group(vector.labels.names)
    if len(first) == vector.labels.rows:
        return vector
    shape = (len(first), vector.values.shape[1])
    values, present = np.zeros(shape), np.zeros(shape, np.bool_)
    for rows in blocks(check, *vector.values.shape):
        part = group[rows], vector.values[rows], vector.present[rows]
        if not merge_disjoint_rows(*part, values, present):
            raise ExecutionError(DUPLICATE_LABELSET)
    marks = None
    if vector.drop_name is not None:
        marks = vector.drop_name[_earliest_rows(group, vector.present)]
    natives = merged_natives(vector.natives, group, vector.present, len(first))
    return Vector(vector.labels.take(first), values, present, marks, natives)


def _earliest_rows(group: Int64s, present: Bools) -> Int64s:
    """The row of each group that is present first; any row if none is ever present."""
    starts = np.where(present.any(axis=1), present.argmax(axis=1), present.shape[1])
    order = np.lexsort((starts, group))
    _, at = np.unique(group[order], return_index=True)
    return order[at]


def names_are_constant(labels: LabelFrame) -> bool:
    """Whether distinct rows stay distinct when the name labels go."""
    return labels.once(
        "names are constant",
        lambda: all(is_constant(labels.column(name)) for name in NAME_LABELS),
    )


def _refuse_merged(vector: Vector) -> None:
    """Raise if two rows with equal labels are both present at some step, the same or not."""
    used = np.flatnonzero(vector.present.any(axis=1))
    _, first = vector.labels.take(used).group(vector.labels.names)
    if len(first) < len(used):
        raise ExecutionError(DUPLICATE_LABELSET)


def is_constant(codes: Int32s) -> bool:
    return len(codes) == 0 or bool((codes == codes[0]).all())


@kernel
def merge_disjoint_rows(
    group: Int64s, values: Float64s, present: Bools, out_values: Float64s, out_present: Bools
) -> bool:
    """Scatter rows into their groups; false if two rows of a group are present at one step."""
    rows, steps = values.shape
    for i in range(rows):
        g = group[i]
        for k in range(steps):
            if not present[i, k]:
                continue
            if out_present[g, k]:
                return False
            out_values[g, k] = values[i, k]
            out_present[g, k] = True
    return True
