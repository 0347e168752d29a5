"""Binary searches in the ascending timestamps of one series."""

from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel


@kernel
def first_at_least(column: Int64s, start: int, end: int, bound: int) -> int:
    """The first position in [start, end) of an ascending column with a value >= bound, or end.

    Looks ahead in growing steps before it bisects: what is wanted next is often near.
    """
    step = 1
    ahead = start
    while ahead < end and column[ahead] < bound:
        start = ahead + 1
        ahead += step
        step *= 2
    end = min(ahead, end)
    while start < end:
        middle = (start + end) // 2
        if column[middle] < bound:
            start = middle + 1
        else:
            end = middle
    return start


@kernel
def first_near(column: Int64s, start: int, end: int, bound: int, ahead: int) -> int:
    """What first_at_least() returns, looked for at start + ahead first.

    Where samples and windows come evenly, the next window begins as far ahead as this one did.
    """
    at = start + ahead
    if (
        start <= at <= end
        and (at == start or column[at - 1] < bound)
        and (at == end or column[at] >= bound)
    ):
        return at
    return first_at_least(column, start, end, bound)


@kernel
def end_at_most(column: Int64s, start: int, end: int, bound: int) -> int:
    """The end of the values <= bound in [start, end) of an ascending column."""
    if start < end and column[end - 1] <= bound:
        return end
    while start < end:
        middle = (start + end) // 2
        if column[middle] <= bound:
            start = middle + 1
        else:
            end = middle
    return start
