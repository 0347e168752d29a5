"""Values come back from scaled integers to the bit, and groups end where they should."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.stale import STALE_NAN
from storage.segments.encoding.scaling import (
    ANY,
    POWERS,
    SCALE_MAX,
    end_groups,
    from_integers,
    least_scale,
    scales_of,
    to_integers,
)

decimals = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False)


def round_trip(values: list[float]) -> tuple[int, bool]:
    """The least scale, and whether the values come back as they were."""
    column = np.array(values, np.float64)
    scale = least_scale(column, POWERS)
    if scale < 0:
        return scale, True
    integers, back = np.empty(len(values), np.int64), np.empty(len(values), np.float64)
    if not to_integers(column, POWERS[scale], integers):
        return scale, True
    from_integers(integers, POWERS[scale], back)
    return scale, back.tobytes() == column.tobytes()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(width=64), min_size=1, max_size=20))
def test_any_values_come_back(values: list[float]) -> None:
    assert round_trip(values)[1]


@settings(max_examples=200, deadline=None)
@given(st.lists(decimals, min_size=1, max_size=20), st.integers(0, 4))
def test_decimals_are_exact(values: list[Decimal], places: int) -> None:
    floats = [float(round(value, places)) for value in values]
    floats = [value + 0.0 for value in floats]  # -0.0 is another matter
    scale, same = round_trip(floats)
    assert 0 <= scale <= places
    assert same


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0, 2.0, -3.0], 0),
        ([1.0, 2.5], 1),
        ([0.1, 0.25], 2),
        ([0.1 + 0.2], -1),
        ([0.0, -0.0], -1),
        ([1.0, STALE_NAN], -1),
        ([float("inf")], -1),
        ([float(2**51)], -1),
        ([float(2**51 - 1)], 0),
        ([10.0**-SCALE_MAX], SCALE_MAX),
        ([10.0 ** -(SCALE_MAX + 1)], -1),
    ],
)
def test_scales(values: list[float], scale: int) -> None:
    assert least_scale(np.array(values), POWERS) == scale


def test_a_scale_that_is_too_large_for_another_value_is_refused() -> None:
    values = np.array([4e9, 10.0**-9])
    assert not to_integers(values, POWERS[SCALE_MAX], np.empty(2, np.int64))


def test_scales_of_series() -> None:
    scales = np.empty(5, np.int64)
    values = np.array([1.0, 2.0, 0.5, STALE_NAN, 3.0, 3.0, 1e15])
    scales_of(np.array([0, 2, 3, 4, 6, 7]), values, POWERS, scales)
    assert scales.tolist() == [0, 1, -1, ANY, 0]


def naive_ends(counts: list[int], scales: list[int], most: int, mixed: int) -> list[int]:
    """Where groups end, row by row."""
    ends, first, start, scale = [], 0, 0, ANY
    for count, own in zip(counts, scales, strict=True):
        if start > first and (
            start + count - first > most
            or (ANY not in (own, scale) and own != scale and start - first >= mixed)
        ):
            ends.append(start)
            first = start
        if start == first or scale == ANY:
            scale = own
        for row in range(start, start + count):
            if row - first == most:
                ends.append(row)
                first = row
        start += count
    return ends


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(ANY, 1)), min_size=1, max_size=30),
    st.integers(1, 20),
    st.integers(1, 8),
)
def test_group_ends(series: list[tuple[int, int]], most: int, mixed: int) -> None:
    counts, scales = [count for count, _ in series], [scale for _, scale in series]
    offsets = np.cumsum([0, *counts])
    ends = np.empty(len(counts) + int(offsets[-1]) // most, np.int64)
    count = end_groups(offsets, np.array(scales), most, min(mixed, most), ends)
    assert ends[:count].tolist() == naive_ends(counts, scales, most, min(mixed, most))
