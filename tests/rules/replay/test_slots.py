"""When groups are evaluated."""

import numpy as np
import pytest

from rules.groups import Group
from rules.replay.slots import Period, Slots, phase_of, slots_of

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


def test_groups_are_spread_and_stay_where_they_are() -> None:
    phases = {phase_of("t", Group(f"g{k}", "f"), MINUTE) for k in range(50)}
    assert len(phases) > 40
    assert all(0 <= phase < MINUTE for phase in phases)
    assert phase_of("t", Group("g", "f"), MINUTE) == phase_of("t", Group("g", "f"), MINUTE)
    assert phase_of("t", Group("g", "f"), MINUTE) != phase_of("u", Group("g", "f"), MINUTE)
