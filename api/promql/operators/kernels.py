"""Kernels of the binary operators."""

import numpy as np

from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel


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
