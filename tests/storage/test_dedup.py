"""Replica dedup: its rules on scenes that happen, and the kernel against its plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.dedup import SILENT_MS, dedup
from tests import naive_storage as naive
from tests.storage.test_merge import columns, lists

STALE = naive.STALE_BITS
A, B = 1, 2


def scrapes(value: int, *times: int) -> naive.Series:
    return [(t, value) for t in times]


def run(*members: naive.Series) -> naive.Series:
    return lists(dedup(columns(list(members)), np.array([0, len(members)])))[0]


@pytest.mark.parametrize(
    ("what", "first", "second", "expected"),
    [
        (
            "stays on one replica while it has no hole",
            scrapes(A, 0, 10, 20, 30),
            scrapes(B, 4, 14, 24, 34),
            scrapes(A, 0, 10, 20, 30),
        ),
        (
            "one missed scrape is filled",
            scrapes(A, 0, 10, 30, 40),
            scrapes(B, 2, 12, 22, 32, 42),
            [(0, A), (10, A), (22, B), (30, A), (40, A)],
        ),
        (
            "the preferred replica ends",
            scrapes(A, 0, 10),
            scrapes(B, 4, 14, 24, 34),
            [(0, A), (10, A), (24, B), (34, B)],
        ),
        (
            "the preferred replica begins late",
            scrapes(A, 30, 40),
            scrapes(B, 4, 14, 24, 34),
            [(4, B), (14, B), (24, B), (30, A), (40, A)],
        ),
        ("an empty first replica", [], scrapes(B, 4, 14), scrapes(B, 4, 14)),
        ("equal timestamps", scrapes(A, 0, 10, 20), scrapes(B, 0, 10, 20), scrapes(A, 0, 10, 20)),
        (
            "a stale marker of one replica does not end the series",
            [*scrapes(A, 0, 10), (20, STALE)],
            scrapes(B, 4, 14, 24, 34),
            [(0, A), (10, A), (24, B), (34, B)],
        ),
        (
            "when all end, the series ends",
            [*scrapes(A, 0, 10), (20, STALE)],
            [*scrapes(B, 4, 14), (24, STALE)],
            [(0, A), (10, A), (24, STALE)],
        ),
    ],
)
def test_scene(
    what: str, first: naive.Series, second: naive.Series, expected: naive.Series
) -> None:
    assert run(first, second) == expected, what


gaps = st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=12)


@st.composite
def replica(draw: st.DrawFn, value: int) -> naive.Series:
    time, series = draw(st.integers(0, 30)), []
    for gap, ends in draw(gaps):
        series.append((time, STALE if ends and draw(st.booleans()) else value))
        time += gap * draw(st.sampled_from([1, 1, 1, 10_000]))
    return series


@given(st.integers(1, 3).flatmap(lambda n: st.tuples(*(replica(i + 1) for i in range(n)))))
def test_the_kernel_does_as_its_twin(members: tuple[naive.Series, ...]) -> None:
    assert run(*members) == naive.dedup(members, SILENT_MS)


@given(st.tuples(replica(1), replica(2), replica(3)))
def test_output_is_what_replicas_sent_in_increasing_time(members: tuple[naive.Series, ...]) -> None:
    result = run(*members)
    times = [t for t, _ in result]
    assert times == sorted(set(times))
    assert set(result) <= {point for member in members for point in member}


def test_groups_do_not_mix() -> None:
    members = [scrapes(A, 0, 10), scrapes(B, 5, 15, 25), scrapes(7, 1), scrapes(8, 0, 100)]
    result = lists(dedup(columns(members), np.array([0, 2, 3, 4])))
    assert result == [run(*members[:2]), members[2], members[3]]
