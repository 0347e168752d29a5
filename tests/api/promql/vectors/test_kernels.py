"""The newest sample of each series against its plain Python twin."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.vectors import kernels as sample_kernels
from api.promql.vectors.cells import TIMESTAMP, VALUE, empty_cells, fresh_between, newest_cells
from storage.downsampling.folding import fold
from storage.downsampling.points import points_of
from storage.kernels.stale import STALE_NAN, is_stale
from storage.samples.hint import Purpose
from tests.makers.memory_store import float_samples_of
from tests.twins.promql import ranges as naive
from tests.twins.promql.ranges import Window

LOOKBACK_MS = 30
VALUES = st.sampled_from([1.0, 2.0, math.nan, float(STALE_NAN)])
SERIES = st.dictionaries(st.integers(0, 100), VALUES, max_size=12).map(lambda d: sorted(d.items()))


def is_marker(value: float) -> bool:
    return bool(is_stale(np.array([value]))[0])


@settings(max_examples=150, deadline=None)
@given(
    all_series=st.lists(SERIES, max_size=4),
    times=st.lists(st.integers(-20, 150), max_size=8).map(sorted),
)
def test_latest_equals_its_twin(all_series: list[Window], times: list[int]) -> None:
    samples = float_samples_of(all_series)
    args = (samples.offsets, samples.timestamps, samples.values, np.array(times, np.int64))
    values, present = empty_cells(len(all_series), len(times))
    sample_kernels.latest_values(False, *args, LOOKBACK_MS, values, present)
    seconds, also_present, _ = newest_cells(samples, args[-1], LOOKBACK_MS, TIMESTAMP)
    assert (present == also_present).all()
    for i, one in enumerate(all_series):
        for k, time in enumerate(times):
            found = naive.newest(one, time, LOOKBACK_MS)
            if found is None or is_marker(found[1]):
                assert not present[i, k]
            else:
                assert present[i, k]
                assert values[i, k] == found[1] or (
                    math.isnan(found[1]) and math.isnan(values[i, k])
                )
                assert seconds[i, k] == found[0] / 1000


@settings(deadline=None)
@given(
    one=SERIES,
    times=st.lists(st.integers(-20, 150), max_size=8).map(sorted),
    resolution=st.sampled_from([10, 40]),
)
def test_downsampled_series_are_there_when_they_were(
    one: Window, times: list[int], resolution: int
) -> None:
    """There is a sample wherever there was one, of the same window and no newer; where there was
    none, there is one within a window only: between its first and its last sample, or between a
    marker and a sample that follows it in the same window."""
    raw = float_samples_of([one])
    kept = points_of(fold(raw, resolution), Purpose.VALUES, resolution)
    seconds, present, _ = newest_cells(kept, np.array(times, np.int64), LOOKBACK_MS, TIMESTAMP)
    values, _, _ = newest_cells(kept, np.array(times, np.int64), LOOKBACK_MS, VALUE)
    windows: dict[int, list[int]] = {}
    for t, v in one:
        if not is_marker(v):
            windows.setdefault(-(-t // resolution), []).append(t)
    bridged = [
        (t, later[0])
        for t, v in one
        if is_marker(v) and (later := [u for u in windows.get(-(-t // resolution), []) if u > t])
    ]
    for k, time in enumerate(times):
        found = naive.newest(one, time, LOOKBACK_MS)
        if found is not None and not is_marker(found[1]):
            assert present[0, k]
            own = windows[-(-found[0] // resolution)]
            assert own[0] <= round(seconds[0, k] * 1000) <= found[0]
            assert len(own) > 2 or round(seconds[0, k] * 1000) == found[0]
        elif present[0, k]:
            is_within = any(own[0] <= time <= own[-1] and len(own) > 2 for own in windows.values())
            assert is_within or any(marker <= time < after for marker, after in bridged)
        if present[0, k]:
            value = dict(one)[round(seconds[0, k] * 1000)]
            assert values[0, k] == value or (math.isnan(value) and math.isnan(values[0, k]))


@settings(max_examples=80, deadline=None)
@given(all_series=st.lists(SERIES, max_size=4), start=st.integers(0, 60), length=st.integers(0, 60))
def test_fresh_samples_equal_their_twin(all_series: list[Window], start: int, length: int) -> None:
    samples = float_samples_of(all_series)
    fresh = fresh_between(samples, start, start + length)
    expected = [
        [t for t, v in one if start <= t <= start + length and not is_marker(v)]
        for one in all_series
    ]
    assert fresh.timestamps.tolist() == [t for one in expected for t in one]
    assert np.diff(fresh.offsets).tolist() == [len(one) for one in expected]
    assert sample_kernels.count_stale(fresh.values) == 0
    assert sample_kernels.count_stale(samples.values) == is_stale(samples.values).sum()
