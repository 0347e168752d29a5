"""Samples as columns: the CSR block in which series travel from storage to the engine.

A sample is (timestamp in int64 ms, float64), or a native histogram at a timestamp. NaN is a value.
One NaN bit pattern, the stale marker, ends a series; its bits survive every copy because nothing
here does arithmetic on values.
"""

from dataclasses import dataclass

import numpy as np

from storage.histograms.columns import Natives
from storage.kernels.arrays import Bools, Float64s, Int64s


@dataclass(frozen=True, slots=True)
class Weights:
    """What each of some samples stands for, where samples were downsampled.

    counts: int64, how many samples as they came; one that came as it is stands for itself, and
    markers and what stands for no sample have 0. since: int64 ms; where it is before the sample's
    own time, there were samples from then on that are not there, up to the sample. The samples of
    that stretch have the same `since`, and the one at it is the first of them.
    """

    counts: Int64s
    since: Int64s

    def at(self, places: Int64s | slice | Bools) -> "Weights":
        return Weights(self.counts[places], self.since[places])


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of n series: series i owns positions offsets[i]:offsets[i+1].

    offsets: int64[n+1]; timestamps: int64 ms, strictly increasing within a series;
    values: float64, stale markers included; for a histogram its sum.
    starts: since when each sample counts, int64 ms, 0 where unknown; None: unknown of all.
    natives: the native histograms among them, a row for each sample; None: all are floats.
    weights: what they stand for; None: all are as they came.
    """

    offsets: Int64s
    timestamps: Int64s
    values: Float64s
    starts: Int64s | None = None
    natives: Natives | None = None
    weights: Weights | None = None

    @property
    def series_count(self) -> int:
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.timestamps)


def weights_of(samples: Samples) -> Weights:
    """What the samples stand for, themselves if nothing else is known."""
    if samples.weights is not None:
        return samples.weights
    return Weights(np.ones(len(samples), np.int64), samples.timestamps)


def empty_samples(series_count: int) -> Samples:
    return Samples(
        np.zeros(series_count + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64)
    )
