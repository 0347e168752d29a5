"""Where the buckets of native histograms lie: bounds, and the way to coarser schemas.

With the schema s, bucket i of an exponential histogram reaches from base ** (i - 1), exclusive, to
base ** i, where base = 2 ** 2 ** -s. Every coarser schema merges neighbours two by two.
"""

import math

import numpy as np

from storage.histograms.columns import CUSTOM_SCHEMA, SCHEMA_MAX
from storage.kernels.arrays import Float64s
from storage.kernels.jit import float_kernel

LARGEST = 1.7976931348623157e308
ROOTS = 8  # as many as the finest schema has binary digits in a fraction of a power


def _make_fractions() -> Float64s:
    """0.5 * 2 ** (k / 256): the fractions of all bounds of the finest schema; those of a coarser
    schema are every second of them, every fourth, and so on.

    The last digits are to be those that Prometheus shows. There a fraction is a product of roots of
    two, the largest first, and the square root is the square of the fourth root (found by comparing
    with all 256 bounds that Prometheus 2.42 answers; 178 of the nearest floats differ).
    """
    roots = [2.0**2.0 ** -(i + 1) for i in range(ROOTS)]
    roots[0] = roots[1] * roots[1]
    fractions = np.full(1 << ROOTS, 0.5)
    for k in range(1 << ROOTS):
        for i, root in enumerate(roots):
            if k >> (ROOTS - 1 - i) & 1:
                fractions[k] *= root
    return fractions


FRACTIONS = _make_fractions()


@float_kernel
def bound_of(index: int, schema: int) -> float:
    """The upper bound of an exponential bucket.

    The last one before the bucket of infinite observations ends at the largest finite number.
    """
    if schema < 0:
        fraction, power = 0.5, (index << -schema) + 1
    else:
        place = index & ((1 << schema) - 1)
        fraction, power = FRACTIONS[place << (SCHEMA_MAX - schema)], (index >> schema) + 1
    if power > 1024:
        return LARGEST if power == 1025 and fraction == 0.5 else np.inf
    return math.ldexp(fraction, int(power))


@float_kernel
def reduced_index(index: int, shift: int) -> int:
    """The index of the bucket that holds this one in a schema that is coarser by `shift`."""
    return ((index - 1) >> shift) + 1


@float_kernel
def upper_bound(index: int, schema: int, bounds: Float64s) -> float:
    """The upper bound of a bucket of any schema; bounds are those of the histogram, if custom.

    Index -1 gives the lower bound of the first custom bucket.
    """
    if schema != CUSTOM_SCHEMA:
        return bound_of(index, schema)
    if index < 0:
        return -np.inf
    return float(bounds[index]) if index < len(bounds) else np.inf
