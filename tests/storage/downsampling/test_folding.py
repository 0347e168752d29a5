"""Folding samples into windows, against its plain twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.folding import fold
from storage.samples.samples import Samples, empty_samples
from tests.makers.downsampling.aggregates import (
    FINE,
    float_points,
    histogram_points,
    samples_of,
    windows_of,
)
from tests.twins.storage import aggregates as naive


def same(found: list[naive.Window], expected: list[naive.Window]) -> None:
    assert repr(found) == repr(expected)  # NaN is not equal to itself, but is written alike


@given(st.lists(st.tuples(float_points, histogram_points), min_size=1, max_size=3))
def test_folding_random_series(
    series: list[tuple[list[naive.Point], list[naive.HistogramPoint]]],
) -> None:
    samples = samples_of([floats for floats, _ in series], [others for _, others in series])
    found = windows_of(fold(samples, FINE))
    for own, (floats, _) in zip(found, series, strict=True):
        same(own, naive.fold(floats, FINE))


BIG = 2.0**53


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([BIG, 1.0, 1.0, -BIG], 2.0),
        ([1e100, 1.0, -1e100], 1.0),
        ([math.inf, 1.0], math.inf),
        ([0.1] * 10, 1.0),
    ],
)
def test_sums_are_compensated(values: list[float], total: float) -> None:
    times = np.arange(1, len(values) + 1, dtype=np.int64)
    ends = np.array([0, len(values)], np.int64)
    assert fold(Samples(ends, times, np.array(values)), 100).sum.tolist() == [total]


def test_the_end_of_a_window_is_in_it() -> None:
    samples = samples_of([[(t, naive.bits_of(1.0)) for t in (0, 1, 10, 11, 20)]], [[]])
    assert fold(samples, 10).last_ms.tolist() == [0, 10, 20]


def test_no_samples() -> None:
    folded = fold(empty_samples(2), FINE)
    assert (folded.offsets.tolist(), len(folded), folded.histograms) == ([0, 0, 0], 0, None)


def test_histograms_are_no_floats() -> None:
    folded = fold(samples_of([[]], [[(1, 2.0), (5, 3.0)]]), FINE)
    assert len(folded) == 0
    assert folded.histograms is not None
