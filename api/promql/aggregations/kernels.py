"""The kernels that aggregate and match the rows of vectors.

All of them see a vector as values float64[rows, steps] with its presence mask, and a grouping as
one int64 group number per row. Absent cells are never read. State arrays are [groups, steps]
and are changed in place, so that a vector can come in blocks of rows; the order of operations
within a cell is the order of the rows.
"""

import math

import numpy as np
from numpy.typing import NDArray

from api.promql.parts import compensated
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel

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
            t, c = compensated(x, s, losses[k])
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
                t, c = compensated(x, s, losses[k])
                if n == 1.0 or abs(t) != np.inf:
                    losses[k] = 0.0 if n == 1.0 else c
                    totals[k] = t
                    continue
                switches[k] = True
                s /= n - 1.0
                losses[k] /= n - 1.0
            weight = (n - 1.0) / n
            totals[k], losses[k] = compensated(x / n, weight * s, weight * losses[k])


@kernel
def add_extremes(
    largest: bool,
    group: Int64s,
    values: Float64s,
    present: Bools,
    best: Float64s,
    unused: Float64s,
    count: Int64s,
    switched: Bools,
) -> None:
    """The largest (or smallest) value; NaN only if there is nothing else. best starts as NaN."""
    for i in range(values.shape[0]):
        g = group[i]
        for k in range(values.shape[1]):
            if present[i, k]:
                count[g, k] += 1
                x = values[i, k]
                is_further = x > best[g, k] if largest else x < best[g, k]
                if is_further or math.isnan(best[g, k]):
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
