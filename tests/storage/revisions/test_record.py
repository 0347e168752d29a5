"""A record reports what changed since a revision, near the present by slots of seconds."""

from __future__ import annotations

import numpy as np

from storage.revisions.record import FINE_SHIFT, REASONS_KEPT_MAX, SAMPLES, Record
from storage.revisions.rings import Span

NOW = 1_700_000_000_000
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
EVER: Span = (NOW - 1_000 * DAY, NOW + DAY)
ALL_TIMES: Span = (-(1 << 62), 1 << 62)
SLOT = 1 << FINE_SHIFT


def wrote(record: Record, *times: int, span: Span = ALL_TIMES) -> int:
    record.note_samples(np.array(times, np.int64), span, NOW)
    return record.revision


def test_samples_touch_their_slots() -> None:
    record = Record(NOW)
    first = wrote(record, NOW, NOW - HOUR)
    (late, tip) = record.changed(0, EVER)
    assert late[0] <= NOW - HOUR <= late[1] and late[1] - late[0] < SLOT
    assert tip[0] <= NOW <= tip[1] and tip[1] - tip[0] < SLOT
    assert record.changed(first, EVER) == []
    assert record.changed(0, (NOW - HOUR + SLOT, NOW - SLOT)) == []


def test_samples_that_are_refused_for_their_time_touch_nothing() -> None:
    record = Record(NOW)
    wrote(record, NOW - HOUR, NOW, span=(NOW - SECOND, NOW + SECOND))
    assert [start > NOW - HOUR for start, _ in record.changed(0, EVER)] == [True]


def test_old_times_are_known_by_larger_slots() -> None:
    record = Record(NOW)
    wrote(record, NOW - 10 * DAY)
    ((start, end),) = record.changed(0, EVER)
    assert start <= NOW - 10 * DAY <= end < start + 2 * HOUR
    assert record.changed(0, (NOW - DAY, NOW)) == []


def test_times_that_no_slot_is_for_are_known_together() -> None:
    record = Record(NOW)
    revision = wrote(record, NOW - 999 * DAY)
    ((start, end),) = record.changed(0, EVER)
    assert start == EVER[0] and end < NOW - 300 * DAY
    wrote(record, NOW + 900 * DAY)
    ((start, end),) = record.changed(revision, (EVER[0], NOW + 901 * DAY))
    assert NOW + HOUR < start <= NOW + 900 * DAY and end == NOW + 901 * DAY


def test_stretches_and_all_times_come_with_a_reason() -> None:
    record = Record(NOW)
    before = wrote(record, NOW)
    assert record.reason_since(0) == SAMPLES
    record.note_span((NOW - 3 * DAY, NOW - 2 * HOUR), "deletion")
    found = record.changed(before, EVER)
    assert found[0][0] <= NOW - 3 * DAY and found[-1][1] >= NOW - 2 * HOUR
    assert found[-1][1] < NOW - 2 * HOUR + SLOT
    assert record.reason_since(before) == "deletion"
    deleted = record.revision
    record.note_all("damage")
    assert record.changed(deleted, (1, 2)) == [(1, 2)]
    assert record.reason_since(deleted) == "damage"
    assert record.changed(record.revision, (1, 2)) == []


def test_reasons_are_bounded() -> None:
    record = Record(NOW)
    for _ in range(REASONS_KEPT_MAX + 10):
        record.note_all("x")
    assert len(record._reasons) == REASONS_KEPT_MAX
