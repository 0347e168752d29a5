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
    rows: Int64s,
    offsets: Int64s,
    values: Float64s,
    present: Bools,
    q: Float64s,
    groups: tuple[int, int],
    steps: tuple[int, int],
    out: Float64s,
    out_present: Bools,
) -> None:
    """Write the q[k]-quantile of some groups, [first, end), at some steps k; rows and offsets are
    of rows_by_group."""
    first, end = steps
    for g in range(groups[0], groups[1]):
        size = offsets[g + 1] - offsets[g]
        columns = np.empty((end - first, size))
        counts = np.zeros(end - first, np.int64)
        for j in range(offsets[g], offsets[g + 1]):
            for k in range(first, end):
                if present[rows[j], k]:
                    columns[k - first, counts[k - first]] = values[rows[j], k]
                    counts[k - first] += 1
        for k in range(first, end):
            if counts[k - first] > 0:
                out[g, k] = quantile_of(columns[k - first, : counts[k - first]], q[k])
                out_present[g, k] = True


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
    rows: Int64s,
    offsets: Int64s,
    values: Float64s,
    present: Bools,
    k_max: Int64s,
    sign: float,
    groups: tuple[int, int],
    steps: tuple[int, int],
    out: Bools,
) -> None:
    """Mark where the k_max[k] largest values are (the smallest if sign is -1) of some groups,
    [first, end), at some steps k.

    A heap of the kept ones, smallest on top, decides among equal values exactly as Prometheus'
    does: a value replaces the smallest only if it is larger, or a number where that is NaN. There
    is one heap per step, so that values are read in the order in which they lie in memory.
    """
    first, end = steps
    for g in range(groups[0], groups[1]):
        room = min(offsets[g + 1] - offsets[g], max(1, k_max[first:end].max()))
        heaps = np.empty((end - first, room))
        who = np.empty((end - first, room), np.int64)
        sizes = np.zeros(end - first, np.int64)
        for j in range(offsets[g], offsets[g + 1]):
            row = rows[j]
            for k in range(first, end):
                if k_max[k] < 1 or not present[row, k]:
                    continue
                x, n = sign * values[row, k], sizes[k - first]
                heap, whose = heaps[k - first], who[k - first]
                if n < k_max[k]:
                    heap[n], whose[n] = x, row
                    sift_up(heap, whose, n)
                    sizes[k - first] += 1
                elif sinks_below(heap[0], x) and not math.isnan(x):
                    heap[0], whose[0] = x, row
                    sift_down(heap, whose, n)
        for k in range(first, end):
            for n in range(sizes[k - first]):
                out[who[k - first, n], k] = True


@kernel
def select_first(group: Int64s, present: Bools, k_max: Int64s, taken: Int64s, out: Bools) -> None:
    """Mark where the first k_max[k] present rows of each group are. taken: how many have been found
    so far, int64[groups, steps]; rows may come in blocks."""
    for i in range(present.shape[0]):
        g = group[i]
        for k in range(present.shape[1]):
            if present[i, k] and taken[g, k] < k_max[k]:
                taken[g, k] += 1
                out[i, k] = True
