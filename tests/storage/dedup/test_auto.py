"""The choice `auto`: scenes that happen, and the kernels against their plain twin."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.dedup.algorithm import Algorithm
from tests.makers.replicas.series import Series, deduped, line
from tests.twins.storage import dedup as naive

S = 1_000


def every(step_s: int, first_s: float, last_s: float, *, without: tuple[float, ...] = ()) -> Series:
    """A counter that grows by 1 a second, scraped without delay."""
    found: Series = []
    t = first_s
    while t <= last_s:
        if t not in without:
            found.append(line(t))
        t += step_s
    return found


PREFERRED = every(15, 0, 300)

SCENES: dict[str, tuple[list[Series], list[tuple[float, int]]]] = {
    "stays with the first while it has no hole": (
        [PREFERRED, every(15, 4, 304)],
        [(t, 0) for t in range(0, 301, 15)],
    ),
    "one missed scrape is filled": (
        [every(15, 0, 90, without=(45,)), every(15, 2, 92)],
        [(0, 0), (15, 0), (30, 0), (47, 1), (60, 0), (75, 0), (90, 0)],
    ),
    "a run of missed scrapes is filled": (
        [every(15, 0, 90, without=(30, 45, 60)), every(15, 13, 103)],
        [(0, 0), (15, 0), (28, 1), (43, 1), (58, 1), (75, 0), (90, 0)],
    ),
    "the preferred replica ends": (
        [every(15, 0, 45), every(15, 4, 94)],
        [(0, 0), (15, 0), (30, 0), (45, 0), (64, 1), (79, 1), (94, 1)],
    ),
    "the next scrape is not overdue yet": (
        [every(15, 0, 45), every(15, 4, 49)],
        [(0, 0), (15, 0), (30, 0), (45, 0)],
    ),
    "the preferred replica begins late": (
        [every(15, 60, 90), every(15, 4, 94)],
        [(4, 1), (19, 1), (34, 1), (49, 1), (60, 0), (75, 0), (90, 0)],
    ),
    "an empty first replica": ([[], every(15, 4, 34)], [(4, 1), (19, 1), (34, 1)]),
    "no samples": ([[], []], []),
    "equal timestamps": ([every(15, 0, 30), every(15, 0, 30)], [(0, 0), (15, 0), (30, 0)]),
    "both miss the same scrape": (
        [every(15, 0, 75, without=(30,)), every(15, 1, 76, without=(31,))],
        [(0, 0), (15, 0), (45, 0), (60, 0), (75, 0)],
    ),
    "the third fills what the second cannot": (
        [
            every(15, 0, 105, without=(30, 60)),
            every(15, 4, 109, without=(64,)),
            every(15, 6, 111),
        ],
        [(0, 0), (15, 0), (34, 1), (45, 0), (66, 2), (75, 0), (90, 0), (105, 0)],
    ),
    "half an interval apart, a little short": (
        [every(15, 0, 75, without=(30,)), [line(t) for t in (-7.501, 7.499, 22.499, 37.501, 52.5)]],
        [(0, 0), (15, 0), (22.499, 1), (45, 0), (60, 0), (75, 0)],
    ),
    "a replica with a longer interval is filled to the shorter": (
        [every(30, 0, 90), every(15, 4, 94)],
        [(0, 0), (19, 1), (30, 0), (49, 1), (60, 0), (79, 1), (90, 0)],
    ),
}


@pytest.mark.parametrize("what", SCENES)
def test_scene(what: str) -> None:
    members, expected = SCENES[what]
    assert [(t, source) for t, _, source in deduped(members)] == [
        (round(t * S), source) for t, source in expected
    ]


def counter(*samples: tuple[float, float]) -> Series:
    return [(round(t * S), v) for t, v in samples]


GUARDED: dict[str, tuple[list[Series], list[tuple[float, float]]]] = {
    "a slow scrape before the hole read more": (
        [
            counter((0, 100), (15, 110), (30, 135), (60, 140), (75, 150)),
            counter((-3, 98), (9, 105), (24, 116), (39, 128), (54, 136), (69, 146)),
        ],
        [(0, 100), (15, 110), (30, 135), (54, 136), (60, 140), (75, 150)],
    ),
    "a slow scrape in the hole read more": (
        [
            counter((0, 100), (15, 110), (30, 120), (60, 140), (75, 150)),
            counter((6, 104), (21, 114), (36, 124), (51, 141), (66, 144)),
        ],
        [(0, 100), (15, 110), (30, 120), (36, 124), (60, 140), (75, 150)],
    ),
    "a reset in the hole": (
        [
            counter((0, 100), (15, 110), (30, 120), (75, 30), (90, 40)),
            counter((4, 103), (19, 113), (34, 123), (49, 3), (64, 18), (79, 33)),
        ],
        [(0, 100), (15, 110), (30, 120), (49, 3), (64, 18), (75, 30), (90, 40)],
    ),
    "a reset at the end of the hole": (
        [
            counter((0, 100), (15, 110), (30, 120), (60, 1), (75, 16)),
            counter((4, 103), (19, 113), (34, 123), (49, 133), (64, 5), (79, 20)),
        ],
        [(0, 100), (15, 110), (30, 120), (49, 133), (60, 1), (75, 16)],
    ),
    "a reset before the hole that is in the output": (
        [
            counter((0, 100), (15, 110), (30, 9), (60, 25), (75, 40)),
            counter((-5, 95), (10, 107), (25, 117), (40, 8), (55, 20), (70, 35)),
        ],
        [(0, 100), (15, 110), (30, 9), (60, 25), (75, 40)],
    ),
    "nobody was there on both sides": (
        [
            counter((0, 100), (15, 110), (30, 120)),
            counter((60, 3), (75, 18), (240, 80), (255, 87), (270, 90), (285, 95)),
        ],
        [(0, 100), (15, 110), (30, 120), (285, 95)],
    ),
}


@pytest.mark.parametrize("what", GUARDED)
def test_falls_at_switches(what: str) -> None:
    members, expected = GUARDED[what]
    assert [(t, v) for t, v, _ in deduped(members)] == counter(*expected)


def test_a_known_gauge_may_fall() -> None:
    members = GUARDED["a slow scrape in the hole read more"][0]
    assert (51 * S, 141.0, 1) in deduped(members, gauge=True)
    assert (51 * S, 141.0, 1) not in deduped(members)


@pytest.mark.parametrize("step_s", [0.25, 1, 5, 15, 90, 120, 300, 600, 3_600])
@pytest.mark.parametrize("later", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_as_many_samples_as_one_replica_at_any_interval(step_s: float, later: float) -> None:
    first = [line(step_s * k) for k in range(24)]
    second = [line(step_s * (k + later)) for k in range(24)]
    expected = [(t, v, 0) for t, v in first]
    overdue = [(t, v, 1) for t, v in second[-1:] if later > 0.5]
    found = deduped([first, second])
    assert found in (expected, expected + overdue)
    # Scrapes missed one by one and in a run are made up for, and by no more than one sample each,
    # or two that are half an interval away from everything.
    kept = [sample for k, sample in enumerate(first) if k not in (3, 9, 10, 11, 17)]
    found = deduped([kept, second])
    times = [t for t, _, _ in found]
    assert 24 - 1 <= len(found) <= 24 + (3 if later == 0.5 else 1)
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) <= 1_950 * step_s
    assert min(b - a for a, b in zip(times, times[1:], strict=False)) >= 390 * step_s


@pytest.mark.parametrize("step_s", [1, 15, 300, 3_600])
def test_a_gap_of_many_intervals_is_a_hole_for_a_sample_alone(step_s: float) -> None:
    first = [line(step_s * k) for k in (0, 1, 2, 3, 200, 201, 202)]
    alone = line(step_s * 100.3)
    assert deduped([first, [alone]])[4] == (*alone, 1)


def test_samples_alone_show_no_interval() -> None:
    """Two of which nothing is known but that they are minutes apart, and two that are not."""
    assert [t for t, _, _ in deduped([[line(0)], [line(241)]])] == [0, 241 * S]
    assert [t for t, _, _ in deduped([[line(0)], [line(239)]])] == [0]


def histograms(*times_s: float) -> Series:
    return [(t, naive.Count(v)) for t, v in map(line, times_s)]


def floats(*times_s: float) -> Series:
    return [line(t) for t in times_s]


@pytest.mark.parametrize(
    ("members", "taken"),
    [
        # What is missing of one kind is made up for by samples of this kind only.
        ([histograms(0, 15, 30, 60, 75), floats(4, 19, 34, 49, 64)], []),
        ([floats(0, 15, 30, 60, 75), histograms(4, 19, 34, 49, 64)], []),
        ([histograms(0, 15, 30, 60, 75), histograms(4, 19, 34, 49, 64)], [49]),
        (
            [floats(0, 15, 30, 60), floats(4, 19, 34), histograms(5, 20, 35, 50), floats(49.5)],
            [49.5],
        ),
        ([floats(0, 15, 30, 60), histograms(5, 20, 35, 48, 64), floats(6, 21, 36, 47)], [47]),
        # At the ends, too.
        ([histograms(0, 15, 30), floats(4, 19, 34, 49, 64)], []),
        ([floats(60, 75, 90), histograms(4, 19, 34, 49, 64)], []),
        # Where the kind changes in the hole, either may be right, and no values are compared.
        (
            [floats(0, 15, 30) + histograms(105, 120), floats(4, 49, 64) + histograms(79, 94)],
            [49, 64, 79, 94],
        ),
        # A replica that has none of the kind at all, but long after the other one has ended.
        ([histograms(0, 15, 30), floats(300, 315, 330)], [300, 315, 330]),
    ],
)
def test_kinds_do_not_fill_each_others_holes(members: list[Series], taken: list[float]) -> None:
    found = deduped(members)
    assert [t for t, _, source in found if source > 0] == [t * S for t in taken]
    assert found == naive.auto(members)


def test_extreme_timestamps() -> None:
    least, most = -(1 << 63), (1 << 63) - 1
    members = [[(least, 1.0), (most, 2.0)], [(least + 1, 1.0), (0, 1.5), (most - 1, 2.0)]]
    assert [t for t, _, _ in deduped(members)] == [least, 0, most]


intervals = st.sampled_from([S, 5 * S, 15 * S, 15 * S, 60 * S, 89 * S, 300 * S, 3_600 * S])


@st.composite
def replica(draw: st.DrawFn) -> Series:
    """Samples in a rhythm that is often broken, of a value that sometimes falls."""
    step, kind = draw(intervals), draw(st.sampled_from([float, float, naive.Count]))
    t, value = draw(st.integers(0, 20)) * S, 50
    found: Series = []
    for _ in range(draw(st.integers(0, 14))):
        found.append((t, kind(value)))
        t += step * draw(st.sampled_from([1, 1, 1, 1, 2, 3])) + draw(st.integers(-2, 2))
        t += draw(st.sampled_from([0] * 12 + [S, 7 * S, 200 * S, 400 * S, 7 * step, 20 * step]))
        kind = draw(st.sampled_from([kind] * 8 + [float]))
        value += draw(st.sampled_from([0, 1, 3, 3, 8, 8, -4, -40]))
        value = max(value, draw(st.integers(-1, 5)))
    return found


@settings(max_examples=400)
@given(st.lists(replica(), min_size=1, max_size=3), st.booleans())
def test_the_kernels_do_as_their_twin(members: list[Series], gauge: bool) -> None:
    assert deduped(members, gauge=gauge) == naive.auto(members, guarded=not gauge)


@settings(max_examples=100)
@given(st.lists(replica(), min_size=2, max_size=2))
def test_the_first_is_kept_whole(members: list[Series]) -> None:
    out = deduped(members, Algorithm.AUTO)
    assert [(t, v) for t, v, source in out if source == 0] == list(members[0])
