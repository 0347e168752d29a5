"""Kernels of the binary operators."""

from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel


@kernel
def first_clash(
    group: Int64s, present: Bools, counts: Bools, steps: tuple[int, int], seen: Int64s
) -> tuple[int, int]:
    """The first two rows of one group that are present at the same step of some, [first, end), or
    (-1, -1).

    First means: at the earliest step, and there the first row that repeats a group. Only steps
    where counts[k] is set are looked at. seen: int64[2, groups], of the last step at which a group
    was seen, -1 at first, and in which row.
    """
    seen_at, seen_row = seen[0], seen[1]
    for k in range(steps[0], steps[1]):
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
