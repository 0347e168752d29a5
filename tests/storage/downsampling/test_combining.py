"""Windows that are made of smaller ones are those that are made of samples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.combining import combine
from storage.downsampling.folding import fold
from tests.makers.downsampling.aggregates import (
    COARSE,
    FINE,
    float_points,
    histogram_points,
    kept_of,
    samples_of,
    windows_of,
)
from tests.twins.storage import aggregates as naive


@given(st.lists(st.tuples(float_points, histogram_points), min_size=1, max_size=3))
def test_combining_equals_folding_at_once(
    series: list[tuple[list[naive.Point], list[naive.HistogramPoint]]],
) -> None:
    samples = samples_of([floats for floats, _ in series], [others for _, others in series])
    combined, direct = combine(fold(samples, FINE), COARSE), fold(samples, COARSE)
    assert repr(windows_of(combined)) == repr(windows_of(direct))
    count = len(series)
    assert kept_of(combined.histograms, count) == kept_of(direct.histograms, count)
    for own, (floats, _) in zip(windows_of(combined), series, strict=True):
        assert repr(own) == repr(naive.fold(floats, COARSE))
