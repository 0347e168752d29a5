"""Switches from replica p to replica q: real falls, and effects of slow scrapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from storage.dedup.auto import interval_at
from storage.dedup.falls import switch_is_sound
from tests.twins.storage import dedup as naive
from tests.twins.storage.dedup import Member

S = 1_000


def samples(*found: tuple[int, float]) -> list[tuple[int, float]]:
    return [(t * S, v) for t, v in found]


def is_sound(p: Member, x: int, q: Member, y: int) -> bool:
    """From p's sample at time x to q's at time y."""
    times = np.array([t for t, _ in [*p, *q]], np.int64)
    values = np.array([v for _, v in [*p, *q]], np.float64)
    at_x = [t for t, _ in p].index(x)
    at_y = len(p) + [t for t, _ in q].index(y)
    ends = len(p), len(p) + len(q)
    of_p = interval_at(times, 0, ends[0], at_x)
    of_q = interval_at(times, ends[0], ends[1], at_y)
    return bool(
        switch_is_sound(times, values, 0, ends[0], of_p, at_x, ends[0], ends[1], of_q, at_y)
    )


CASES = {
    "no fall": (
        samples((0, 100), (15, 110), (60, 140)),
        samples((-5, 97), (10, 107), (25, 118), (40, 137)),
        True,
    ),
    "q saw it": (
        samples((0, 100), (15, 110), (60, 20)),
        samples((-5, 97), (10, 107), (25, 3), (40, 12)),
        True,
    ),
    "p saw it, and q had not begun": (
        samples((0, 100), (15, 110), (60, 37)),
        samples((25, 3), (40, 17), (55, 32)),
        True,
    ),
    "nobody saw one: x was read late": (
        samples((0, 100), (15, 120), (60, 160)),
        samples((-5, 97), (10, 107), (25, 118), (40, 137)),
        False,
    ),
    "nobody was there on both sides": (
        samples((0, 100), (15, 110)),
        samples((25, 3), (40, 17), (55, 32)),
        False,
    ),
    "q saw it, but over too long a time": (
        samples((0, 100), (15, 110)),
        samples((-400, 97), (25, 3), (40, 17), (55, 32)),
        False,
    ),
    "p saw the same one before": (
        samples((0, 100), (15, 12), (60, 60)),
        samples((-5, 97), (10, 109), (25, 10), (40, 23)),
        False,
    ),
    "q is about to see the one that p saw": (
        samples((0, 100), (15, 120), (60, 5)),
        samples((-5, 97), (10, 107), (25, 118), (32, 12), (40, 139)),
        False,
    ),
    "p is past the one that q is about to see": (
        samples((0, 100), (15, 12), (60, 60)),
        samples((-5, 97), (10, 109), (25, 113), (32, 23)),
        False,
    ),
    "a gauge that goes up and down": (
        samples((-45, 9), (-30, 8), (-15, 9), (0, 8), (15, 9), (60, 9)),
        samples((-35, 8.5), (-20, 8.9), (-5, 8.2), (10, 8.8), (25, 8.7), (40, 8.2)),
        True,
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_case(what: str) -> None:
    p, q, expected = CASES[what]
    assert is_sound(p, 15 * S, q, 25 * S) is expected


def test_what_is_too_late_to_have_been_read_before_is_another_fall() -> None:
    p = samples((0, 100), (15, 12), (60, 60))
    q = samples((10, 109), (25, 10), (28, 9), (40, 23))
    assert not is_sound(p, 15 * S, q, 25 * S)
    assert is_sound(p, 15 * S, q, 28 * S)


def test_falls_are_seen_over_six_intervals_or_minutes() -> None:
    """Steps over missed scrapes, in which another replica's value falls."""
    for interval_s, seen_s in ((1, 360), (15, 360), (60, 360), (120, 720), (600, 3_600)):
        for step_s, expected in ((seen_s, True), (seen_s + interval_s, False)):
            p = samples(*((k * interval_s, 100 + k) for k in range(-4, 1)))
            after = [(step_s - 1 + k * interval_s, 2 + k) for k in range(4)]
            q = samples(*((-1 - k * interval_s, 99) for k in (2, 1, 0)), *after)
            assert is_sound(p, 0, q, (step_s - 1) * S) is expected


@st.composite
def replica(draw: st.DrawFn) -> list[tuple[int, float]]:
    t, value = draw(st.integers(0, 20)) * S, 50
    step = draw(st.sampled_from([S // 3, 5 * S, 5 * S, 100 * S, 1_200 * S]))
    found = []
    for _ in range(draw(st.integers(1, 12))):
        found.append((t, float(value)))
        t += step * draw(st.sampled_from([1, 3, 3, 3, 6, 74]))
        value = max(0, value + draw(st.sampled_from([1, 3, 8, 8, -4, -40])))
    return found


@settings(max_examples=400)
@given(replica(), replica(), st.data())
def test_the_kernels_do_as_their_twin(p: Member, q: Member, data: st.DataObject) -> None:
    x, _ = data.draw(st.sampled_from(p))
    later = [t for t, _ in q if t > x]
    assume(later)
    y = data.draw(st.sampled_from(later))
    assert is_sound(p, x, q, y) == naive.switch_is_sound(p, x, q, y)
