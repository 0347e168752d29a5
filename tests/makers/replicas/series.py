"""Series as lists of (timestamp, value) for the tests of dedup.

"stale" stands for the marker, a Count for a histogram of so many observations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from storage.dedup.algorithm import Algorithm
from storage.dedup.dedup import dedup
from storage.histograms.columns import (
    HINT_UNKNOWN,
    NO_HISTOGRAM,
    Bounds,
    Buckets,
    Histograms,
    Natives,
)
from storage.kernels.arrays import Bools
from storage.kernels.stale import STALE_NAN, is_stale
from storage.samples.samples import Samples
from tests.twins.storage.dedup import STALE, Count, Raw

Series = list[tuple[int, float | str]]


def line(t_s: float) -> tuple[int, float]:
    """A sample at a moment of a counter that grows by 1 a second."""
    return round(t_s * 1000), 1_000 + t_s


def columns(members: Sequence[Raw]) -> Samples:
    offsets = np.cumsum([0] + [len(member) for member in members]).astype(np.int64)
    flat = [sample for member in members for sample in member]
    values = np.array([0.0 if v == STALE else v for _, v in flat], np.float64)
    values[[v == STALE for _, v in flat]] = STALE_NAN
    samples = Samples(offsets, np.array([t for t, _ in flat], np.int64), values)
    of_histograms = np.array([isinstance(v, Count) for _, v in flat], np.bool_)
    return with_histograms(samples, of_histograms) if of_histograms.any() else samples


def with_histograms(samples: Samples, chosen: Bools) -> Samples:
    """The same, some of the samples being histograms with the value as their count and sum."""
    rows = np.where(chosen, np.cumsum(chosen) - 1, NO_HISTOGRAM).astype(np.int32)
    counts = samples.values[chosen]
    zeros, none = np.zeros(len(counts)), np.zeros(len(counts) + 1, np.int64)
    buckets = Buckets(none, np.zeros(0, np.int32), np.zeros(0))
    hints = np.full(len(counts), HINT_UNKNOWN, np.int8)
    found = Histograms(
        np.zeros(len(counts), np.int8), hints, counts, counts, zeros, zeros, buckets, buckets,
        Bounds(none, np.zeros(0)),
    )  # fmt: skip
    return replace(samples, natives=Natives(found, rows))


def deduped(
    members: Sequence[Raw],
    algorithm: Algorithm = Algorithm.AUTO,
    *,
    counter: bool = False,
    gauge: bool = False,
) -> list[tuple[int, float | str, int]]:
    """(timestamp, value, number of the member) of one group."""
    found = dedup(
        columns(members),
        np.array([0, len(members)]),
        algorithm,
        counter=counter,
        gauges=np.array([gauge]),
        provenance=True,
    )
    assert found.sources is not None
    stale = is_stale(found.samples.values)
    values = [STALE if s else v for s, v in zip(stale, found.samples.values.tolist(), strict=True)]
    times = found.samples.timestamps.tolist()
    return list(zip(times, values, found.sources.tolist(), strict=True))
