"""Falls at a switch from replica p to replica q: real ones, and effects of slow scrapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from storage.dedup_falls import fall_is_real
from tests import naive_dedup as naive
from tests.naive_dedup import Member

S = 1_000


def samples(*found: tuple[int, float]) -> list[tuple[int, float]]:
    return [(t * S, v) for t, v in found]


def is_real(p: Member, x: int, q: Member, y: int, interval: int) -> bool:
    """From p's sample at time x to q's at time y."""
    times = np.array([t for t, _ in [*p, *q]], np.int64)
    values = np.array([v for _, v in [*p, *q]], np.float64)
    at_x = [t for t, _ in p].index(x)
    at_y = len(p) + [t for t, _ in q].index(y)
    ends = len(p), len(p) + len(q)
    return bool(fall_is_real(times, values, 0, ends[0], at_x, ends[0], ends[1], at_y, interval))


CASES = {
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
    "p saw the same one before": (
        samples((0, 100), (15, 12), (60, 60)),
        samples((-5, 97), (10, 109), (25, 10), (40, 23)),
        False,
    ),
    "q is about to see the one that p saw": (
        samples((0, 100), (15, 120), (60, 5)),
        samples((-5, 97), (10, 107), (25, 118), (40, 139), (55, 150), (70, 12)),
        False,
    ),
    "two, one before x and one after": (
        samples((-30, 500), (-15, 510), (0, 4), (15, 19), (60, 22)),
        samples((-35, 495), (-20, 508), (-5, 2), (10, 14), (25, 3), (40, 9)),
        True,
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
    assert is_real(p, 15 * S, q, 25 * S, 15 * S) is expected


def test_what_nobody_could_have_seen_is_real_if_it_is_late_enough() -> None:
    p = samples((0, 100), (15, 110))
    assert not is_real(p, 15 * S, samples((35, 3)), 35 * S, 15 * S)
    assert is_real(p, 15 * S, samples((36, 3)), 36 * S, 15 * S)


@st.composite
def replica(draw: st.DrawFn) -> list[tuple[int, float]]:
    t, value = draw(st.integers(0, 20)) * S, 50
    found = []
    for _ in range(draw(st.integers(1, 12))):
        found.append((t, float(value)))
        t += 15 * S * draw(st.sampled_from([1, 1, 1, 1, 2, 14]))
        value = max(0, value + draw(st.sampled_from([1, 3, 8, 8, -4, -40])))
    return found


@settings(max_examples=300)
@given(replica(), replica(), st.data())
def test_the_kernels_do_as_their_twin(p: Member, q: Member, data: st.DataObject) -> None:
    x, x_value = data.draw(st.sampled_from(p))
    later = [(t, v) for t, v in q if t > x and v < x_value]
    assume(later)
    y, _ = data.draw(st.sampled_from(later))
    assert is_real(p, x, q, y, 15 * S) == naive.fall_is_real(p, x, q, y, 15 * S)
