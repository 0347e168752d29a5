"""Each segment has one moment in each interval, however often one looks."""

from __future__ import annotations

import random

from storage.compaction.scrub import due_segments, next_scrub_ms
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid

WEEK = 7 * 86_400_000
NOW = 1_796_000_000_000
SEGMENTS = [
    SegmentMeta(
        ulid=new_ulid(i), shard=0, min_ms=0, max_ms=1, samples=1, series=1, bytes=1, created_ms=0
    )
    for i in range(400)
]


def test_each_segment_is_due_once_an_interval() -> None:
    looks = sorted([NOW, NOW + WEEK, *random.Random(1).sample(range(NOW, NOW + WEEK), 50)])
    found = [
        segment.ulid
        for since, now in zip(looks, looks[1:], strict=False)
        for segment in due_segments(SEGMENTS, since, now, WEEK)
    ]
    assert sorted(found) == sorted(segment.ulid for segment in SEGMENTS)


def test_moments_are_spread() -> None:
    for day in range(7):
        at = NOW + day * WEEK // 7
        assert 20 < len(due_segments(SEGMENTS, at, at + WEEK // 7, WEEK)) < 100


def test_an_interval_of_0_switches_it_off() -> None:
    assert due_segments(SEGMENTS, 0, NOW, 0) == []


def test_the_next_moment() -> None:
    for segment in SEGMENTS[:20]:
        at = next_scrub_ms(segment, NOW, WEEK)
        assert NOW < at <= NOW + WEEK
        assert due_segments([segment], NOW, at - 1, WEEK) == []
        assert due_segments([segment], at - 1, at, WEEK) == [segment]
