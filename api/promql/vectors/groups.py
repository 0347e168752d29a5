"""Rows in groups: which rows have equal labels, and the rows of each group one behind the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from api.promql.vectors.blocks import Check, blocks
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel


@dataclass(frozen=True, slots=True)
class Pairing:
    """Rows that meet: pair i is row many[i] of one side and row one[i] of the other."""

    many: Int64s
    one: Int64s


def pair_rows(many: Int64s, one: Int64s, groups: int) -> Pairing:
    """Every row of `many` with every row of `one` of the same group, ordered by `many`."""
    counts = np.bincount(one, minlength=groups)
    if len(counts) == 0 or counts.max() <= 1:
        row_of = np.full(groups, -1, np.int64)
        row_of[one] = np.arange(len(one))
        partner = row_of[many]
        rows = np.flatnonzero(partner >= 0)
        return Pairing(rows, partner[rows])
    by_group = np.argsort(one, kind="stable")
    starts = np.cumsum(counts) - counts
    times = counts[many]
    rows = np.repeat(np.arange(len(many)), times)
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    return Pairing(rows, by_group[starts[many[rows]] + nth])


@kernel
def rows_by_group(group: Int64s, groups: int) -> tuple[Int64s, Int64s]:
    """The rows of every group in order: group g has rows[offsets[g]:offsets[g + 1]]."""
    offsets = np.zeros(groups + 1, np.int64)
    for i in range(len(group)):
        offsets[group[i] + 1] += 1
    for g in range(groups):
        offsets[g + 1] += offsets[g]
    place = offsets[:-1].copy()
    rows = np.empty(len(group), np.int64)
    for i in range(len(group)):
        rows[place[group[i]]] = i
        place[group[i]] += 1
    return rows, offsets


def present_groups(check: Check, group: Int64s, groups: int, present: Bools) -> Bools:
    """Where a group has a present row. check: between blocks of rows."""
    out = np.zeros((groups, present.shape[1]), np.bool_)
    for rows in blocks(check, *present.shape):
        mark_groups_present(group[rows], present[rows], out)
    return out


@kernel
def mark_groups_present(group: Int64s, present: Bools, out: Bools) -> None:
    for i in range(present.shape[0]):
        cells, there = out[group[i]], present[i]
        for k in range(present.shape[1]):
            cells[k] |= there[k]


def join_rows(
    check: Check, group: Int64s, groups: int, values: Float64s, present: Bools
) -> tuple[Float64s, Bools]:
    """One row per group, with the cells of all its rows; where they overlap, of the last one.
    check: between blocks of rows."""
    out = np.zeros((groups, values.shape[1]))
    out_present = np.zeros((groups, values.shape[1]), np.bool_)
    for rows in blocks(check, *values.shape):
        join_more(group[rows], values[rows], present[rows], out, out_present)
    return out, out_present


@kernel
def join_more(
    group: Int64s, values: Float64s, present: Bools, out: Float64s, out_present: Bools
) -> None:
    for i in range(values.shape[0]):
        g = group[i]
        for k in range(values.shape[1]):
            if present[i, k]:
                out[g, k] = values[i, k]
                out_present[g, k] = True
