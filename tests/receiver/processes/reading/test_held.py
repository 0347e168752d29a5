"""Selections that are held for others."""

from __future__ import annotations

import pytest

from receiver.processes.reading.held import Held
from storage.errors import Overloaded


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_selection_is_held_until_it_is_released(clock: Clock) -> None:
    held = Held(10.0, clock=clock)
    first, second = held.hold("a", "of a", 1), held.hold("b", "of b", 1)
    assert (held.get(first).selection, held.get(second).querier) == ("a", "of b")
    held.release([first, 12345])
    with pytest.raises(Overloaded, match="not held any more"):
        held.get(first)
    assert len(held) == 1
    held.clear()
    assert len(held) == 0


def test_one_that_no_one_reads_goes(clock: Clock) -> None:
    held = Held(10.0, clock=clock, is_gone=lambda pid: False)
    first, second = held.hold("a", None, 1), held.hold("b", None, 1)
    clock.now_s = 9.0
    held.get(first)
    clock.now_s = 12.0
    held.sweep_all()
    assert held.get(first).selection == "a"
    with pytest.raises(Overloaded, match="10 s"):
        held.get(second)


def test_those_of_a_process_that_is_gone_go(clock: Clock) -> None:
    held = Held(10.0, clock=clock, is_gone=lambda pid: pid == 2)
    first, second = held.hold("a", None, 1), held.hold("b", None, 2)
    held.sweep_all()
    assert held.get(first).selection == "a"
    with pytest.raises(Overloaded):
        held.get(second)


def test_there_are_never_too_many(clock: Clock) -> None:
    held = Held(10.0, held_max=2, clock=clock)
    held.hold("a", None, 1)
    held.hold("b", None, 1)
    with pytest.raises(Overloaded, match=r"2 selections .* at most 2 may be \(HELD_MAX\)"):
        held.hold("c", None, 1)
    clock.now_s = 11.0
    held.hold("c", None, 1)
    assert len(held) == 1
