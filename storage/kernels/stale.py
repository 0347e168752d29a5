"""The stale marker: the NaN bit pattern that ends a series."""

import numpy as np

from storage.kernels.arrays import Bools, Float64s

STALE_NAN_BITS = 0x7FF0000000000002
STALE_NAN = np.array([STALE_NAN_BITS], dtype=np.uint64).view(np.float64)[0]


def is_stale(values: Float64s) -> Bools:
    """Where values hold the stale marker, bit for bit."""
    stale: Bools = values.view(np.uint64) == np.uint64(STALE_NAN_BITS)
    return stale
