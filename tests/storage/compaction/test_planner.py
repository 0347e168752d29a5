"""The planner: closed windows become one segment, late ones wait, and precedence is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.compaction.planner import (
    JOB_LIMITS,
    MERGE,
    SALVAGE,
    SPLIT,
    WINDOWS_MAX,
    Job,
    JobLimits,
    choose,
    levels_for,
    mergeable_runs,
    plan,
)
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid
from storage.segments.windows import LEVELS_MS, window_of

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 20_000 * DAY  # a multiple of eight days
LONG_AGO = NOW + 1_000 * DAY


def segment(start_ms: int, width_ms: int = HOUR, **fields: int | str) -> SegmentMeta:
    """A segment with samples from start_ms on; its name is made of its rank if it has one."""
    values = {"ulid": new_ulid(5), "shard": 0, "samples": 100, "series": 1, "bytes": 1}
    values |= {"created_ms": 0, "min_ms": start_ms, "max_ms": start_ms + width_ms - 1}
    return SegmentMeta(**values | fields)  # type: ignore[arg-type]


def ranked(*segments: SegmentMeta) -> list[SegmentMeta]:
    return [msgspec.structs.replace(s, rank=rank) for rank, s in enumerate(segments, 1)]


def described(jobs: Sequence[Job]) -> list[tuple[str, int, list[int], int]]:
    """Kind, level, ranks of the inputs, number of windows."""
    return [(j.kind, j.level, [s.rank for s in j.inputs], len(j.windows)) for j in jobs]


@pytest.mark.parametrize(
    ("starts", "now_ms", "expected"),
    [
        ([], NOW, []),
        ([0], LONG_AGO, []),
        ([0, HOUR], NOW + 2 * HOUR, []),
        ([0, HOUR], NOW + 2 * HOUR + JOB_LIMITS.slack_ms, [(MERGE, 1, [1, 2], 1)]),
        ([0, 2 * HOUR], NOW + 5 * HOUR, []),
        ([0, 2 * HOUR], NOW + DAY + HOUR, [(MERGE, 2, [1, 2], 1)]),
        ([0, DAY], NOW + 7 * DAY, []),
        ([0, DAY, 7 * DAY], NOW + 9 * DAY, [(MERGE, 3, [1, 2, 3], 1)]),
        ([0, 8 * DAY], LONG_AGO, []),
        ([0, 1, 9 * DAY, 10 * DAY], LONG_AGO, [(MERGE, 3, [1, 2], 1), (MERGE, 3, [3, 4], 1)]),
        # The day before is whole; the hours of this one are merged by themselves.
        (
            [-DAY, -5 * HOUR, 0, HOUR, 2 * HOUR],
            NOW + 5 * HOUR,
            [(MERGE, 1, [3, 4], 1), (MERGE, 3, [1, 2], 1)],
        ),
    ],
)
def test_closed_windows_become_one(
    starts: list[int], now_ms: int, expected: list[tuple[str, int, list[int], int]]
) -> None:
    segments = ranked(*(segment(NOW + start, HOUR // 2) for start in starts))
    jobs = plan(segments, now_ms)
    assert described(jobs) == expected
    for job in jobs:
        for window, width in zip(job.windows, [LEVELS_MS[job.level - 1]], strict=True):
            assert window == window_of((job.inputs[0].min_ms, job.inputs[0].max_ms), width)


def test_segments_of_other_resolutions_stay_apart() -> None:
    segments = ranked(*(segment(NOW, resolution_ms=r) for r in (0, 300_000, 0, 300_000, 3_600_000)))
    assert described(plan(segments, LONG_AGO)) == [
        (MERGE, 3, [1, 3], 1),
        (MERGE, 3, [2, 4], 1),
    ]


@pytest.mark.parametrize(
    ("start", "width", "windows"),
    [
        (NOW - HOUR, 2 * HOUR, 2),
        (NOW - HOUR, 5 * HOUR, 3),
        (NOW - 4 * DAY, 5 * DAY, 60),
        (NOW - 4 * DAY, 6 * DAY, 6),
        (NOW - 100 * DAY, 100 * DAY + 1, 14),
        (NOW - 8 * DAY * WINDOWS_MAX, 8 * DAY * WINDOWS_MAX, WINDOWS_MAX),
        (NOW - 8 * DAY * WINDOWS_MAX - 1, 8 * DAY * WINDOWS_MAX + 1, 0),
    ],
)
def test_segments_that_no_window_holds_are_split(start: int, width: int, windows: int) -> None:
    (job, *rest) = plan([segment(start, width)], LONG_AGO) or [None]
    assert rest == []
    assert (0 if job is None else len(job.windows)) == windows
    if job is not None:
        assert job.kind == SPLIT
        assert job.windows[0][0] <= start < start + width <= job.windows[-1][1] + 1
    assert plan([segment(start, width)], start + width) == [], "not closed yet"


def test_damaged_segments_come_first_and_alone() -> None:
    segments = ranked(segment(NOW), segment(NOW, level=1), segment(NOW), segment(NOW - HOUR, DAY))
    jobs = plan(segments, LONG_AGO, damaged={segments[1].ulid})
    assert described(jobs) == [(SALVAGE, 1, [2], 1), (SPLIT, 0, [4], 13)]
    assert plan(segments[:3], NOW, damaged={segments[1].ulid})[0].kind == SALVAGE


def test_a_segment_that_comes_between_is_not_passed_over() -> None:
    """The second straddles the day, so it is not in it; what it overlaps must not overtake it."""
    day = [segment(NOW + 8 * DAY), segment(NOW + 8 * DAY - HOUR, 2 * HOUR)]
    segments = ranked(*day, segment(NOW + 8 * DAY), segment(NOW + 8 * DAY + 3 * HOUR))
    (split, merge) = plan(segments, NOW + 9 * DAY + HOUR)
    assert described([split, merge]) == [(SPLIT, 0, [2], 2), (MERGE, 2, [3, 4], 1)]
    runs = [[s.rank for s in run] for run in mergeable_runs(
        [segments[0], segments[2], segments[3]], segments, JOB_LIMITS
    )]  # fmt: skip
    assert runs == [[1], [3, 4]]
    apart = segments[3]
    assert list(mergeable_runs([segments[0], apart], segments, JOB_LIMITS)) == [
        (segments[0], apart)
    ], "it has no times of this one"


def test_jobs_have_limits() -> None:
    few = JobLimits(samples=250, inputs=2)
    segments = ranked(*(segment(NOW) for _ in range(5)))
    assert described(plan(segments, LONG_AGO, few)) == [(MERGE, 1, [1, 2], 1)]
    late = ranked(*(segment(NOW, 3 * DAY) for _ in range(5)))
    assert described(plan(late, LONG_AGO, few)) == [(MERGE, 3, [1, 2], 1)]
    assert described(plan(late, LONG_AGO, replace(few, samples=10_000))) == [(MERGE, 3, [1, 2], 1)]
    of_exemplars = ranked(*(segment(NOW, exemplars=2) for _ in range(2)))
    assert plan(of_exemplars, LONG_AGO, JobLimits(exemplars=3)) == []
    assert len(plan(of_exemplars, LONG_AGO, JobLimits(exemplars=4))) == 1
    assert plan([segment(NOW - HOUR, DAY)], LONG_AGO, JobLimits(samples=99)) == []


@pytest.mark.parametrize(
    ("retention", "levels"),
    [(0, 3), (64 * DAY, 3), (64 * DAY - 1, 2), (15 * DAY, 2), (8 * DAY, 2), (DAY, 1), (HOUR, 1)],
)
def test_windows_are_small_against_the_retention(retention: int, levels: int) -> None:
    assert levels_for(retention) == levels


def test_levels_that_are_not_used_hold_what_is_late() -> None:
    """Segments of days stay; those that are sealed late, by eight days, are merged."""
    days = [segment(NOW + day * DAY, DAY, level=2) for day in range(3)]
    late = [segment(NOW, 5 * DAY), segment(NOW + DAY, 4 * DAY)]
    segments = ranked(*days, *late)
    two = JobLimits(levels=2)
    assert described(plan(segments, LONG_AGO, two)) == [(MERGE, 3, [4, 5], 1)]
    assert plan(segments[:3], LONG_AGO, two) == []
    assert described(plan(segments, LONG_AGO)) == [(MERGE, 3, [1, 2, 3, 4, 5], 1)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1000, 10], []),
        ([1000, 10, 10], [2, 3]),
        ([1000, 249], []),
        ([1000, 250], [1, 2]),
        ([1000, 100, 10, 1], []),
        ([1000, 100, 20, 5], [2, 3, 4]),
        ([10, 1000, 10], [1, 3]),
    ],
)
def test_late_segments_wait_until_they_are_worth_it(sizes: list[int], expected: list[int]) -> None:
    segments = ranked(
        *(segment(NOW, samples=size, level=3 if size == 1000 else 0) for size in sizes)
    )
    chosen = choose(segments, segments, 3, JOB_LIMITS)
    # The big one of the last case comes between the small ones.
    if sizes[0] == 10:
        assert chosen == ()
    else:
        assert [s.rank for s in chosen] == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 2000), min_size=1, max_size=120), st.integers(0, 100_000))
def test_samples_are_not_written_too_often(sizes: list[int], big: int) -> None:
    """Segments arrive late one by one, and everything that is planned is done."""
    segments = [segment(NOW, samples=big, level=3, rank=0)] if big else []
    written, total = 0, big
    for rank, size in enumerate(sizes, 1):
        segments.append(segment(NOW, samples=size, rank=rank))
        total += size
        while jobs := plan(segments, LONG_AGO):
            (job,) = jobs
            written += job.samples
            output = segment(NOW, samples=job.samples, level=3, rank=job.inputs[0].rank)
            segments = [s for s in segments if s.ulid not in job.ulids] + [output]
    most = math.log(total / min(sizes)) / math.log(1.25) + 1
    late = total - big
    times_of_big = math.log(total / big) / math.log(1.25) if big else 0
    assert written <= late * most + big * times_of_big
    assert len(segments) <= 2 + math.log(total) / math.log(4) * 2
