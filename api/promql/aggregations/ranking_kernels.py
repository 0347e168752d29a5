"""Kernels of aggregations that rank: quantile, topk, bottomk, limitk."""

import math

import numpy as np

from api.promql.parts import is_quantile, odd_quantile, ranks_of
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel


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
    if not is_quantile(q, n):
        return odd_quantile(q, n)
    nans = 0
    for i in range(n):
        if math.isnan(values[i]):
            values[i] = values[nans]
            values[nans] = np.nan
            nans += 1
    low, high, weight = ranks_of(q, n)
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
