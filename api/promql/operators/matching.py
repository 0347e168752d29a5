"""Which rows of two vectors belong together: the match groups of a binary operation.

Match groups are numbered once per operation from the label codes of both sides, never per step.
What depends on the step is presence: Prometheus allows several series of one match group on the
"one" side as long as no two of them are there at the same step, and complains otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from api.promql.errors import ExecutionError
from api.promql.go_format import format_labels
from api.promql.operators.kernels import first_clash
from api.promql.syntax.nodes import Card, VectorMatching
from api.promql.vectors.blocks import Check, blocks
from api.promql.vectors.groups import join_rows, present_groups
from api.promql.vectors.natives import merged_natives
from api.promql.vectors.rows import concat
from api.promql.vectors.value import Vector
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.labels.numbering import group_rows

MANY_TO_ONE_IMPLICIT = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)
GROUPING_NOT_UNIQUE = "multiple matches for labels: grouping labels must ensure unique matches"


# Steps are looked at one by one, across the rows.
CLASH_CELLS = 4


@dataclass(frozen=True, slots=True)
class Side:
    """One operand: its vector, and the match group of each of its rows."""

    vector: Vector
    group: Int64s


def match_groups(
    many: LabelFrame, one: LabelFrame, matching: VectorMatching
) -> tuple[Int64s, Int64s, int]:
    """The match group of each row of both frames, and how many groups there are."""
    if matching.on:
        names = matching.labels
    else:
        left_out = {METRIC_NAME, *matching.labels}
        names = tuple(sorted({*many.names, *one.names} - left_out))
    group, first = group_rows(np.concatenate((many.matrix(names), one.matrix(names))))
    return group[: many.rows], group[many.rows :], len(first)


def match_labels(frame: LabelFrame, matching: VectorMatching) -> LabelFrame:
    """The labels that rows are matched by."""
    if matching.on:
        return frame.keep(matching.labels)
    return frame.drop((METRIC_NAME, *matching.labels))


def clash(check: Check, group: Int64s, groups: int, present: Bools, counts: Bools) -> Int64s:
    """The first two rows of one group that are present at the same step, or [-1, -1]. Only steps
    where counts[k] is set are looked at."""
    seen = np.full((2, groups), -1, np.int64)
    rows = (-1, -1)
    for steps in blocks(check, present.shape[1], CLASH_CELLS * len(group)):
        rows = first_clash(group, present, counts, (steps.start, steps.stop), seen)
        if rows[0] >= 0:
            break
    return np.array(rows, np.int64)


def check_one_side(
    check: Check, many: Vector, one: Side, groups: int, matching: VectorMatching
) -> None:
    """Raise if two rows of a match group of the "one" side are present at the same step.

    Prometheus does not look at steps where a side is empty, unless a fill value is given.
    """
    repeated = np.bincount(one.group, minlength=groups)[one.group] > 1
    if not repeated.any():
        return
    rows = np.flatnonzero(repeated)
    steps: Bools = np.ones(one.vector.present.shape[1], np.bool_)
    if matching.fill_left is None and matching.fill_right is None:
        steps = np.asarray(many.present.any(axis=0))
    pair = clash(check, one.group[rows], groups, one.vector.present[rows], steps)
    if pair[0] < 0:
        return
    frame = one.vector.labels.take(rows[pair])
    where = "left" if matching.card is Card.ONE_TO_MANY else "right"
    shown = ", ".join(sorted(format_labels(frame.labelset(row)) for row in (0, 1)))
    key = format_labels(match_labels(frame, matching).labelset(0))
    raise ExecutionError(
        f"found duplicate series for the match group {key} on the {where} hand-side of the "
        f"operation: [{shown}];many-to-many matching not allowed: matching labels must be unique "
        "on one side"
    )


def check_many_side(check: Check, many: Side, met: Bools, groups: int) -> None:
    """Raise if, in a one-to-one match, two rows of a group meet the other side at the same step.

    met: where a group finds a partner, bool[groups, steps].
    """
    repeated = np.bincount(many.group, minlength=groups)[many.group] > 1
    if not repeated.any():
        return
    rows = np.flatnonzero(repeated)
    group = many.group[rows]
    present = many.vector.present[rows] & met[group]
    if clash(check, group, groups, present, np.ones(present.shape[1], np.bool_))[0] >= 0:
        raise ExecutionError(MANY_TO_ONE_IMPLICIT)


def check_unique_results(check: Check, group: Int64s, result: Int64s, present: Bools) -> None:
    """Raise if two pairs of one match group give the same result labels at the same step."""
    keys = np.stack((group, result), axis=1).astype(np.int32)
    key, first = group_rows(keys)
    if len(first) == len(key):
        return
    rows = np.flatnonzero(np.bincount(key)[key] > 1)
    every_step = np.ones(present.shape[1], np.bool_)
    if clash(check, key[rows], len(first), present[rows], every_step)[0] >= 0:
        raise ExecutionError(GROUPING_NOT_UNIQUE)


def fold_one_side(check: Check, one: Side, include: tuple[str, ...]) -> Side:
    """The "one" side with rows joined that no result can tell apart: same group, same labels of
    group_left() or group_right(). check_one_side has made sure that they never meet."""
    columns = np.zeros((len(one.group), 1 + len(include)), np.int32)
    columns[:, 0] = one.group
    columns[:, 1:] = one.vector.labels.matrix(include)
    key, first = group_rows(columns)
    if len(first) == len(key):
        return one
    values, present = join_rows(check, key, len(first), one.vector.values, one.vector.present)
    labels = one.vector.labels.take(first)
    natives = merged_natives(one.vector.natives, key, one.vector.present, len(first))
    return Side(Vector(labels, values, present, natives=natives), one.group[first])


def add_fillers(
    check: Check, many: Side, one: Side, groups: int, matching: VectorMatching
) -> tuple[Side, Side]:
    """Both sides with one more row per group that stands in for what is missing.

    fill_left fills the "many" side and fill_right the "one" side, also with group_right: that is
    what Prometheus does. Stand-ins carry the matching labels only, and never meet each other.
    """
    have_many = present_groups(check, many.group, groups, many.vector.present)
    have_one = present_groups(check, one.group, groups, one.vector.present)
    filled_many, filled_one = many, one
    if matching.fill_left is not None:
        labels = match_labels(one.vector.labels, matching)
        missing = have_one & ~have_many
        filled_many = _with_fillers(many, one.group, labels, missing, matching.fill_left)
    if matching.fill_right is not None:
        labels = match_labels(many.vector.labels, matching)
        missing = have_many & ~have_one
        filled_one = _with_fillers(one, many.group, labels, missing, matching.fill_right)
    return filled_many, filled_one


def _with_fillers(
    side: Side, others: Int64s, labels: LabelFrame, missing: Bools, value: float
) -> Side:
    """One more row for each group of `others`, the rows that `labels` belong to."""
    groups, first = np.unique(others, return_index=True)
    present = missing[groups]
    filler = Vector(labels.take(first), np.full(present.shape, value), present)
    return Side(concat(side.vector, filler), np.concatenate((side.group, groups)))
