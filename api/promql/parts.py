"""Parts of kernels: what sums and quantiles do with numbers, wherever these come from.

They are inlined into the kernels that call them. The order of floating-point operations is that of
Prometheus, so that results agree to the last bit.
"""

import math

from storage.kernels.jit import float_kernel_part


@float_kernel_part
def compensated(increment: float, total: float, lost: float) -> tuple[float, float]:
    """Neumaier's compensated addition: the new total, and what its rounding lost so far.

    Both cases are worked out and one is chosen, which sums of many cells side by side need to be
    vectorized. One sum whose values come one by one is faster with branches (ranges.reductions).
    """
    t = total + increment
    rest = (total - t) + increment if abs(total) >= abs(increment) else (increment - t) + total
    return t, 0.0 if abs(t) == math.inf else lost + rest


@float_kernel_part
def is_quantile(q: float, count: int) -> bool:
    """Whether the q-quantile of so many values lies between two of them."""
    return count > 0 and 0 <= q <= 1


@float_kernel_part
def odd_quantile(q: float, count: int) -> float:
    """The q-quantile where it does not lie between two values."""
    if count == 0 or math.isnan(q):
        return math.nan
    return -math.inf if q < 0 else math.inf


@float_kernel_part
def ranks_of(q: float, count: int) -> tuple[int, int, float]:
    """(the ranks of the values around the q-quantile, the weight of the upper one)."""
    rank = q * (count - 1.0)
    lower = int(math.floor(rank))
    return lower, min(count - 1, lower + 1), rank - math.floor(rank)
