"""What is said about a segment's future is what the planner will do."""

from __future__ import annotations

import pytest

from storage.catalog.catalog import SetAside
from storage.compaction.planner import JOB_LIMITS, MERGE, SALVAGE, plan
from storage.compaction.status import (
    COMPACTING,
    DAMAGED,
    EXPIRE,
    IN_USE,
    SET_ASIDE,
    Next,
    Outlook,
    segment_states,
)
from tests.storage.compaction.test_planner import DAY, HOUR, LONG_AGO, NOW, ranked, segment

SLACK = JOB_LIMITS.slack_ms


@pytest.mark.parametrize(
    ("level", "now", "expected"),
    [
        (0, NOW, Next(MERGE, NOW + 2 * HOUR + SLACK, 1, (NOW, NOW + 2 * HOUR - 1))),
        (0, NOW + 3 * HOUR, Next(MERGE, NOW + DAY + SLACK, 2, (NOW, NOW + DAY - 1))),
        (2, NOW, Next(MERGE, NOW + DAY + SLACK, 2, (NOW, NOW + DAY - 1))),
        (2, NOW + 2 * DAY, Next(MERGE, NOW + 8 * DAY + SLACK, 3, (NOW, NOW + 8 * DAY - 1))),
        (3, NOW + 9 * DAY, Next(EXPIRE, NOW + HOUR - 1 + 90 * DAY)),
    ],
)
def test_a_segment_alone_waits_for_its_windows(level: int, now: int, expected: Next) -> None:
    alone = segment(NOW, level=level)
    outlook = Outlook(now, 90 * DAY, JOB_LIMITS)
    assert outlook.of(alone, [alone]) == expected
    if expected.action == MERGE:
        assert expected.due_ms is not None
        both = [alone, segment(NOW, level=level)]
        job = plan(both, expected.due_ms)[-1]
        assert (job.level, job.windows) == (expected.level, (expected.window,))


def test_what_is_late_waits_for_more() -> None:
    big, small = ranked(segment(NOW, samples=1000, level=3), segment(NOW, samples=1))
    outlook = Outlook(LONG_AGO, 0, JOB_LIMITS)
    assert plan([big, small], LONG_AGO) == []
    for each in (big, small):
        found = outlook.of(each, [big, small])
        assert found is not None
        assert (found.action, found.due_ms) == (MERGE, None)
    assert outlook.of(big, [big]) is None, "it is kept for ever"
    assert Outlook(LONG_AGO, 0, None).of(small, [big, small]) is None, "nothing is merged"


def test_states_of_a_shard() -> None:
    first, second, hurt, lone, gone = ranked(
        segment(NOW), segment(NOW), segment(NOW - 8 * DAY), segment(NOW - 80 * DAY), segment(NOW)
    )
    segments = [first, second, hurt, lone]
    jobs = plan(segments, LONG_AGO, damaged={hurt.ulid})
    salvage, merge = jobs
    outlook = Outlook(LONG_AGO, 0, JOB_LIMITS, {hurt.ulid})
    states = segment_states(
        segments, [SetAside(gone, "why", 5)], [(salvage, 0), (merge, LONG_AGO + 7)], outlook, merge
    )
    window = (NOW, NOW + 8 * DAY - 1)
    merged = Next(MERGE, LONG_AGO + 7, 3, window)
    salvaged = Next(SALVAGE, LONG_AGO, 0, (hurt.min_ms, hurt.max_ms))
    assert [(s.segment, s.state, s.next, s.reason, s.since_ms) for s in states] == [
        (lone, IN_USE, None, "", 0),
        (hurt, DAMAGED, salvaged, "", 0),
        (first, COMPACTING, merged, "", 0),
        (second, COMPACTING, merged, "", 0),
        (gone, SET_ASIDE, None, "why", 5),
    ]
    off = segment_states(segments, [], [], Outlook(LONG_AGO, 0, None, {hurt.ulid}))
    assert [s.state for s in off] == [IN_USE, DAMAGED, IN_USE, IN_USE]


@pytest.mark.parametrize(("kept_ms", "due_ms"), [(DAY, 9 + DAY), (0, None)])
def test_windows_expire_by_their_own_retention(kept_ms: int, due_ms: int | None) -> None:
    windows = segment(0, 10, resolution_ms=300_000, from_ms=0, to_ms=DAY)
    outlook = Outlook(5, 1, JOB_LIMITS, retentions_ms={300_000: kept_ms})
    expected = None if due_ms is None else Next(EXPIRE, due_ms)
    raw = segment(0, 10)
    assert outlook.of(windows, [windows, raw]) == expected
    long_ago = Outlook(LONG_AGO, DAY, JOB_LIMITS)
    assert long_ago.of(raw, [windows, raw]) == Next(EXPIRE, 9 + DAY), "windows are not merged with"
