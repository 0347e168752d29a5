"""info(): series get the labels of the info series that describe the same target.

An info series describes the series that have its values of `instance` and `job`. Info series come
and go, so which one describes a series depends on the step; but most of the time it is one and the
same. What is found at each step for a target (a pair of instance and job) is therefore numbered,
as a `choice` of one info series per info metric, and labels are worked out once for each choice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.go_format import format_labels
from api.promql.syntax.info_selector import InfoSelector
from api.promql.vectors.groups import Pairing, pair_rows
from api.promql.vectors.names import merge_equal_rows
from api.promql.vectors.natives import histogram_mask
from api.promql.vectors.rows import take_rows
from api.promql.vectors.value import Vector
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.labels.numbering import group_rows

IDENTIFYING = ("instance", "job")
NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of all targets: number: int64[targets, steps], the choice at each step;
    target: that of each choice; rows: int64[choices, info metrics], an info series or NO_ROW."""

    number: Int64s
    target: Int64s
    rows: Int64s


def enrich(context: Context, base: Vector, info: Vector, selector: InfoSelector) -> Vector:
    """The base vector with the labels of the info series that are present at the same step.

    info: its values are the times of the samples in seconds; the newest of several series counts.
    Raises ExecutionError if two info series of one metric and target are equally new, or if those
    of two metrics disagree about a label.
    """
    base = _of_rows(base, np.flatnonzero(base.present.any(axis=1)))
    is_info = _info_rows(base.labels, selector)
    info = _of_rows(info, _identified(base.labels, ~is_info, info.labels))
    _check_floats(info)
    base_target, info_target, targets = _targets(base.labels, info.labels)
    # Info series are not enriched themselves: theirs is one more target, which none describes.
    base_target = np.where(is_info, targets, base_target)
    choices = _choose(context, base, info, info_target, targets + 1)
    pairing = pair_rows(base_target, choices.target, targets + 1)
    context.charge(len(pairing.many) * len(context.steps))
    result = _of_rows(base, pairing.many)
    at_choice = choices.number[base_target[pairing.many]] == pairing.one[:, np.newaxis]
    present = result.present & at_choice
    if not selector.may_be_missing():
        unknown = (choices.rows == NO_ROW).all(axis=1)[pairing.one] & ~is_info[pairing.many]
        present[unknown] = False
    labels = _with_info(result.labels, info.labels, choices, pairing, selector)
    return merge_equal_rows(replace(result, labels=labels, present=present))


def _check_floats(info: Vector) -> None:
    rows = np.flatnonzero(histogram_mask(info).any(axis=1))
    if len(rows):
        shown = format_labels(info.labels.labelset(int(rows[0])))
        raise ExecutionError(f"this should be an info metric, with float samples: {shown}")


def _of_rows(vector: Vector, rows: Int64s) -> Vector:
    if len(rows) == vector.labels.rows and bool((rows == np.arange(len(rows))).all()):
        return vector
    return take_rows(vector, rows)


def _info_rows(labels: LabelFrame, selector: InfoSelector) -> Bools:
    """Which rows are info series."""
    codes, inverse = np.unique(labels.column(METRIC_NAME), return_inverse=True)
    are_info = [selector.is_info(text) for text in labels.symbols.texts(codes)]
    return np.array(are_info, np.bool_)[inverse]


def _identified(base: LabelFrame, enriched: Bools, info: LabelFrame) -> Int64s:
    """The info rows that have, of each identifying label in use, a value that is in use."""
    passes = [
        np.isin(info.column(name), base.column(name)[enriched]) & (info.column(name) != 0)
        for name in _used_labels(base, enriched)
    ]
    if not passes:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.logical_and.reduce(passes))


def _used_labels(base: LabelFrame, enriched: Bools) -> list[str]:
    return [name for name in IDENTIFYING if base.column(name)[enriched].any()]


def _targets(base: LabelFrame, info: LabelFrame) -> tuple[Int64s, Int64s, int]:
    """The target of each row of both frames, and how many there are."""
    both = np.concatenate((base.matrix(IDENTIFYING), info.matrix(IDENTIFYING)))
    target, first = group_rows(both)
    return target[: base.rows], target[base.rows :], len(first)


def _choose(
    context: Context, base: Vector, info: Vector, info_target: Int64s, targets: int
) -> Choices:
    """What is known about each target at each step."""
    steps = len(context.steps)
    metric, first = info.labels.group((METRIC_NAME,))
    context.charge(targets * steps * (1 + len(first)))
    keys = np.stack((info_target, metric), axis=1).astype(np.int32)
    group, first_of_group = group_rows(keys)
    needed = np.asarray(base.present.any(axis=0))
    newest, a, b = newest_rows(group, len(first_of_group), info.values, info.present, needed)
    if a != NO_ROW:
        raise _duplicate(info, a, b)
    rows = np.full((targets, steps, len(first)), NO_ROW, np.int64)
    rows[info_target[first_of_group], :, metric[first_of_group]] = newest
    cells = np.empty((targets * steps, 1 + len(first)), np.int32)
    cells[:, 0] = np.repeat(np.arange(targets), steps)
    cells[:, 1:] = rows.reshape(targets * steps, len(first))
    number, first_cell = group_rows(cells)
    return Choices(
        number.reshape(targets, steps),
        cells[first_cell, 0].astype(np.int64),
        cells[first_cell, 1:].astype(np.int64),
    )


def _duplicate(info: Vector, a: int, b: int) -> ExecutionError:
    """The error about two info series of one target that are present at the same time."""
    both = info.present[a] & info.present[b] & (info.values[a] == info.values[b])
    time_ms = round(float(info.values[a][both][0]) * 1000)
    shown = [format_labels(info.labels.labelset(row)) for row in (a, b)]
    return ExecutionError(
        f"found duplicate series for info metric: existing {shown[0]} @ {time_ms}, "
        f"new {shown[1]} @ {time_ms}"
    )


def _with_info(
    labels: LabelFrame, info: LabelFrame, choices: Choices, pairing: Pairing, selector: InfoSelector
) -> LabelFrame:
    """The labels of each pair of a row and a choice: the row's own, then those of the choice."""
    for name in filter(selector.takes, info.names):
        column = info.column(name)
        found = np.zeros(len(choices.rows), np.int32)
        clash = np.zeros(len(choices.rows), np.bool_)
        for rows in choices.rows.T:
            codes = np.where(rows == NO_ROW, 0, column[rows])
            clash |= (found != 0) & (codes != 0) & (found != codes)
            found = np.where(found == 0, codes, found)
        own = labels.column(name)
        if (clash[pairing.one] & (own == 0)).any():
            raise ExecutionError(f"conflicting label: {name}")
        merged = np.where(own != 0, own, found[pairing.one]).astype(np.int32)
        labels = labels.with_column(name, merged)
    return labels


@kernel
def newest_rows(
    group: Int64s, groups: int, times: Float64s, present: Bools, needed: Bools
) -> tuple[Int64s, int, int]:
    """The row of each group with the newest sample at each needed step, or -1.

    Also the first two rows that are equally new when they meet, in the order of the rows; -1, -1
    if none are.
    """
    newest = np.full((groups, present.shape[1]), -1, np.int64)
    for k in range(present.shape[1]):
        if not needed[k]:
            continue
        for i in range(present.shape[0]):
            if not present[i, k]:
                continue
            known = newest[group[i], k]
            if known >= 0 and times[known, k] == times[i, k]:
                return newest, known, i
            if known < 0 or times[known, k] < times[i, k]:
                newest[group[i], k] = i
    return newest, -1, -1
