"""Slots: exactly an interval apart, at a place of each group's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.groups import Group
from rules.ruler.slots import Slots, slots_of

INTERVALS = st.integers(1, 10**8)


@given(INTERVALS, st.integers(0, 10**9), st.integers(0, 10**13))
def test_slots_are_an_interval_apart(interval_ms: int, offset_ms: int, now_ms: int) -> None:
    slots = Slots(interval_ms, offset_ms)
    latest = slots.latest(now_ms)
    assert latest <= now_ms < latest + interval_ms
    assert (latest - offset_ms) % interval_ms == 0
    assert slots.after(now_ms) == latest + interval_ms
    assert slots.after(latest - 1) == latest
    assert slots.count(latest - 3 * interval_ms, latest) == 3
    assert slots.count(latest, latest - interval_ms) == 0


def test_groups_are_spread_and_keep_their_places() -> None:
    groups = [Group(f"g{number}", "f") for number in range(200)]
    found = [slots_of("t", group, 60_000) for group in groups]
    assert found == [slots_of("t", group, 60_000) for group in groups]
    assert len({slots.offset_ms // 6_000 for slots in found}) == 10  # every tenth of the interval
    assert slots_of("t", groups[0], 60_000) != slots_of("u", groups[0], 60_000)


@pytest.mark.parametrize(
    ("group", "wanted"),
    [
        (Group("g", is_aligned=True), Slots(60_000)),
        (Group("g", interval_ms=7_000, is_aligned=True), Slots(7_000)),
    ],
)
def test_aligned_groups_have_no_place_of_their_own(group: Group, wanted: Slots) -> None:
    assert slots_of("t", group, 60_000) == wanted
