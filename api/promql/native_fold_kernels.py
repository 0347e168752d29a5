"""The kernel that folds rows of native histograms into one histogram per group.

A group is a list of rows with a factor each: 1 adds, -1 subtracts, 0 only takes over custom bounds
(the zero that a counter was reset to). The first row is where the group begins, in a schema no
finer than the group's cap.
"""

from typing import NamedTuple

import numpy as np

from api.promql.native_state import (
    BOUND_COUNT,
    HINT,
    LENGTHS,
    SCHEMA,
    THRESHOLD,
    State,
    add_row,
    copied,
    load,
    new_state,
    reduce_state,
    roomy,
    row_length,
)
from storage.histograms import Columns
from storage.kernel import float_kernel
from storage.samples import (
    CUSTOM_SCHEMA,
    HINT_NOT_RESET,
    HINT_RESET,
    Float64s,
    Int8s,
    Int32s,
    Int64s,
)

# How a group is folded: plain sums, compensated sums, or means of compensated sums.
PLAIN, EXACT, MEAN = range(3)
# What is noted of a group, as bits.
INCOMPATIBLE, RECONCILED_ADD, RECONCILED_SUB, HINT_CONFLICT = 1, 2, 4, 8
NO_CAP = 127


class Output(NamedTuple):
    """The columns of the result; those of buckets and bounds grow and may be longer than used."""

    schemas: Int8s
    hints: Int8s
    numbers: Float64s  # [4, groups]
    offsets: Int64s  # [3, groups + 1]: positive, negative, bounds
    indexes: Int32s  # [2, room]
    values: Float64s  # [3, room]


@float_kernel
def new_output(groups: int, room: int) -> Output:
    return Output(
        np.zeros(groups, np.int8),
        np.zeros(groups, np.int8),
        np.zeros((4, groups)),
        np.zeros((3, groups + 1), np.int64),
        np.empty((2, room), np.int32),
        np.empty((3, room)),
    )


@float_kernel
def roomy_output(out: Output, used: int, needed: int) -> Output:
    """The output with room for that many items of each kind more."""
    if used + needed <= out.values.shape[1]:
        return out
    room = 2 * (used + needed)
    indexes, values = np.empty((2, room), np.int32), np.empty((3, room))
    for j in range(used):
        indexes[0, j], indexes[1, j] = out.indexes[0, j], out.indexes[1, j]
        for k in range(3):
            values[k, j] = out.values[k, j]
    return Output(out.schemas, out.hints, out.numbers, out.offsets, indexes, values)


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
        out.values[2, place + j] = s.bounds[j]
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
    c: Columns, rows: Int64s, exact: bool, state: State, staged: State
) -> tuple[State, bool]:
    """The mean of a group whose sum overflows: a running mean from where it does.

    exact is true; a constant there would have everything compiled once more.

    Returns the state, and whether it is the mean already and no sum.
    """
    s, running = state, False
    load(c, rows[0], 1.0, s)
    for i in range(1, len(rows)):
        row, count = rows[i], i + 1.0
        if not is_compatible(s, c, row):
            continue
        s = roomy(s, c, row)
        if not running:
            before = copied(s, s.values.shape[1])
            add_row(s, c, row, 1.0, 1.0, exact, staged)
            if not overflows(s, not exact):
                continue
            s, running = before, True
            scale(s, 1.0, count - 1.0)
        scale(s, (count - 1.0) / count, 1.0)
        add_row(s, c, row, 1.0, count, exact, staged)
    return s, running


@float_kernel
def sum_rows(
    c: Columns, rows: Int64s, factors: Float64s, cap: int, exact: bool, state: State, staged: State
) -> tuple[State, int]:
    """(the sum of the rows of a group, its notes)."""
    s, notes = state, 0
    load(c, rows[0], factors[0], s)
    if cap < s.whole[SCHEMA]:
        reduce_state(s, cap, exact)
    reset_seen = c.hints[rows[0]] == HINT_RESET
    not_reset_seen = c.hints[rows[0]] == HINT_NOT_RESET
    for i in range(1, len(rows)):
        row = rows[i]
        if not is_compatible(s, c, row):
            notes |= INCOMPATIBLE
            continue
        reset_seen |= c.hints[row] == HINT_RESET
        not_reset_seen |= c.hints[row] == HINT_NOT_RESET
        s = roomy(s, c, row)
        if add_row(s, c, row, factors[i], 1.0, exact, staged):
            notes |= RECONCILED_ADD if factors[i] > 0 else RECONCILED_SUB
    if reset_seen and not_reset_seen:
        notes |= HINT_CONFLICT
    return s, notes


@float_kernel
def scratch_of(c: Columns, rows: Int64s) -> tuple[State, State]:
    """A state to sum in, and one to stage any of the rows in."""
    longest = bounds = 0
    for k in range(len(rows)):
        row = rows[k]
        longest = max(longest, row_length(c, row))
        bounds = max(bounds, c.bound_offsets[row + 1] - c.bound_offsets[row])
    return new_state(2 * longest + bounds + 1, bounds), new_state(longest, 0)


@float_kernel
def fold_histograms(
    mode: int, c: Columns, offsets: Int64s, rows: Int64s, factors: Float64s, caps: Int64s
) -> tuple[Output, Int64s]:
    """(the folded histograms, the notes of each), of groups of rows offsets[g]:offsets[g + 1].

    A group without rows, or with incompatible ones, gives an empty histogram.
    """
    groups = len(offsets) - 1
    notes = np.zeros(groups, np.int64)
    s, staged = scratch_of(c, rows)
    out = new_output(groups, 2 * len(s.bounds) + s.values.shape[1])
    for g in range(groups):
        low, high = offsets[g], offsets[g + 1]
        for kind in range(3):
            out.offsets[kind, g + 1] = out.offsets[kind, g]
        if low == high:
            continue
        own = rows[low:high]
        s, notes[g] = sum_rows(c, own, factors[low:high], caps[g], mode != PLAIN, s, staged)
        if notes[g] & INCOMPATIBLE:
            continue
        exact = mode != PLAIN and high - low > 1
        divisor = float(high - low) if mode == MEAN else 1.0
        if mode == MEAN and overflows(s, mode != PLAIN):
            s, running = running_mean(c, own, mode != PLAIN, s, staged)
            divisor = 1.0 if running else divisor
        used = max(out.offsets[0, g], out.offsets[1, g], out.offsets[2, g])
        needed = max(s.whole[LENGTHS], s.whole[LENGTHS + 1], s.whole[BOUND_COUNT])
        out = roomy_output(out, used, needed)
        put(out, g, s, divisor, exact)
    return out, notes
