"""Every time lies in one window; windows are aligned, disjoint and few, the near ones small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.segments.windows import (
    LEVELS_MS,
    SLOT_MS,
    WINDOWS_MAX,
    Span,
    level_of,
    nearest_windows,
    seal_windows,
    slots_of,
    window_of,
)

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 20_000 * DAY + 5 * HOUR  # 20,000 days are a multiple of eight
LEAST, LARGEST = -(1 << 63), (1 << 63) - 1


def windows(*times: int, now_ms: int = NOW, windows_max: int = WINDOWS_MAX) -> list[Span]:
    return seal_windows(slots_of(np.array(times, np.int64)), now_ms, windows_max)


@pytest.mark.parametrize(
    ("time", "start", "end"),
    [
        (NOW, NOW - HOUR, NOW + HOUR),
        (NOW - HOUR, NOW - HOUR, NOW + HOUR),
        (NOW - HOUR - 1, NOW - 3 * HOUR, NOW - HOUR),
        (NOW - 2 * DAY, 19_998 * DAY, 19_999 * DAY),
        (NOW - 9 * DAY, 19_984 * DAY, 19_992 * DAY),
        (NOW - 90 * DAY, 19_904 * DAY, 19_912 * DAY),
        (NOW + 4 * DAY, 20_004 * DAY, 20_005 * DAY),
        (NOW + 17 * DAY, 20_016 * DAY, 20_024 * DAY),
        (0, 0, 8 * DAY),
        (-1, -8 * DAY, 0),
    ],
)
def test_the_window_of_a_time(time: int, start: int, end: int) -> None:
    assert windows(time) == [(start, end - 1)]


def test_extreme_times_stay_in_bounds() -> None:
    first, last = windows(LEAST, LARGEST)
    assert (first[0], last[1]) == (LEAST, LARGEST)
    assert first[1] < last[0]


@settings(deadline=None)
@given(
    st.lists(
        st.integers(LEAST, LARGEST)
        | st.integers(NOW - 30 * DAY, NOW + 30 * DAY)
        | st.integers(-900, 900).map(lambda days: NOW + days * DAY),
        min_size=1,
        max_size=300,
    ),
    st.sampled_from([WINDOWS_MAX, 110, 200]),
)
def test_windows_are_disjoint_few_and_hold_every_time(times: list[int], most: int) -> None:
    found = windows(*times, windows_max=most)
    assert 0 < len(found) <= most
    assert all(first <= last for first, last in found)
    assert all(a[1] < b[0] for a, b in zip(found, found[1:], strict=False))
    used = set()
    for time in times:
        (holder,) = (span for span in found if span[0] <= time <= span[1])
        used.add(holder)
    assert used == set(found), "no window without samples"
    for first, last in found:
        assert first in (LEAST, first // SLOT_MS * SLOT_MS)
        if last - first < LEVELS_MS[2]:
            assert level_of((first, last)) is not None


@pytest.mark.parametrize(
    ("span", "level"),
    [
        ((0, 0), 1),
        ((0, 2 * HOUR - 1), 1),
        ((0, 2 * HOUR), 2),
        ((DAY - 1, DAY), 3),
        ((-1, 0), None),
        ((8 * DAY - 1, 8 * DAY), None),
        ((8 * DAY, 16 * DAY - 1), 3),
        ((LEAST, LARGEST), None),
    ],
)
def test_the_level_whose_windows_hold_a_span(span: Span, level: int | None) -> None:
    assert level_of(span) == level
    for i, width in enumerate(LEVELS_MS, 1):
        holder = window_of(span, width)
        assert (holder is not None) == (level is not None and i >= level)
        if holder is not None:
            assert holder[0] <= span[0] <= span[1] <= holder[1] == holder[0] + width - 1


def test_nearest_windows() -> None:
    found = [(10, 19), (40, 49), (50, 59)]
    times = np.array([-5, 10, 19, 25, 40, 55, 90], np.int64)
    assert nearest_windows(found, times).tolist() == [0, 0, 0, 0, 1, 2, 2]
