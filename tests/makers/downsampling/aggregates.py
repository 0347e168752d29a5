"""Points of series as lists, and aggregates as rows of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from storage.downsampling.aggregates import Aggregates, KeptHistograms
from storage.samples.samples import Samples
from tests.makers.histograms import Plain, mixed_samples
from tests.twins.storage.aggregates import (
    STALE,
    HistogramPoint,
    Point,
    Window,
    bits_of,
)

# Windows of 10 and of 40 in place of minutes and hours, whose edges and gaps are hit often.
FINE, COARSE = 10, 40
# Without 0, which says of a marker's time that there is none.
times = st.integers(-60, 120).filter(bool)
# Small integers, whose sums are exact in any order, and what is special.
numbers = st.one_of(
    st.integers(-5, 30).map(float), st.sampled_from([float("inf"), float("nan"), -0.0])
)
bits = st.one_of(numbers.map(bits_of), numbers.map(bits_of), st.just(STALE))
float_points = st.dictionaries(times, bits, max_size=40).map(lambda d: sorted(d.items()))
histogram_points = st.dictionaries(
    times, st.one_of(st.none(), st.integers(1, 9).map(float)), max_size=40
).map(lambda d: sorted(d.items()))


def histogram(count: float | None) -> Plain:
    if count is None:
        return Plain(sum_bits=STALE)
    return Plain(count=count, positive=((1, count),), sum_bits=bits_of(count))


def samples_of(
    floats: Sequence[Sequence[Point]], histograms: Sequence[Sequence[HistogramPoint]]
) -> Samples:
    """Series with floats and histograms; a float counts where both have a time."""
    series: list[list[tuple[int, object, int]]] = []
    for own, others in zip(floats, histograms, strict=True):
        merged: dict[int, object] = {t: histogram(count) for t, count in others}
        merged |= dict(own)
        series.append([(t, merged[t], 0) for t in sorted(merged)])
    return mixed_samples(series)


def without_times(
    histograms: Sequence[HistogramPoint], floats: Sequence[Point]
) -> list[HistogramPoint]:
    taken = {t for t, _ in floats}
    return [point for point in histograms if point[0] not in taken]


def windows_of(aggregates: Aggregates) -> list[list[Window]]:
    """The rows, series by series."""
    columns = []
    for name, column in zip(aggregates.rows._fields, aggregates.rows, strict=True):
        as_bits = column.dtype == np.float64 and name not in ("sum", "fallen")
        columns.append((column.view(np.uint64) if as_bits else column).tolist())
    rows = [Window(*row) for row in zip(*columns, strict=True)]
    ends = aggregates.offsets.tolist()
    return [rows[a:b] for a, b in zip(ends, ends[1:], strict=False)]


def kept_of(kept: KeptHistograms | None, series: int) -> list[list[tuple[int, float | None, int]]]:
    if kept is None:
        return [[] for _ in range(series)]
    samples = kept.samples
    assert samples.natives is not None and samples.natives.mask.all()
    counts = samples.natives.histograms.counts[samples.natives.rows].tolist()
    stale = samples.values.view(np.uint64) == STALE
    observed = [None if gone else count for gone, count in zip(stale, counts, strict=True)]
    points = list(zip(samples.timestamps.tolist(), observed, kept.counts.tolist(), strict=True))
    ends = samples.offsets.tolist()
    return [points[a:b] for a, b in zip(ends, ends[1:], strict=False)]
