"""Whole matrices taken block by block, so that a query can end between two blocks.

Operators that need all rows of a step do not get their input in blocks of rows. What they do to a
large matrix they do block by block all the same, with a look at the query before each but the
first: a block takes some 5 to 30 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from storage.kernels.arrays import Int64s

CELLS_AT_ONCE = 1 << 20
Check = Callable[[], None]


def blocks(check: Check, count: int, width: int) -> Iterator[slice]:
    """Stretches of `count` rows of that width, about CELLS_AT_ONCE cells each. There is at least
    one, which may be empty. check: raises if the query has to stop."""
    size = max(1, CELLS_AT_ONCE // max(1, width))
    for first in range(0, max(1, count), size):
        if first:
            check()
        yield slice(first, min(count, first + size))


def whole_groups(check: Check, offsets: Int64s, steps: int) -> Iterator[tuple[int, int]]:
    """(first group, end group) of groups that together have about CELLS_AT_ONCE cells, or of one
    that has more. There is at least one stretch, which may be empty."""
    allowed = max(1, CELLS_AT_ONCE // max(1, steps))
    groups, first = len(offsets) - 1, 0
    while True:
        end = int(np.searchsorted(offsets, offsets[first] + allowed, "right")) - 1
        end = min(groups, max(first + 1, end))
        yield first, end
        if end >= groups:
            return
        check()
        first = end


def group_blocks(check: Check, offsets: Int64s, steps: int) -> Iterator[tuple[int, int, int, int]]:
    """(first group, end group, first step, end step) of blocks that together are all cells.

    Group g has rows offsets[g] to offsets[g + 1]. Small groups are taken together at all steps; one
    that is too large for a block by itself is taken some steps at a time.
    """
    allowed = max(1, CELLS_AT_ONCE // max(1, steps))
    groups, first = len(offsets) - 1, 0
    while first < groups:
        end = int(np.searchsorted(offsets, offsets[first] + allowed, "right")) - 1
        width = steps
        if end <= first:
            end = first + 1
            width = max(1, CELLS_AT_ONCE // int(offsets[end] - offsets[first]))
        for step in range(0, steps, max(1, width)):
            if first or step:
                check()
            yield first, end, step, min(steps, step + width)
        first = end
