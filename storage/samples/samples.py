"""Samples as columns: the CSR block in which series travel from storage to the engine.

A sample is (timestamp in int64 ms, float64), or a native histogram at a timestamp. NaN is a value.
One NaN bit pattern, the stale marker, ends a series; its bits survive every copy because nothing
here does arithmetic on values.

A native histogram is sparse: a bucket is kept by its index, and only if it is not empty. With the
schema s (-4 to 8) and base = 2 ** 2 ** -s, the positive bucket i holds the observations of
(base ** (i - 1), base ** i], the negative one their mirror image. With CUSTOM_SCHEMA, bucket i has
(bounds[i - 1], bounds[i]]; the first one reaches from -Inf, the one behind the last bound to +Inf,
and there are neither negative buckets nor a zero bucket.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]
Int8s = NDArray[np.int8]

STALE_NAN_BITS = 0x7FF0000000000002
STALE_NAN = np.array([STALE_NAN_BITS], dtype=np.uint64).view(np.float64)[0]

CUSTOM_SCHEMA = -53
SCHEMA_MIN, SCHEMA_MAX = -4, 8
# What a histogram says of the one before it in its series; numbered as in remote write.
HINT_UNKNOWN, HINT_RESET, HINT_NOT_RESET, HINT_GAUGE = range(4)
# Stands in a column of histogram rows for a sample that is a float.
NO_HISTOGRAM = -1


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of one side of n histograms: those of i are offsets[i]:offsets[i+1].

    indexes: int32, ascending within a histogram; counts: float64, none of them zero.
    """

    offsets: Int64s
    indexes: Int32s
    counts: Float64s


@dataclass(frozen=True, slots=True)
class Bounds:
    """The custom bucket bounds of n histograms, ascending, without +Inf; none unless the schema is
    CUSTOM_SCHEMA."""

    offsets: Int64s
    values: Float64s


@dataclass(frozen=True, slots=True)
class Histograms:
    """n native histograms. Counts are floats for integer histograms too, as PromQL computes."""

    schemas: Int8s
    hints: Int8s
    counts: Float64s
    sums: Float64s  # STALE_NAN, bit for bit, makes the histogram a stale marker
    zero_thresholds: Float64s
    zero_counts: Float64s
    positive: Buckets
    negative: Buckets
    bounds: Bounds

    def __len__(self) -> int:
        return len(self.schemas)


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of n series: series i owns positions offsets[i]:offsets[i+1].

    offsets: int64[n+1]; timestamps: int64 ms, strictly increasing within a series;
    values: float64, stale markers included; for a histogram its sum.
    starts: since when each sample counts, int64 ms, 0 where unknown; None: unknown of all.
    rows: int32, where each sample is in `histograms`, or NO_HISTOGRAM; None: all are floats.
    """

    offsets: Int64s
    timestamps: Int64s
    values: Float64s
    starts: Int64s | None = None
    rows: Int32s | None = None
    histograms: Histograms | None = None

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
