"""When groups are evaluated."""

import numpy as np
import pytest

from rules.groups import Group
from rules.replay.slots import Period, Slots, slots_of
from rules.ruler import slots as ruler

MINUTE = 60_000


@pytest.mark.parametrize(
    ("phase_ms", "start_ms", "end_ms", "first_ms", "count"),
    [
        (0, 0, 0, 0, 1),
        (0, 1, MINUTE - 1, MINUTE, 0),
        (7_000, 0, MINUTE, 7_000, 1),
        (7_000, 0, MINUTE + 7_000, 7_000, 2),
        (10 * MINUTE + 7_000, 0, MINUTE, 7_000, 1),
        (7_000, 7_000, 7_000, 7_000, 1),
        (0, -MINUTE, MINUTE, -MINUTE, 3),
    ],
)
def test_slots_lie_in_the_period(
    phase_ms: int, start_ms: int, end_ms: int, first_ms: int, count: int
) -> None:
    slots = slots_of(Group("g"), Period(start_ms, end_ms, phases={"g": phase_ms}))
    assert (slots.first_ms, slots.count) == (first_ms, count)


def test_what_a_group_states_counts_before_what_is_usual() -> None:
    period = Period(0, 10 * MINUTE, interval_ms=30_000, query_offset_ms=5_000)
    slots = slots_of(Group("g"), period)
    assert (slots.interval_ms, slots.offset_ms) == (30_000, 5_000)
    slots = slots_of(Group("g", interval_ms=MINUTE, query_offset_ms=0), period)
    assert (slots.interval_ms, slots.offset_ms) == (MINUTE, 0)


def test_numbers_and_times() -> None:
    slots = Slots(7_000, MINUTE, 3, offset_ms=10_000)
    assert slots.times.tolist() == [7_000, 67_000, 127_000]
    assert [slots.at_ms(k) for k in range(3)] == [-3_000, 57_000, 117_000]
    assert slots.number_of(np.array([57_000, -3_000])).tolist() == [1, 0]


def test_groups_are_evaluated_when_a_server_does() -> None:
    group = Group("g", "f")
    slots = slots_of(group, Period(0, 10 * MINUTE, tenant="t"))
    assert slots.first_ms == ruler.slots_of("t", group, MINUTE).after(-1)
    aligned = Group("g", "f", is_aligned=True)
    assert slots_of(aligned, Period(1, 10 * MINUTE)).first_ms == MINUTE
