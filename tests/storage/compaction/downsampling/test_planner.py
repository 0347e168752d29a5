"""Which windows are to be downsampled, as a table of what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from storage.compaction.downsampling.planner import (
    LATE_MS,
    Resolution,
    days_of,
    plan_windows,
    resolutions_of,
    unreached,
)
from storage.options import DAY_MS, HOUR_MS, StorageOptions
from storage.segments.segment import SegmentMeta

FINE, COARSE = 300_000, HOUR_MS
NOW = 65 * DAY_MS  # the first day of windows of all widths is past
KEPT = (Resolution(FINE, 40 * HOUR_MS, 0), Resolution(COARSE, 10 * DAY_MS, 0))
SHORT = (Resolution(FINE, 40 * HOUR_MS, 30 * DAY_MS), Resolution(COARSE, 10 * DAY_MS, 90 * DAY_MS))


def raw(first_day: float, days: float = 1, **fields: int) -> SegmentMeta:
    start = round(first_day * DAY_MS)
    values = {"shard": 0, "samples": 10, "series": 1, "bytes": 1, "created_ms": 0}
    values |= {"min_ms": start + 1, "max_ms": start + round(days * DAY_MS)}
    return SegmentMeta(**{"ulid": f"raw {first_day} {days}", **values, **fields})  # type: ignore


def windows(resolution: int, first_day: int, days: int = 1, **fields: int) -> SegmentMeta:
    own = raw(first_day, days)
    values = {"from_ms": first_day * DAY_MS, "to_ms": (first_day + days) * DAY_MS}
    level = {1: 2, 8: 3, 32: 4}[days]
    made = {"ulid": f"{resolution} {first_day} {days}", "resolution_ms": resolution, "level": level}
    return msgspec.structs.replace(own, **(made | values | fields))


def described(
    segments: Sequence[SegmentMeta], now_ms: int, resolutions: tuple[Resolution, ...] = KEPT
) -> list[str]:
    """Kind, seconds of a window, first day, days, what is replaced and what it is made of."""
    return [
        f"{j.kind} {j.resolution_ms // 1000} {(j.windows[0][0] - 1) // DAY_MS}"
        f"+{(j.windows[0][1] - j.windows[0][0] + 1) // DAY_MS} {len(j.inputs)} {len(j.sources)}"
        for j in plan_windows(segments, now_ms, resolutions)
    ]


@pytest.mark.parametrize(
    ("segments", "age_hours", "expected"),
    [
        ([], 1000, []),
        ([raw(64)], 39.9, []),
        ([raw(64)], 40, ["downsample 300 64+1 0 1"]),
        ([raw(64), raw(65)], 64, ["downsample 300 64+1 0 1", "downsample 300 65+1 0 1"]),
        ([raw(56, 8)], 40, ["downsample 300 32+32 0 1"]),
        ([raw(32, 8), raw(40, 8)], 40, ["downsample 300 32+32 0 2"]),
        ([raw(56, 8), windows(FINE, 40)], 40,
         ["downsample 300 56+8 0 1", "downsample 3600 40+8 0 1"]),
        ([raw(64), windows(FINE, 64)], 239, []),
        ([raw(64), windows(FINE, 64)], 240, ["downsample 3600 64+1 0 1"]),
        ([raw(65), raw(64), windows(FINE, 64)], 400,
         ["downsample 300 65+1 0 1", "downsample 3600 64+1 0 1"]),
        ([windows(FINE, 56), windows(FINE, 57)], 16, ["widen 300 32+32 2 0"]),
        ([windows(FINE, 56), windows(FINE, 57)], 15, []),
        ([windows(FINE, 56), windows(FINE, 57), windows(FINE, 66)], 250,
         ["downsample 3600 32+32 0 2", "widen 300 32+32 2 0"]),
        ([windows(FINE, 64), windows(FINE, 67)], 207, []),
        ([windows(FINE, 64), windows(FINE, 67)], 208, ["widen 300 64+8 2 0"]),
        ([windows(FINE, 56), windows(FINE, 57, late_ms=NOW)], 40, []),
        ([windows(FINE, 56), windows(FINE, 57), raw(58)], 40, ["downsample 300 58+1 0 1"]),
        ([windows(FINE, 56), windows(FINE, 57, late_ms=NOW - LATE_MS), raw(57)], 40,
         ["renew 300 57+1 1 1"]),
        ([windows(FINE, 57, late_ms=NOW - LATE_MS)], 40, []),
        ([windows(FINE, 57, late_ms=NOW + 41 * HOUR_MS - LATE_MS), raw(57)], 40, []),
        ([windows(FINE, 56, 8), windows(COARSE, 56, 8, late_ms=1)], 40,
         ["renew 3600 56+8 1 1"]),
    ],
)  # fmt: skip
def test_what_is_due(segments: list[SegmentMeta], age_hours: float, expected: list[str]) -> None:
    assert described(segments, NOW + round(age_hours * HOUR_MS)) == expected


def test_a_sample_at_the_end_of_a_day_is_of_that_day() -> None:
    at_midnight = msgspec.structs.replace(raw(64), min_ms=65 * DAY_MS, max_ms=65 * DAY_MS)
    assert described([at_midnight], NOW + 40 * HOUR_MS) == ["downsample 300 64+1 0 1"]


def test_what_is_past_is_not_made() -> None:
    segments = [raw(day) for day in (20, 35, 50)]
    assert described(segments, NOW, SHORT) == ["downsample 300 35+1 0 1", "downsample 300 50+1 0 1"]


def test_windows_are_small_against_their_retention() -> None:
    assert [list(each.widths) for each in KEPT] == [[2, 3, 4]] * 2
    assert [list(each.widths) for each in SHORT] == [[2], [2, 3]]


def test_large_jobs_are_made_smaller() -> None:
    segments = [raw(56, 8, samples=100), windows(FINE, 40)]
    jobs = plan_windows(segments, NOW + 40 * HOUR_MS, KEPT[:1], samples_max=99)
    assert [job.windows[0][0] // DAY_MS for job in jobs] == list(range(56, 64))
    assert len(plan_windows(segments, NOW + 40 * HOUR_MS, KEPT[:1], samples_max=100)) == 1


def test_damaged_ones_are_salvaged() -> None:
    fine, coarse = windows(FINE, 56, 8), windows(COARSE, 56, 8)
    segments = [raw(56), fine, coarse]
    found = plan_windows(segments, NOW + 400 * HOUR_MS, KEPT, damaged=[fine.ulid])
    assert [(job.kind, job.inputs, len(job.sources)) for job in found] == [("salvage", (fine,), 1)]
    assert found[0].key != found[0].ulids


def test_times_without_sense_are_passed_over() -> None:
    assert list(days_of((-(1 << 62), 1 << 62))) == []
    assert described([raw(64), raw(-1_000_000, 2_000_000)], NOW) == []


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 2),
        ({"downsampling_enabled": False}, 0),
        ({"compaction_enabled": False}, 0),
    ],
)
def test_downsampling_is_switched_off(changes: dict[str, bool], count: int) -> None:
    assert len(resolutions_of(replace(StorageOptions(), **changes))) == count


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"retention_ms": 0, "retention_5m_ms": 0}, []),
        ({"retention_ms": 63 * HOUR_MS}, ["storage.retention"]),
        ({"retention_ms": 64 * HOUR_MS}, []),
        ({"retention_5m_ms": 10 * DAY_MS}, ["storage.retention-5m"]),
        ({"retention_5m_ms": 1, "downsampling_enabled": False}, []),
    ],
)
def test_settings_that_leave_nothing_to_downsample(
    changes: dict[str, int], names: list[str]
) -> None:
    found = list(unreached(replace(StorageOptions(), **changes)))
    assert [text.split()[0] for text in found] == names
    assert all("storage.downsampling.enabled" in text for text in found)
