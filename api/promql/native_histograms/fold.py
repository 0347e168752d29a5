"""The kernel that folds rows of native histograms into one histogram per group.

A group is a list of rows with a factor each: 1 adds, -1 subtracts, 0 only takes over custom bounds
(the zero that a counter was reset to). The first row is where the group begins, in a schema no
finer than the group's cap.
"""

from typing import NamedTuple

import numpy as np

from api.promql.native_histograms.state import (
    BOUND_COUNT,
    HINT,
    LENGTHS,
    SCHEMA,
    THRESHOLD,
    State,
    add_row,
    copy_state,
    load,
    new_state,
    reduce_state,
    room_for,
    row_length,
)
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_NOT_RESET, HINT_RESET
from storage.histograms.histograms import Columns
from storage.kernels.arrays import Float64s, Int8s, Int32s, Int64s
from storage.kernels.jit import float_kernel

# How a group is folded: plain sums, compensated sums, or means of compensated sums.
PLAIN, EXACT, MEAN = range(3)
# What is noted of a group, as bits.
INCOMPATIBLE, RECONCILED_ADD, RECONCILED_SUB, HINT_CONFLICT = 1, 2, 4, 8
NO_CAP = 127


class Output(NamedTuple):
    """The columns of the result; those of buckets and bounds may be longer than what is used."""

    schemas: Int8s
    hints: Int8s
    numbers: Float64s  # [4, groups]
    offsets: Int64s  # [3, groups + 1]: positive, negative, bounds
    indexes: Int32s  # [2, room]
    values: Float64s  # [2, room]
    bounds: Float64s


@float_kernel
def put(out: Output, g: int, s: State, divisor: float, exact: bool) -> None:
    """Write a finished sum, divided and with what its roundings lost, as histogram g."""
    out.schemas[g], out.hints[g] = s.whole[SCHEMA], s.whole[HINT]
    for k in range(4):
        value = s.numbers[k]
        if k != THRESHOLD:
            value /= divisor
            value = value + s.numbers_lost[k] / divisor if exact else value
        out.numbers[k, g] = value
    for side in range(2):
        place = out.offsets[side, g]
        for j in range(s.whole[LENGTHS + side]):
            value = s.values[side, j] / divisor
            value = value + s.lost[side, j] / divisor if exact else value
            if value != 0:
                out.indexes[side, place], out.values[side, place] = s.indexes[side, j], value
                place += 1
        out.offsets[side, g + 1] = place
    place = out.offsets[2, g]
    for j in range(s.whole[BOUND_COUNT]):
        out.bounds[place + j] = s.bounds[j]
    out.offsets[2, g + 1] = place + s.whole[BOUND_COUNT]


@float_kernel
def overflows(s: State, lenient: bool) -> bool:
    """Whether any number is infinite; or NaN, if lenient, which two infinities can come to."""
    for k in range(3):
        if abs(s.numbers[k]) == np.inf or (lenient and np.isnan(s.numbers[k])):
            return True
    for side in range(2):
        for j in range(s.whole[LENGTHS + side]):
            value = s.values[side, j]
            if abs(value) == np.inf or (lenient and np.isnan(value)):
                return True
    return False


@float_kernel
def scale(s: State, factor: float, divisor: float) -> None:
    """Multiply and divide the sum, and what it lost."""
    for k in range(3):
        s.numbers[k] = s.numbers[k] * factor / divisor
        s.numbers_lost[k] = s.numbers_lost[k] * factor / divisor
    for side in range(2):
        for j in range(s.whole[LENGTHS + side]):
            s.values[side, j] = s.values[side, j] * factor / divisor
            s.lost[side, j] = s.lost[side, j] * factor / divisor


@float_kernel
def is_compatible(s: State, c: Columns, row: int) -> bool:
    """Histograms with custom buckets and others do not add up."""
    return bool((s.whole[SCHEMA] == CUSTOM_SCHEMA) == (c.schemas[row] == CUSTOM_SCHEMA))


@float_kernel
def running_mean(
    c: Columns, rows: Int64s, exact: bool, s: State, before: State, staged: State
) -> bool:
    """Make s the mean of a group whose sum overflows: a running mean from where it does.

    Returns whether it is the mean already and no sum. exact is true; a constant there would have
    everything compiled once more. before, staged: scratch.
    """
    running = False
    load(c, rows[0], 1.0, s)
    for i in range(1, len(rows)):
        row, count = rows[i], i + 1.0
        if not is_compatible(s, c, row):
            continue
        if not running:
            copy_state(s, before)
            add_row(s, c, row, 1.0, 1.0, exact, staged)
            if not overflows(s, not exact):
                continue
            running = True
            copy_state(before, s)
            scale(s, 1.0, count - 1.0)
        scale(s, (count - 1.0) / count, 1.0)
        add_row(s, c, row, 1.0, count, exact, staged)
    return running


@float_kernel
def sum_rows(
    c: Columns, rows: Int64s, factors: Float64s, cap: int, exact: bool, s: State, staged: State
) -> int:
    """Make s the sum of the rows of a group; returns the notes."""
    notes = 0
    load(c, rows[0], factors[0], s)
    if cap < s.whole[SCHEMA]:
        reduce_state(s, cap, exact)
    reset_seen = c.hints[rows[0]] == HINT_RESET
    not_reset_seen = c.hints[rows[0]] == HINT_NOT_RESET
    for i in range(1, len(rows)):
        row = rows[i]
        if not is_compatible(s, c, row):
            notes |= INCOMPATIBLE
            break
        reset_seen |= c.hints[row] == HINT_RESET
        not_reset_seen |= c.hints[row] == HINT_NOT_RESET
        if add_row(s, c, row, factors[i], 1.0, exact, staged):
            notes |= RECONCILED_ADD if factors[i] > 0 else RECONCILED_SUB
    if reset_seen and not_reset_seen:
        notes |= HINT_CONFLICT
    return notes


@float_kernel
def rooms_for(c: Columns, offsets: Int64s, rows: Int64s) -> tuple[int, int, int, int]:
    """The most buckets of a group and of all groups, the most buckets and bounds of a row."""
    room = rooms = longest = bounds = 0
    for g in range(len(offsets) - 1):
        needed = room_for(c, rows[offsets[g] : offsets[g + 1]])
        room, rooms = max(room, needed), rooms + needed
    for k in range(len(rows)):
        longest = max(longest, row_length(c, rows[k]))
        bounds = max(bounds, c.bound_offsets[rows[k] + 1] - c.bound_offsets[rows[k]])
    return room, rooms, longest, bounds


@float_kernel
def new_output(c: Columns, offsets: Int64s, rows: Int64s, room: int) -> Output:
    """room: for the buckets of all groups; of bounds, each has those of its first row at most."""
    groups, bounds = len(offsets) - 1, 0
    for g in range(groups):
        if offsets[g + 1] > offsets[g]:
            row = rows[offsets[g]]
            bounds += c.bound_offsets[row + 1] - c.bound_offsets[row]
    return Output(
        np.zeros(groups, np.int8),
        np.zeros(groups, np.int8),
        np.zeros((4, groups)),
        np.zeros((3, groups + 1), np.int64),
        np.empty((2, room), np.int32),
        np.empty((2, room)),
        np.empty(bounds),
    )


@float_kernel
def fold_histograms(
    mode: int, c: Columns, offsets: Int64s, rows: Int64s, factors: Float64s, caps: Int64s
) -> tuple[Output, Int64s]:
    """(the folded histograms, the notes of each), of groups of rows offsets[g]:offsets[g + 1].

    A group without rows, or with incompatible ones, gives an empty histogram.
    """
    groups = len(offsets) - 1
    notes = np.zeros(groups, np.int64)
    room, rooms, longest, bounds = rooms_for(c, offsets, rows)
    s, staged = new_state(room, bounds), new_state(longest, 0)
    before = new_state(room if mode == MEAN else 0, bounds)
    out = new_output(c, offsets, rows, rooms)
    for g in range(groups):
        low, high = offsets[g], offsets[g + 1]
        for kind in range(3):
            out.offsets[kind, g + 1] = out.offsets[kind, g]
        if low == high:
            continue
        own = rows[low:high]
        notes[g] = sum_rows(c, own, factors[low:high], caps[g], mode != PLAIN, s, staged)
        if notes[g] & INCOMPATIBLE:
            continue
        exact = mode != PLAIN and high - low > 1
        divisor = float(high - low) if mode == MEAN else 1.0
        if mode == MEAN and overflows(s, mode != PLAIN):
            running = running_mean(c, own, mode != PLAIN, s, before, staged)
            divisor = 1.0 if running else divisor
        put(out, g, s, divisor, exact)
    return out, notes
