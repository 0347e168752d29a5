"""The running sum of native histograms: the kernels that add one histogram to it.

A sum is a sparse histogram under construction. Each of its numbers comes with what its roundings
lost (Neumaier's compensation); a plain sum leaves that at zero. Before two histograms are added,
the zero bucket of each gets as wide as that of the other, and the finer schema as coarse as the
other; custom buckets are merged between the bounds that both have.

The order of floating-point operations is that of Prometheus, so that results agree to the last bit.
"""

from typing import NamedTuple

import numpy as np

from api.promql.parts import compensated
from storage.histograms.buckets import bound_of, reduced_index
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE, HINT_UNKNOWN
from storage.histograms.histograms import Columns
from storage.histograms.resets import widened_zero
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.kernels.jit import float_kernel, float_kernel_part

# Places in State.numbers, and in State.whole: the counts of buckets of the two sides come last.
COUNT, SUM, ZERO, THRESHOLD = range(4)
SCHEMA, HINT, BOUND_COUNT, LENGTHS = range(4)
POSITIVE, NEGATIVE = range(2)


class State(NamedTuple):
    """A histogram under construction. Arrays may be longer than what they hold."""

    numbers: Float64s
    numbers_lost: Float64s
    whole: Int64s
    indexes: Int32s  # [side, place]
    values: Float64s
    lost: Float64s
    bounds: Float64s


@float_kernel
def new_state(room: int, bounds: int) -> State:
    """room: for buckets of each side."""
    return State(
        np.zeros(4),
        np.zeros(4),
        np.zeros(5, np.int64),
        np.empty((2, room), np.int32),
        np.empty((2, room)),
        np.empty((2, room)),
        np.empty(bounds),
    )


@float_kernel
def copy_state(s: State, out: State) -> None:
    """Make out, which has the room, the same as s.

    Item by item: assigning slices would compile for seconds, error texts about shapes included.
    """
    for k in range(len(s.numbers)):
        out.numbers[k], out.numbers_lost[k] = s.numbers[k], s.numbers_lost[k]
    for k in range(len(s.whole)):
        out.whole[k] = s.whole[k]
    for k in range(s.whole[BOUND_COUNT]):
        out.bounds[k] = s.bounds[k]
    for side in range(2):
        for j in range(s.whole[LENGTHS + side]):
            out.indexes[side, j] = s.indexes[side, j]
            out.values[side, j] = s.values[side, j]
            out.lost[side, j] = s.lost[side, j]


@float_kernel
def row_length(c: Columns, row: int) -> int:
    """How many buckets the longer side of a histogram has."""
    positive = c.positive_offsets[row + 1] - c.positive_offsets[row]
    negative = c.negative_offsets[row + 1] - c.negative_offsets[row]
    return int(max(positive, negative))


@float_kernel
def room_for(c: Columns, rows: Int64s) -> int:
    """How many buckets a side of the sum of these rows has at most: not more than they have, and
    not more than there are indexes, which only get closer to zero in coarser schemas."""
    total, lowest, highest = 0, 0, 1
    for k in range(len(rows)):
        row = rows[k]
        total += row_length(c, row)
        if c.positive_offsets[row + 1] > c.positive_offsets[row]:
            lowest = min(lowest, c.positive_indexes[c.positive_offsets[row]])
            highest = max(highest, c.positive_indexes[c.positive_offsets[row + 1] - 1])
        if c.negative_offsets[row + 1] > c.negative_offsets[row]:
            lowest = min(lowest, c.negative_indexes[c.negative_offsets[row]])
            highest = max(highest, c.negative_indexes[c.negative_offsets[row + 1] - 1])
    return int(min(total, highest - lowest + 1))


@float_kernel
def load(c: Columns, row: int, factor: float, s: State) -> None:
    """Begin with this histogram times a number; the state has the room."""
    s.numbers[COUNT], s.numbers[SUM] = c.counts[row] * factor, c.sums[row] * factor
    s.numbers[ZERO], s.numbers[THRESHOLD] = c.zero_counts[row] * factor, c.zero_thresholds[row]
    for k in range(len(s.numbers)):
        s.numbers_lost[k] = 0.0
    s.whole[SCHEMA], s.whole[HINT] = c.schemas[row], c.hints[row]
    first = c.bound_offsets[row]
    s.whole[BOUND_COUNT] = c.bound_offsets[row + 1] - first
    for j in range(s.whole[BOUND_COUNT]):
        s.bounds[j] = c.bounds[first + j]
    for side in range(2):
        offsets = c.positive_offsets if side == POSITIVE else c.negative_offsets
        indexes = c.positive_indexes if side == POSITIVE else c.negative_indexes
        counts = c.positive_counts if side == POSITIVE else c.negative_counts
        first = offsets[row]
        s.whole[LENGTHS + side] = offsets[row + 1] - first
        for j in range(offsets[row + 1] - first):
            s.indexes[side, j] = indexes[first + j]
            s.values[side, j] = counts[first + j] * factor
            s.lost[side, j] = 0.0


@float_kernel
def reduce_state(s: State, schema: int, exact: bool) -> None:
    """Make the sum coarser. exact: with compensation."""
    shift = s.whole[SCHEMA] - schema
    s.whole[SCHEMA] = schema
    for side in range(2):
        n = 0
        indexes, values, lost = s.indexes[side], s.values[side], s.lost[side]
        for j in range(s.whole[LENGTHS + side]):
            index = reduced_index(indexes[j], shift)
            if n == 0 or indexes[n - 1] != index:
                indexes[n], values[n], lost[n] = index, values[j], lost[j]
                n += 1
            elif exact:
                total, rest = compensated(values[j], values[n - 1], lost[n - 1])
                values[n - 1], lost[n - 1] = compensated(lost[j], total, rest)
            else:
                values[n - 1] += values[j]
        s.whole[LENGTHS + side] = n


@float_kernel
def swallow(s: State, side: int, threshold: float, exact: bool, zero: Float64s) -> float:
    """Add the buckets of a side below a threshold to zero = (count, lost).

    Returns the threshold, or the bound of the bucket that it would cut in two.
    """
    schema = s.whole[SCHEMA]
    for j in range(s.whole[LENGTHS + side]):
        index = int(s.indexes[side, j])
        if bound_of(index - 1, schema) >= threshold:
            break
        if exact:
            zero[0], zero[1] = compensated(s.values[side, j], zero[0], zero[1])
            zero[0], zero[1] = compensated(s.lost[side, j], zero[0], zero[1])
        else:
            zero[0] += s.values[side, j]
        if bound_of(index, schema) > threshold:
            return bound_of(index, schema) if s.values[side, j] != 0 else threshold
    return threshold


@float_kernel
def widen_state(s: State, threshold: float, exact: bool) -> None:
    """Make the zero bucket of the sum at least this wide; buckets inside it go."""
    zero = np.empty(2)
    while True:
        zero[0], zero[1] = s.numbers[ZERO], s.numbers_lost[ZERO]
        threshold = swallow(s, POSITIVE, threshold, exact, zero)
        wider = swallow(s, NEGATIVE, threshold, exact, zero)
        if wider == threshold:
            break
        # What was said of the positive buckets holds no longer.
        threshold = wider
    s.numbers[ZERO], s.numbers_lost[ZERO] = zero[0], zero[1]
    s.numbers[THRESHOLD] = threshold
    for side in range(2):
        n, gone = s.whole[LENGTHS + side], 0
        while gone < n and bound_of(int(s.indexes[side, gone]) - 1, s.whole[SCHEMA]) < threshold:
            gone += 1
        for j in range(gone, n):
            s.indexes[side, j - gone] = s.indexes[side, j]
            s.values[side, j - gone] = s.values[side, j]
            s.lost[side, j - gone] = s.lost[side, j]
        s.whole[LENGTHS + side] = n - gone


@float_kernel
def stage(
    c: Columns, row: int, side: int, factor: float, divisor: float, s: State, staged: State
) -> int:
    """Put the buckets of a row in the schema of the sum, multiplied and divided; returns how many.

    Those within the zero bucket are left out.
    """
    offsets = c.positive_offsets if side == POSITIVE else c.negative_offsets
    indexes = c.positive_indexes if side == POSITIVE else c.negative_indexes
    counts = c.positive_counts if side == POSITIVE else c.negative_counts
    schema, threshold = s.whole[SCHEMA], s.numbers[THRESHOLD]
    shift = c.schemas[row] - schema
    n = 0
    for j in range(offsets[row], offsets[row + 1]):
        index = indexes[j] if shift == 0 else reduced_index(indexes[j], shift)
        value = counts[j] / divisor
        if n > 0 and staged.indexes[side, n - 1] == index:
            staged.values[side, n - 1] += value
        else:
            staged.indexes[side, n], staged.values[side, n] = index, value
            n += 1
    skipped = 0
    if schema != CUSTOM_SCHEMA:
        while skipped < n and bound_of(int(staged.indexes[side, skipped]), schema) <= threshold:
            skipped += 1
    for j in range(skipped, n):
        staged.indexes[side, j - skipped] = staged.indexes[side, j]
        staged.values[side, j - skipped] = staged.values[side, j] * factor
    return n - skipped


@float_kernel
def merge(s: State, side: int, staged: State, m: int, exact: bool) -> None:
    """Add m staged buckets to the sum. Those that it lacks are put in from behind."""
    indexes, values, lost = s.indexes[side], s.values[side], s.lost[side]
    new_indexes, new_values = staged.indexes[side], staged.values[side]
    n = s.whole[LENGTHS + side]
    i = missing = 0
    for j in range(m):
        while i < n and indexes[i] < new_indexes[j]:
            i += 1
        if i == n or indexes[i] != new_indexes[j]:
            missing += 1
        elif exact:
            values[i], lost[i] = compensated(new_values[j], values[i], lost[i])
        else:
            values[i] += new_values[j]
    s.whole[LENGTHS + side] = n + missing
    i, j = n - 1, m - 1
    while missing > 0:
        place = i + missing
        if i >= 0 and indexes[i] >= new_indexes[j]:
            j -= 1 if indexes[i] == new_indexes[j] else 0
            indexes[place], values[place], lost[place] = indexes[i], values[i], lost[i]
            i -= 1
        else:
            indexes[place], values[place], lost[place] = new_indexes[j], new_values[j], 0.0
            j -= 1
            missing -= 1


@float_kernel
def same_bounds(s: State, c: Columns, row: int) -> bool:
    first = c.bound_offsets[row]
    if c.bound_offsets[row + 1] - first != s.whole[BOUND_COUNT]:
        return False
    j = 0
    while j < s.whole[BOUND_COUNT] and s.bounds[j] == c.bounds[first + j]:
        j += 1
    return bool(j == s.whole[BOUND_COUNT])


@float_kernel
def intersect_bounds(s: State, c: Columns, row: int) -> None:
    """Leave in the sum the bounds that the row has as well."""
    n, i, j = 0, 0, c.bound_offsets[row]
    while i < s.whole[BOUND_COUNT] and j < c.bound_offsets[row + 1]:
        if s.bounds[i] == c.bounds[j]:
            s.bounds[n] = s.bounds[i]
            n += 1
            i += 1
            j += 1
        elif s.bounds[i] < c.bounds[j]:
            i += 1
        else:
            j += 1
    s.whole[BOUND_COUNT] = n


@float_kernel
def add_over_common_bounds(
    s: State, c: Columns, row: int, factor: float, divisor: float, exact: bool
) -> None:
    """Add a histogram with other custom bounds: buckets are merged between the common ones."""
    n = s.whole[BOUND_COUNT]
    old = s.bounds[:n].copy()
    intersect_bounds(s, c, row)
    common = s.whole[BOUND_COUNT]
    values, lost = np.zeros(common + 1), np.zeros(common + 1)
    t = 0
    for j in range(s.whole[LENGTHS]):
        index = s.indexes[0, j]
        bound = old[index] if index < n else np.inf
        while t < common and s.bounds[t] < bound:
            t += 1
        if exact:
            values[t], lost[t] = compensated(s.values[0, j], values[t], lost[t])
            values[t], lost[t] = compensated(s.lost[0, j], values[t], lost[t])
        else:
            values[t] += s.values[0, j]
    t, first, length = 0, c.bound_offsets[row], c.bound_offsets[row + 1] - c.bound_offsets[row]
    end = c.positive_offsets[row] if factor == 0.0 else c.positive_offsets[row + 1]
    for j in range(c.positive_offsets[row], end):
        index = c.positive_indexes[j]
        bound = c.bounds[first + index] if index < length else np.inf
        while t < common and s.bounds[t] < bound:
            t += 1
        value = c.positive_counts[j] / divisor * factor
        if exact:
            values[t], lost[t] = compensated(value, values[t], lost[t])
        else:
            values[t] += value
    m = 0
    for t in range(common + 1):
        if values[t] != 0 or lost[t] != 0:
            s.indexes[0, m], s.values[0, m], s.lost[0, m] = t, values[t], lost[t]
            m += 1
    s.whole[LENGTHS] = m


@float_kernel_part
def merged_hint(a: int, b: int) -> int:
    """What is known of a sum: a gauge makes it one, and differing claims cancel out."""
    if a == b:
        return a
    return HINT_GAUGE if a == HINT_GAUGE or b == HINT_GAUGE else HINT_UNKNOWN


@float_kernel
def common_zero(s: State, c: Columns, row: int, exact: bool) -> float:
    """Give the sum and a row zero buckets of one width; returns the row's count in its own."""
    count, threshold = c.zero_counts[row], c.zero_thresholds[row]
    while threshold < s.numbers[THRESHOLD] or threshold > s.numbers[THRESHOLD]:
        if threshold < s.numbers[THRESHOLD]:
            count, threshold = widened_zero(c, row, s.numbers[THRESHOLD])
        if threshold > s.numbers[THRESHOLD]:
            widen_state(s, threshold, exact)
    return float(count)


@float_kernel
def add_row(
    s: State, c: Columns, row: int, factor: float, divisor: float, exact: bool, staged: State
) -> bool:
    """Add a histogram, divided and multiplied by numbers, to the sum, which has the room.

    Both have custom buckets or neither has. A factor of 0 only takes over the custom bounds.
    Returns whether custom bounds had to be reconciled.
    """
    custom = s.whole[SCHEMA] == CUSTOM_SCHEMA
    differ = custom and not same_bounds(s, c, row)
    if factor == 0.0:
        if differ:
            add_over_common_bounds(s, c, row, factor, divisor, exact)
        return differ
    s.whole[HINT] = merged_hint(s.whole[HINT], int(c.hints[row]))
    zero = 0.0 if custom else common_zero(s, c, row, exact)
    added = (c.counts[row], c.sums[row], zero)
    for k in range(3):
        value = added[k] / divisor * factor
        if exact:
            s.numbers[k], s.numbers_lost[k] = compensated(value, s.numbers[k], s.numbers_lost[k])
        else:
            s.numbers[k] += value
    if differ:
        add_over_common_bounds(s, c, row, factor, divisor, exact)
        return True
    schema = int(c.schemas[row])
    if not custom and schema < s.whole[SCHEMA]:
        reduce_state(s, schema, exact)
    for side in range(2):
        m = stage(c, row, side, factor, divisor, s, staged)
        merge(s, side, staged, m, exact)
    return False
