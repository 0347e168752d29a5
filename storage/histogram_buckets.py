"""Where the buckets of native histograms lie: bounds, and the way to coarser schemas.

With the schema s, bucket i of an exponential histogram reaches from base ** (i - 1), exclusive, to
base ** i, where base = 2 ** 2 ** -s. Every coarser schema merges neighbours two by two.
"""

import math

import numpy as np

from storage.kernel import float_kernel
from storage.samples import CUSTOM_SCHEMA, SCHEMA_MAX, Float64s

LARGEST = 1.7976931348623157e308
# 0.5 * 2 ** (k / 256): the fractions of all bounds of the finest schema. Those of a coarser schema
# are every second of them, every fourth, and so on.
FRACTIONS = np.array([0.5 * 2.0 ** (k / 256) for k in range(256)])


@float_kernel
def bound_of(index: int, schema: int) -> float:
    """The upper bound of an exponential bucket.

    The last one before the bucket of infinite observations ends at the largest finite number.
    """
    if schema < 0:
        power = index << -schema
        return LARGEST if power == 1024 else math.ldexp(1.0, power)
    place = index & ((1 << schema) - 1)
    power = (index >> schema) + 1
    if place == 0 and power == 1025:
        return LARGEST
    return math.ldexp(FRACTIONS[place << (SCHEMA_MAX - schema)], power)


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
