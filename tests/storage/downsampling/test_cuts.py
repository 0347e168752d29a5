"""Windows that cuts take out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.cuts import without_windows
from storage.downsampling.folding import fold
from storage.samples.cuts import Cuts
from tests.makers.downsampling.aggregates import (
    FINE,
    float_points,
    histogram_points,
    kept_of,
    samples_of,
    times,
    windows_of,
)
from tests.twins.storage import aggregates as naive

spans = st.tuples(times, times).map(lambda ends: (min(ends), max(ends)))
series = st.tuples(float_points, histogram_points)
cuts = st.lists(st.tuples(spans, st.lists(st.booleans(), min_size=2, max_size=2)), max_size=3)
Series = tuple[list[naive.Point], list[naive.HistogramPoint]]
Wishes = list[tuple[tuple[int, int], list[bool]]]


def touched(first: int, last: int, wishes: Wishes, row: int) -> bool:
    """Whether a wish has a moment of a stretch of time."""
    return any(
        rows[row] and any(first <= t <= last for t in range(start, end + 1))
        for (start, end), rows in wishes
    )


@given(st.lists(series, min_size=2, max_size=2), cuts)
def test_what_cuts_leave_of_windows(contents: list[Series], wishes: Wishes) -> None:
    samples = samples_of([floats for floats, _ in contents], [others for _, others in contents])
    whole = fold(samples, FINE)
    rows = [np.array(chosen) for _, chosen in wishes]
    made = Cuts.of([span for span, _ in wishes], rows) if wishes else Cuts.of([], [])
    left = without_windows(whole, made, FINE)
    found, kept = windows_of(left), kept_of(left.histograms, 2)
    for row, before in enumerate(windows_of(whole)):
        stays = [
            w for w in before
            if not touched(w.first_ms, w.stale_ms or w.last_ms, wishes, row)
        ]  # fmt: skip
        assert repr(found[row]) == repr(stays)
    for row, histograms in enumerate(kept_of(whole.histograms, 2)):
        ends = [naive.end_of(time, FINE) for time, _, _ in histograms]
        assert kept[row] == [
            each
            for each, end in zip(histograms, ends, strict=True)
            if not touched(end - FINE + 1, end, wishes, row)
        ]
