"""Values as scaled integers: most values that are measured are decimal numbers with few places.

A value v is exact at scale s if an integer n below 2^51 gives it back: n / 10^s == v, to the bit.
An integer of which the next differs little takes a few bits; as a float it takes most of its eight
bytes. NaN (stale markers, too), infinities and -0.0 are never exact.
"""

import math
from typing import Any

import numpy as np

from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel, float_kernel_part, kernel

SCALE_MAX = 9
ANY = -2  # as good at any scale
INTEGER_MAX = float(1 << 51)
POWERS: Float64s = np.float64(10.0) ** np.arange(SCALE_MAX + 1)


@float_kernel_part
def is_exact(value: float, power: float) -> Any:
    """Whether a value is an integer divided by that power of ten."""
    integer = np.rint(value * power)
    is_small = (integer < INTEGER_MAX) & (integer > -INTEGER_MAX)
    is_negative_zero = (value == 0.0) & (math.copysign(1.0, value) < 0.0)
    return is_small & (integer / power == value) & (not is_negative_zero)


@float_kernel
def least_scale(values: Float64s, powers: Float64s) -> int:
    """The least scale at which all values are exact; -1 if there is none."""
    scale = 0
    k = 0
    while k < len(values):
        if is_exact(values[k], powers[scale]):
            k += 1
            continue
        scale += 1
        if scale == len(powers):
            return -1
    return scale


@float_kernel
def to_integers(values: Float64s, power: float, out: Int64s) -> bool:
    """Write the integers of the values; False if one is not exact after all."""
    for k in range(len(values)):
        if not is_exact(values[k], power):
            return False
        out[k] = np.int64(np.rint(values[k] * power))
    return True


@float_kernel
def exact_integers(values: Float64s, power: float, out: Int64s, exact: Bools) -> None:
    """Write the integers of those values that have exact ones, and which these are."""
    for k in range(len(values)):
        exact[k] = is_exact(values[k], power)
        if exact[k]:
            out[k] = np.int64(np.rint(values[k] * power))


@float_kernel
def from_integers(integers: Int64s, power: float, out: Float64s) -> None:
    """Write the values of integers."""
    for k in range(len(integers)):
        out[k] = np.float64(integers[k]) / power


@kernel
def scales_of(offsets: Int64s, values: Float64s, powers: Float64s, scales: Int64s) -> None:
    """The least scale of each series; ANY for one whose only value is a small integer."""
    for i in range(len(scales)):
        own = values[offsets[i] : offsets[i + 1]]
        scales[i] = least_scale(own, powers)
        if scales[i] == 0 and (own == own[0]).all() and is_exact(own[0], powers[-1]):
            scales[i] = ANY


@kernel
def end_groups(
    offsets: Int64s, scales: Int64s, rows_max: int, rows_mixed: int, ends: Int64s
) -> int:
    """Write where row groups end, and return how many there are; the rows behind go on.

    A group ends before a series that would make it larger than rows_max, or has another scale than
    the first one that has a certain one, if there are rows_mixed by then; a series that is larger
    is cut.
    """
    count = first = 0
    scale = ANY
    for i in range(len(scales)):
        start, end, own = offsets[i], offsets[i + 1], scales[i]
        is_other = own not in (scale, ANY) and scale != ANY and start - first >= rows_mixed
        if start > first and (end - first > rows_max or is_other):
            ends[count] = first = start
            count += 1
        if start == first or scale == ANY:
            scale = own
        while end - first > rows_max:
            first += rows_max
            ends[count] = first
            count += 1
    return count
