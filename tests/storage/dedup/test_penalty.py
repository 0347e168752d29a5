"""The choice `penalty`: what is known of Thanos' way, and the kernels against a restatement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.dedup.algorithm import Algorithm
from tests.makers.replicas.series import Series, deduped
from tests.twins.storage import dedup as naive
from tests.twins.storage.dedup import STALE

S = 1_000


def at(*samples: tuple[float, float]) -> Series:
    return [(round(t * S), v) for t, v in samples]


def times(first: float, step: float, count: int, *missing: float) -> Series:
    found = [first + step * k for k in range(count)]
    return at(*((t, 100 + t) for t in found if t not in missing))


KEPT = {
    "up to 5 s apart: a missed scrape stays a hole": (
        [times(0, 15, 6, 30), times(4, 15, 6)],
        [(0, 0), (15, 0), (45, 0), (60, 0), (75, 0)],
    ),
    "two missed: over to the other, after 30 s and the offset, for good": (
        [times(0, 15, 9, 30, 45), times(4, 15, 9)],
        [(0, 0), (15, 0), (49, 1), (64, 1), (79, 1), (94, 1), (109, 1), (124, 1)],
    ),
    "more than 5 s apart: the first two come from different replicas": (
        [times(0, 15, 4), times(7, 15, 4)],
        [(0, 0), (7, 1), (22, 1), (37, 1), (52, 1)],
    ),
    "ties go to the first": (
        [times(0, 15, 3), times(0, 15, 3)],
        [(0, 0), (15, 0), (30, 0)],
    ),
    "the first has ended": ([times(0, 15, 2), times(3, 15, 4)], [(0, 0), (15, 0), (48, 1)]),
    "one replica": ([times(0, 15, 3)], [(0, 0), (15, 0), (30, 0)]),
    "empty replicas": ([[], times(0, 15, 2), []], [(0, 1), (15, 1)]),
}


@pytest.mark.parametrize("what", KEPT)
def test_which_samples_it_keeps(what: str) -> None:
    members, expected = KEPT[what]
    kept = [(t, source) for t, _, source in deduped(members, Algorithm.PENALTY)]
    assert kept == [(round(t * S), source) for t, source in expected]


LAGGING = [
    at((0, 0), (60, 60), (120, 120), (180, 180)),
    at((20, -5), (80, 55), (140, 115)),
]


def test_a_replica_that_lags_makes_a_false_reset_at_the_start_of_every_window() -> None:
    found = [v for _, v, _ in deduped(LAGGING, Algorithm.PENALTY)]
    assert found[:4] == [0, -5, 55, 115]


def test_a_counter_is_raised_to_the_value_before_the_switch() -> None:
    found = [v for _, v, _ in deduped(LAGGING, Algorithm.PENALTY, counter=True)]
    assert found[:4] == [0, 0, 60, 120]


def test_readers_of_counters_see_no_stale_markers() -> None:
    members: list[Series] = [LAGGING[0], [*LAGGING[1], (200 * S, STALE)]]
    assert deduped(members, Algorithm.PENALTY)[-1] == (200 * S, STALE, 1)
    assert deduped(members, Algorithm.PENALTY, counter=True)[-1] == (140 * S, 120, 1)


def test_counters_do_not_fall_any_more() -> None:
    """Both replicas see one reset, between 30 s and 45 s."""
    a = at((0, 10), (15, 20), (30, 30), (45, 5), (60, 15))
    b = at((4, 12), (19, 22), (34, 34), (49, 8), (64, 18))
    found = deduped([a, b], Algorithm.PENALTY, counter=True)
    assert [v for _, v, _ in found] == [10, 20, 30, 35, 45]


def test_the_one_that_begins_first_is_the_first() -> None:
    """Whatever its labels are: so the first choice is no switch, which would raise the other."""
    a, b = at((10, 100), (25, 115), (40, 130), (55, 145)), at((6, 96), (21, 111))
    found = deduped([a, b], Algorithm.PENALTY, counter=True)
    assert found == [(6_000, 96, 1), (21_000, 111, 1), (55_000, 145, 0)]


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [
        (at((0, 1), (30, 3)), at((0, 2), (15, 3)), 1),  # which ends first
        (at((0, 1), (30, 3)), at((0, 2), (15, 3), (30, 3)), 1),  # has more samples
        (at((0, 1), (30, 3)), at((0, 2), (30, 3)), 1),  # has more at first
        (at((0, 2), (30, 3)), at((0, 1), (30, 3)), 0),
        (at((0, 2), (30, 3)), at((0, 2), (30, 3)), 0),
        ([], at((0, 2)), 1),
    ],
)
def test_ties_go_to_the_chunk_that_is_sorted_first(a: Series, b: Series, first: int) -> None:
    assert deduped([a, b], Algorithm.PENALTY)[0][2] == first


def test_where_it_starts_decides_what_it_gives() -> None:
    a, b = times(0, 15, 9, 30, 45), times(4, 15, 9)
    whole = deduped([a, b], Algorithm.PENALTY)
    later = deduped([[s for s in m if s[0] >= 60 * S] for m in (a, b)], Algorithm.PENALTY)
    assert {source for t, _, source in whole if t >= 60 * S} == {1}
    assert {source for _, _, source in later} == {0}


@st.composite
def replica(draw: st.DrawFn) -> Series:
    t = draw(st.integers(0, 20)) * S
    value = draw(st.integers(0, 50))
    found: Series = []
    for _ in range(draw(st.integers(0, 15))):
        stale = draw(st.integers(0, 11)) == 0
        found.append((t, STALE if stale else float(value)))
        t += draw(st.sampled_from([15, 15, 15, 30, 45, 120])) * S + draw(st.integers(-3, 3))
        value = max(0, value + draw(st.sampled_from([0, 5, 15, 15, -60])))
    return found


@settings(max_examples=300)
@given(st.lists(replica(), min_size=1, max_size=4), st.booleans())
def test_the_kernels_do_as_their_twin(members: list[Series], counter: bool) -> None:
    expected = naive.penalty(members, counter=counter)
    assert deduped(members, Algorithm.PENALTY, counter=counter) == expected


def test_chunks_that_do_not_overlap_are_of_one_replica() -> None:
    """So both are there with all of their samples, though they come close to each other."""
    a, b = times(0, 15, 2), times(19, 15, 3)
    kept = deduped([a, b], Algorithm.PENALTY)
    assert kept == [(*sample, number) for number in (0, 1) for sample in (a, b)[number]]


@pytest.mark.parametrize("counter", [False, True])
def test_long_replicas_with_holes_are_cut_to_chunks(counter: bool) -> None:
    """Where both begin a chunk in the same hole, what follows is of the other one."""
    used = set()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        members: list[Series] = []
        for delay in (0, 4, 9)[: 2 + seed % 2]:
            there = np.flatnonzero(rng.random(400) > 0.1)
            values = rng.integers(0, 9, 400).cumsum()
            values[250:] -= values[250]
            members.append([(int(15 * k + delay) * S, float(values[k])) for k in there])
        found = deduped(members, Algorithm.PENALTY, counter=counter)
        assert found == naive.penalty(members, counter=counter)
        used |= {number for _, _, number in found}
    assert used == {0, 1, 2}
