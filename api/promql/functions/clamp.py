"""clamp, clamp_min and clamp_max, with Go's rules for NaN and signed zeros."""

import math

import numpy as np

from storage.kernels.arrays import Float64s
from storage.kernels.jit import kernel


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
