"""Samples as columns: the CSR block in which series travel from storage to the engine.

A sample is (timestamp in int64 ms, float64). NaN is a value. One NaN bit pattern, the stale marker,
ends a series; its bits survive every copy because nothing here does arithmetic on values.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

STALE_NAN_BITS = 0x7FF0000000000002
NORMAL_NAN_BITS = 0x7FF8000000000001
STALE_NAN = np.array([STALE_NAN_BITS], dtype=np.uint64).view(np.float64)[0]


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of n series: series i owns positions offsets[i]:offsets[i+1].

    offsets: int64[n+1]; timestamps: int64 ms, strictly increasing within a series;
    values: float64, stale markers included.
    """

    offsets: Int64s
    timestamps: Int64s
    values: Float64s

    @property
    def series_count(self) -> int:
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.timestamps)


def is_stale(values: Float64s) -> Bools:
    """Where values hold the stale marker, bit for bit."""
    stale: Bools = values.view(np.uint64) == np.uint64(STALE_NAN_BITS)
    return stale


def empty_samples(series_count: int) -> Samples:
    return Samples(
        np.zeros(series_count + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64)
    )
