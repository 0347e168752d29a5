"""The histograms that are kept, against their plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.folding import fold
from storage.histograms.columns import HINT_GAUGE, HINT_NOT_RESET, HINT_UNKNOWN
from tests.makers.downsampling.aggregates import (
    FINE,
    float_points,
    histogram_points,
    kept_of,
    samples_of,
    without_times,
)
from tests.makers.histograms import Plain, mixed_samples
from tests.twins.storage import aggregates as naive


@given(st.lists(st.tuples(float_points, histogram_points), min_size=1, max_size=3))
def test_what_is_kept_of_random_series(
    series: list[tuple[list[naive.Point], list[naive.HistogramPoint]]],
) -> None:
    samples = samples_of([floats for floats, _ in series], [others for _, others in series])
    found = kept_of(fold(samples, FINE).histograms, len(series))
    for own, (floats, others) in zip(found, series, strict=True):
        assert own == naive.keep(without_times(others, floats), FINE)


def test_hints_stay() -> None:
    hints = [HINT_UNKNOWN, HINT_NOT_RESET, HINT_NOT_RESET, HINT_NOT_RESET, HINT_GAUGE]
    points = [
        (t, Plain(count=t, positive=((1, float(t)),), hint=hint), 0)
        for t, hint in zip((1, 2, 3, 4, 11), hints, strict=True)
    ]
    kept = fold(mixed_samples([points]), FINE).histograms
    assert kept is not None and kept.samples.natives is not None
    natives = kept.samples.natives
    assert kept.samples.timestamps.tolist() == [1, 4, 11]
    assert natives.histograms.hints[natives.rows].tolist() == [0, HINT_NOT_RESET, HINT_GAUGE]
    assert kept.counts.tolist() == [0, 4, 1]
    assert kept.counts.dtype == np.int64
