"""The kernels that aggregate and match the rows of vectors.

All of them see a vector as values float64[rows, steps] with its presence mask, and a grouping as
one int64 group number per row. Absent cells are never read. State arrays are [groups, steps]
and are changed in place, so that a vector can come in blocks of rows; the order of operations
within a cell is the order of the rows.
"""

import math

import numpy as np
from numpy.typing import NDArray

from storage.kernels.jit import kernel
from storage.samples.samples import Bools, Float64s, Int64s

UInt64s = NDArray[np.uint64]


@kernel
def add_sums(
    group: Int64s,
    values: Float64s,
    present: Bools,
    total: Float64s,
    lost: Float64s,
    count: Int64s,
    switched: Bools,
) -> None:
    """Neumaier's compensated sums; the sum is total + lost.

    total starts as -0.0, which leaves the first value as it is; lost is 0 once total is infinite.
    """
    for i in range(values.shape[0]):
        g = group[i]
        totals, losses, counts = total[g], lost[g], count[g]
        xs, there = values[i], present[i]
        for k in range(values.shape[1]):
            x = xs[k]
            s = totals[k]
            t = s + x
            rest = (s - t) + x if abs(s) >= abs(x) else (x - t) + s
            c = 0.0 if abs(t) == np.inf else losses[k] + rest
            totals[k] = t if there[k] else s
            losses[k] = c if there[k] else losses[k]
            counts[k] += there[k]


@kernel
def add_means(
    group: Int64s,
    values: Float64s,
    present: Bools,
    total: Float64s,
    lost: Float64s,
    count: Int64s,
    switched: Bools,
) -> None:
    """Compensated sums for averages; a cell whose sum would overflow switches to a running mean,
    which then is total + lost."""
    for i in range(values.shape[0]):
        g = group[i]
        totals, losses, counts, switches = total[g], lost[g], count[g], switched[g]
        xs, there = values[i], present[i]
        for k in range(values.shape[1]):
            if not there[k]:
                continue
            x = xs[k]
            counts[k] += 1
            n = float(counts[k])
            s = totals[k]
            if not switches[k]:
                t = s + x
                if n == 1.0 or abs(t) != np.inf:
                    losses[k] += (s - t) + x if abs(s) >= abs(x) else (x - t) + s
                    if n == 1.0:
                        losses[k] = 0.0
                    totals[k] = t
                    continue
                switches[k] = True
                s /= n - 1.0
                losses[k] /= n - 1.0
            weight = (n - 1.0) / n
            s, x = weight * s, x / n
            t = s + x
            if abs(t) == np.inf:
                losses[k] = 0.0
            elif abs(s) >= abs(x):
                losses[k] = weight * losses[k] + ((s - t) + x)
            else:
                losses[k] = weight * losses[k] + ((x - t) + s)
            totals[k] = t


@kernel
def add_minima(
    group: Int64s,
    values: Float64s,
    present: Bools,
    best: Float64s,
    unused: Float64s,
    count: Int64s,
    switched: Bools,
) -> None:
    """The smallest value; NaN only if there is nothing else. best starts as NaN."""
    for i in range(values.shape[0]):
        g = group[i]
        for k in range(values.shape[1]):
            if present[i, k]:
                count[g, k] += 1
                x = values[i, k]
                if x < best[g, k] or math.isnan(best[g, k]):
                    best[g, k] = x


@kernel
def add_maxima(
    group: Int64s,
    values: Float64s,
    present: Bools,
    best: Float64s,
    unused: Float64s,
    count: Int64s,
    switched: Bools,
) -> None:
    """The largest value; NaN only if there is nothing else. best starts as NaN."""
    for i in range(values.shape[0]):
        g = group[i]
        for k in range(values.shape[1]):
            if present[i, k]:
                count[g, k] += 1
                x = values[i, k]
                if x > best[g, k] or math.isnan(best[g, k]):
                    best[g, k] = x


@kernel
def add_counts(
    group: Int64s,
    values: Float64s,
    present: Bools,
    unused: Float64s,
    unused_too: Float64s,
    count: Int64s,
    switched: Bools,
) -> None:
    """How many rows of each group are present."""
    for i in range(values.shape[0]):
        counts, there = count[group[i]], present[i]
        for k in range(values.shape[1]):
            counts[k] += there[k]


@kernel
def add_variances(
    group: Int64s,
    values: Float64s,
    present: Bools,
    squares: Float64s,
    mean: Float64s,
    count: Int64s,
    switched: Bools,
) -> None:
    """Welford's running mean and sum of squared differences; NaN after an infinite first one."""
    for i in range(values.shape[0]):
        g = group[i]
        for k in range(values.shape[1]):
            if not present[i, k]:
                continue
            x = values[i, k]
            count[g, k] += 1
            if count[g, k] == 1:
                mean[g, k] = x
                squares[g, k] = 0.0 if math.isfinite(x) else np.nan
                continue
            delta = x - mean[g, k]
            mean[g, k] += delta / count[g, k]
            squares[g, k] += delta * (x - mean[g, k])


@kernel
def mark_groups(group: Int64s, marked: Bools, present: Bools, latest: Int64s, marks: Bools) -> None:
    """marks[g] = whether any row is marked of those that are present at the last step of group g.

    latest: that step of each group so far, -1 at first.
    """
    for i in range(present.shape[0]):
        g = group[i]
        last = present.shape[1] - 1
        while last >= 0 and not present[i, last]:
            last -= 1
        if last > latest[g]:
            latest[g] = last
            marks[g] = marked[i]
        elif last >= 0 and last == latest[g]:
            marks[g] |= marked[i]


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


@kernel
def select_rank(values: Float64s, rank: int) -> float:
    """The value that would stand at `rank` if `values` were sorted; there is no NaN among them.

    Hoare's selection: afterwards nothing before `rank` is larger, and nothing behind it smaller.
    """
    low, high = 0, len(values) - 1
    while low < high:
        middle = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < middle:
                i += 1
            while middle < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return float(values[rank])


@kernel
def quantile_of(values: Float64s, q: float) -> float:
    """The q-quantile by linear interpolation between ranks; NaN sorts before all numbers.

    Changes the order of `values`.
    """
    n = len(values)
    if n == 0 or math.isnan(q):
        return np.nan
    if q < 0:
        return -np.inf
    if q > 1:
        return np.inf
    nans = 0
    for i in range(n):
        if math.isnan(values[i]):
            values[i] = values[nans]
            values[nans] = np.nan
            nans += 1
    rank = q * (n - 1)
    low = int(math.floor(rank))
    high = min(n - 1, low + 1)
    weight = rank - math.floor(rank)
    numbers = values[nans:]
    below = select_rank(numbers, low - nans) if low >= nans else np.nan
    above = below
    if high > low:
        above = numbers[max(0, high - nans) :].min() if high >= nans else np.nan
    return float(below * (1 - weight) + above * weight)


@kernel
def group_quantiles(
    rows: Int64s, offsets: Int64s, values: Float64s, present: Bools, q: Float64s
) -> tuple[Float64s, Bools]:
    """The q[k]-quantile of every group at every step k; rows and offsets are of rows_by_group."""
    groups, steps = len(offsets) - 1, values.shape[1]
    out = np.zeros((groups, steps))
    out_present = np.zeros((groups, steps), np.bool_)
    for g in range(groups):
        size = offsets[g + 1] - offsets[g]
        columns = np.empty((steps, size))
        counts = np.zeros(steps, np.int64)
        for j in range(offsets[g], offsets[g + 1]):
            for k in range(steps):
                if present[rows[j], k]:
                    columns[k, counts[k]] = values[rows[j], k]
                    counts[k] += 1
        for k in range(steps):
            if counts[k] > 0:
                out[g, k] = quantile_of(columns[k, : counts[k]], q[k])
                out_present[g, k] = True
    return out, out_present


@kernel
def sinks_below(a: float, b: float) -> bool:
    """The order of the ranking heap: NaN is smallest."""
    return math.isnan(a) or a < b


@kernel
def sift_up(heap: Float64s, who: Int64s, j: int) -> None:
    """Restore the heap order from position j to the root."""
    while j > 0:
        i = (j - 1) // 2
        if not sinks_below(heap[j], heap[i]):
            break
        heap[i], heap[j] = heap[j], heap[i]
        who[i], who[j] = who[j], who[i]
        j = i


@kernel
def sift_down(heap: Float64s, who: Int64s, size: int) -> None:
    """Restore the heap order from the root to the leaves."""
    i = 0
    while True:
        j = 2 * i + 1
        if j >= size:
            break
        if j + 1 < size and sinks_below(heap[j + 1], heap[j]):
            j += 1
        if not sinks_below(heap[j], heap[i]):
            break
        heap[i], heap[j] = heap[j], heap[i]
        who[i], who[j] = who[j], who[i]
        i = j


@kernel
def select_largest(
    rows: Int64s, offsets: Int64s, values: Float64s, present: Bools, k_max: Int64s, sign: float
) -> Bools:
    """Where the k_max[k] largest values of each group are (the smallest if sign is -1).

    A heap of the kept ones, smallest on top, decides among equal values exactly as Prometheus'
    does: a value replaces the smallest only if it is larger, or a number where that is NaN. There
    is one heap per step, so that values are read in the order in which they lie in memory.
    """
    steps = values.shape[1]
    out = np.zeros(values.shape, np.bool_)
    for g in range(len(offsets) - 1):
        room = min(offsets[g + 1] - offsets[g], max(1, k_max.max()))
        heaps = np.empty((steps, room))
        who = np.empty((steps, room), np.int64)
        sizes = np.zeros(steps, np.int64)
        for j in range(offsets[g], offsets[g + 1]):
            row = rows[j]
            for k in range(steps):
                if k_max[k] < 1 or not present[row, k]:
                    continue
                x, n = sign * values[row, k], sizes[k]
                if n < k_max[k]:
                    heaps[k, n], who[k, n] = x, row
                    sift_up(heaps[k], who[k], n)
                    sizes[k] += 1
                elif sinks_below(heaps[k, 0], x) and not math.isnan(x):
                    heaps[k, 0], who[k, 0] = x, row
                    sift_down(heaps[k], who[k], n)
        for k in range(steps):
            for n in range(sizes[k]):
                out[who[k, n], k] = True
    return out


@kernel
def select_first(group: Int64s, groups: int, present: Bools, k_max: Int64s) -> Bools:
    """Where the first k_max[k] present rows of each group are."""
    taken = np.zeros((groups, present.shape[1]), np.int64)
    out = np.zeros(present.shape, np.bool_)
    for i in range(present.shape[0]):
        g = group[i]
        for k in range(present.shape[1]):
            if present[i, k] and taken[g, k] < k_max[k]:
                taken[g, k] += 1
                out[i, k] = True
    return out


@kernel
def present_groups(group: Int64s, groups: int, present: Bools) -> Bools:
    """Where a group has a present row."""
    out = np.zeros((groups, present.shape[1]), np.bool_)
    for i in range(present.shape[0]):
        cells, there = out[group[i]], present[i]
        for k in range(present.shape[1]):
            cells[k] |= there[k]
    return out


@kernel
def first_clash(group: Int64s, groups: int, present: Bools, counts: Bools) -> tuple[int, int]:
    """The first two rows of one group that are present at the same step, or (-1, -1).

    First means: at the earliest step, and there the first row that repeats a group. Only steps
    where counts[k] is set are looked at.
    """
    seen_at = np.full(groups, -1, np.int64)
    seen_row = np.empty(groups, np.int64)
    for k in range(present.shape[1]):
        if not counts[k]:
            continue
        for i in range(present.shape[0]):
            if not present[i, k]:
                continue
            g = group[i]
            if seen_at[g] == k:
                return seen_row[g], i
            seen_at[g] = k
            seen_row[g] = i
    return -1, -1


@kernel
def join_rows(
    group: Int64s, groups: int, values: Float64s, present: Bools
) -> tuple[Float64s, Bools]:
    """One row per group, with the cells of all its rows; where they overlap, of the last one."""
    out = np.zeros((groups, values.shape[1]))
    out_present = np.zeros((groups, values.shape[1]), np.bool_)
    for i in range(values.shape[0]):
        g = group[i]
        for k in range(values.shape[1]):
            if present[i, k]:
                out[g, k] = values[i, k]
                out_present[g, k] = True
    return out, out_present


@kernel
def number_words(words: UInt64s) -> tuple[UInt64s, Int64s]:
    """(the distinct words in the order of their first appearance, the number of each word)."""
    numbers = np.empty(len(words), np.int64)
    distinct = np.empty(len(words), np.uint64)
    slots = np.full(1024, -1, np.int64)
    count = 0
    for i in range(len(words)):
        if 2 * count >= len(slots):
            slots = np.full(4 * len(slots), -1, np.int64)
            for n in range(count):
                slots[find_slot(slots, distinct, distinct[n])] = n
        slot = find_slot(slots, distinct, words[i])
        if slots[slot] < 0:
            slots[slot] = count
            distinct[count] = words[i]
            count += 1
        numbers[i] = slots[slot]
    return distinct[:count].copy(), numbers


@kernel
def find_slot(slots: Int64s, distinct: UInt64s, word: np.uint64) -> int:
    """The slot of a word in an open-addressing table of numbers, or the free one for it."""
    mixed = word * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(len(slots) - 1))
    while slots[slot] >= 0 and distinct[slots[slot]] != word:
        slot = (slot + 1) & (len(slots) - 1)
    return int(slot)


@kernel
def count_cells(cell_group: Int64s, cell_step: Int64s, groups: int, steps: int) -> Int64s:
    """How often each (group, step) occurs."""
    out = np.zeros((groups, steps), np.int64)
    for i in range(len(cell_group)):
        out[cell_group[i], cell_step[i]] += 1
    return out


@kernel
def clamp_values(values: Float64s, lower: Float64s, upper: Float64s) -> Float64s:
    """max(lower[k], min(upper[k], value)) by Go's rules: an infinite result beats NaN, which beats
    every number; of two zeros the larger is the positive one."""
    out = np.empty(values.shape)
    for i in range(values.shape[0]):
        for k in range(values.shape[1]):
            out[i, k] = larger(lower[k], smaller(upper[k], values[i, k]))
    return out


@kernel
def larger(a: float, b: float) -> float:
    """Go's math.Max."""
    if a == np.inf or b == np.inf:
        return np.inf
    if math.isnan(a) or math.isnan(b):
        return np.nan
    if a == 0.0 and b == 0.0:
        return b if math.copysign(1.0, a) < 0 else a
    return a if a > b else b


@kernel
def smaller(a: float, b: float) -> float:
    """Go's math.Min."""
    return -larger(-a, -b)
