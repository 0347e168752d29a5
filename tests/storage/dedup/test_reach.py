"""Reads that went far enough: they decide as any longer read does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from storage.dedup.algorithm import LEVELS_MS, LONGEST_MS, SHORT_MS, Algorithm, reach_ms
from storage.dedup.dedup import dedup
from storage.dedup.reach import unsettled_groups
from storage.samples.merge import between
from storage.samples.samples import Samples
from tests.makers.replicas.series import Series, columns
from tests.twins.storage.dedup import STALE, Raw

S = 1_000
HOUR_S = 3_600


def scraped(step_s: float, *ticks: int, start_s: float = 0) -> Series:
    return [(round((start_s + step_s * k) * S), 1.0) for k in ticks]


REGULAR = range(-20, 20)


@pytest.mark.parametrize(
    ("members", "enough_s"),
    [
        ([scraped(15, *REGULAR), scraped(15, *REGULAR, start_s=4)], 90),
        ([scraped(89, *REGULAR), scraped(89, *REGULAR, start_s=4)], 90),
        ([scraped(300, *REGULAR), scraped(300, *REGULAR, start_s=4)], 900),
        ([scraped(15, *REGULAR), scraped(300, *REGULAR, start_s=4)], 900),
        ([scraped(HOUR_S, *REGULAR), scraped(HOUR_S, *REGULAR, start_s=4)], 9_000),
        # An outage is no interval, what is alone in it has none that is known.
        ([scraped(15, *range(20), *range(60, 80)), scraped(15, *REGULAR)], 90),
        ([scraped(15, *range(20), 40, *range(60, 80)), scraped(15, *REGULAR)], 900),
        ([scraped(15, *REGULAR), scraped(15, 3)], 9_000),
        ([scraped(15, *REGULAR), []], 90),
        # Nothing of what lies in the span has a second replica, or nothing lies there.
        ([scraped(HOUR_S, *REGULAR)], 90),
        ([scraped(HOUR_S, 1, 2, 3), scraped(HOUR_S, 1, 2, 3)], 90),
        # Markers are scrapes, and the samples beside them are judged without them.
        ([[*scraped(15, 0, 1), (30 * S, STALE)], scraped(15, *REGULAR)], 90),
        ([[(0, 1.0), (15 * S, STALE)], scraped(15, *REGULAR)], 9_000),
    ],
)
def test_intervals_decide_what_is_enough(members: list[Raw], enough_s: int) -> None:
    samples, span = columns(members), (0, 150 * S)
    group = np.array([0, len(members)])
    for longest_ms in LEVELS_MS[:-1]:
        is_enough = not len(unsettled_groups(samples, group, span, longest_ms))
        assert is_enough is (longest_ms >= enough_s * S)


@pytest.mark.parametrize(("longest_ms", "minutes"), [(SHORT_MS, 14), (LONGEST_MS, 14 * 150)])
def test_reach_grows_with_the_interval(longest_ms: int, minutes: int) -> None:
    assert reach_ms(Algorithm.AUTO, 3, longest_ms) == minutes * 60_000


@st.composite
def replica(draw: st.DrawFn) -> Series:
    """Scrapes in a rhythm that changes and breaks, with markers and falls."""
    step = draw(st.sampled_from([S, 15 * S, 15 * S, 61 * S, 100 * S, 600 * S, 3_600 * S]))
    t, value = -draw(st.integers(0, 14_400)) * S, 50.0
    found: Series = []
    for _ in range(draw(st.integers(0, 40))):
        found.append((t, STALE if draw(st.integers(0, 20)) == 0 else value))
        step = draw(st.sampled_from([step] * 20 + [15 * S, 120 * S]))
        t += step * draw(st.sampled_from([1] * 12 + [2, 3, 30])) + draw(st.integers(-2, 2))
        value = max(0.0, value + draw(st.sampled_from([0, 3, 8, -40])))
    return found


def chosen(samples: Samples, span: tuple[int, int]) -> list[tuple[int, bytes]]:
    found = dedup(samples, np.array([0, samples.series_count]), span=span).samples
    return [(t, v.tobytes()) for t, v in zip(found.timestamps.tolist(), found.values, strict=True)]


@settings(max_examples=500, deadline=None)
@given(st.lists(replica(), min_size=2, max_size=3), st.integers(-900, 7_200), st.integers(0, 3_600))
def test_what_is_enough_decides_as_all_does(
    members: list[Series], start_s: int, length_s: int
) -> None:
    samples, span = columns(members), (start_s * S, (start_s + length_s) * S)
    assume(len(samples))
    group = np.array([0, len(members)])
    for longest_ms in LEVELS_MS:
        around = reach_ms(Algorithm.AUTO, len(members), longest_ms)
        part = between(samples, span[0] - around, span[1] + around)
        if longest_ms == LONGEST_MS or not len(unsettled_groups(part, group, span, longest_ms)):
            assert chosen(part, span) == chosen(samples, span)
