"""Merging windows: of each the one with more samples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.folding import fold
from storage.downsampling.merging import merge_windows
from tests.makers.downsampling.aggregates import (
    FINE,
    float_points,
    histogram_points,
    kept_of,
    samples_of,
    windows_of,
)
from tests.twins.storage.aggregates import HistogramPoint, Point, end_of

series = st.tuples(float_points, histogram_points)
Series = tuple[list[Point], list[HistogramPoint]]
two = st.lists(series, min_size=2, max_size=2)


@given(two, two)
def test_the_window_with_more_samples_counts(one: list[Series], other: list[Series]) -> None:
    both = [
        fold(samples_of([floats for floats, _ in each], [kept for _, kept in each]), FINE)
        for each in (one, other)
    ]
    merged = merge_windows(*both, FINE)
    found, kept = windows_of(merged), kept_of(merged.histograms, 2)
    rows = [windows_of(each) for each in both]
    histograms = [kept_of(each.histograms, 2) for each in both]
    for i in range(2):
        expected = {}
        for row in rows[1][i] + rows[0][i]:
            end = end_of(row.last_ms, FINE)
            if end not in expected or row.count >= expected[end].count:
                expected[end] = row
        assert repr(found[i]) == repr([expected[end] for end in sorted(expected)])
        chosen = {}
        for source in (histograms[1][i], histograms[0][i]):
            of_window: dict[int, list[tuple[int, float | None, int]]] = {}
            for point in source:
                of_window.setdefault(end_of(point[0], FINE), []).append(point)
            for end, points in of_window.items():
                if end not in chosen or weight(points) >= weight(chosen[end]):
                    chosen[end] = points
        assert kept[i] == [point for end in sorted(chosen) for point in chosen[end]]


def weight(points: list[tuple[int, float | None, int]]) -> int:
    return sum(count for _, _, count in points)
