"""The aggregations that keep some of their input's samples: topk, bottomk, limitk, limit_ratio.

Their result has the rows of the input with fewer cells present; labels and names stay. At a
single time the rows are also put in order: group by group, and within a group by rank.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.aggregations.label_hash import hash_rows
from api.promql.aggregations.ranking_kernels import select_first, select_largest
from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.go_format import format_g
from api.promql.syntax.nodes import Aggregate
from api.promql.vectors.blocks import blocks, group_blocks
from api.promql.vectors.groups import rows_by_group
from api.promql.vectors.rows import take_rows
from api.promql.vectors.value import Vector
from storage.kernels.arrays import Bools, Float64s, Int64s

# Go converts to int64, and refuses this smallest number and what is not below this largest float.
_INT64_MIN, _INT64_MAX = -(2.0**63), 2.0**63 - 1024


def rank(context: Context, number: Int64s, vector: Vector, k: Float64s, *, largest: bool) -> Vector:
    """topk or bottomk: the k largest or smallest values of each group, NaN last.

    number: the group of each row.
    """
    counts = _counts(k, vector.labels.rows)
    sign = 1.0 if largest else -1.0
    rows, offsets = rows_by_group(number, number.max(initial=-1) + 1)
    chosen = np.zeros(vector.present.shape, np.bool_)
    for first, end, step, end_step in group_blocks(context.check, offsets, len(k)):
        of = (first, end), (step, end_step)
        select_largest(rows, offsets, vector.values, vector.present, counts, sign, *of, chosen)
    if not context.is_instant:
        return _keep(vector, chosen)
    with np.errstate(all="ignore"):
        values = sign * vector.values[:, 0]
        order = np.lexsort((-values, np.isnan(values), number))
    return take_rows(_keep(vector, chosen), order[chosen[order, 0]], context.check)


def limitk(context: Context, number: Int64s, vector: Vector, k: Float64s) -> Vector:
    """The first k rows of each group that are present."""
    counts = _counts(k, vector.labels.rows)
    taken = np.zeros((int(number.max(initial=-1)) + 1, len(k)), np.int64)
    chosen = np.zeros(vector.present.shape, np.bool_)
    for rows in blocks(context.check, vector.labels.rows, len(k)):
        select_first(number[rows], vector.present[rows], counts, taken, chosen[rows])
    return _in_groups(context, number, _keep(vector, chosen))


def limit_ratio(
    context: Context, node: Aggregate, number: Int64s, vector: Vector, ratio: Float64s
) -> Vector:
    """About the share `ratio` of the rows, told apart by the hash of their labels.

    A negative ratio takes what its complement leaves: -0.25 the rows that 0.75 does not take.
    """
    if np.isnan(ratio).any():
        raise ExecutionError("Ratio value is NaN")
    _warn_ratios(context, node, ratio)
    ratio = np.clip(ratio, -1.0, 1.0)
    share = hash_rows(vector.labels, context.check).astype(np.float64) / 2.0**64
    positive = share[:, None] < ratio
    chosen = np.where(ratio >= 0, positive, share[:, None] >= 1.0 + ratio)
    return _in_groups(context, number, _keep(vector, chosen))


def _keep(vector: Vector, chosen: Bools) -> Vector:
    return replace(vector, present=vector.present & chosen)


def _in_groups(context: Context, number: Int64s, vector: Vector) -> Vector:
    if not context.is_instant:
        return vector
    order = np.argsort(number, kind="stable")
    return take_rows(vector, order[vector.present[order, 0]])


def _counts(k: Float64s, rows: int) -> Int64s:
    """The parameter of topk, bottomk and limitk as numbers of rows."""
    if np.isnan(k).any():
        raise ExecutionError("Parameter value is NaN")
    if k.max(initial=0.0) >= 1:
        if k.min() <= _INT64_MIN:
            raise ExecutionError(f"Scalar value {format_g(float(k.min()))} underflows int64")
        if k.max() >= _INT64_MAX:
            raise ExecutionError(f"Scalar value {format_g(float(k.max()))} overflows int64")
    return np.trunc(np.clip(k, 0.0, rows)).astype(np.int64)


def _warn_ratios(context: Context, node: Aggregate, ratio: Float64s) -> None:
    at = Place(node, node.param)
    for value, bound in ((ratio.max(initial=0.0), 1.0), (ratio.min(initial=0.0), -1.0)):
        if abs(value) > 1:
            context.warn(
                "ratio value should be between -1 and 1, "
                f"got {format_g(float(value))}, capping to {format_g(bound)}",
                at,
            )
