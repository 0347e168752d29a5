"""Turns: fair between tenants, within their shares, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from rules.ruler.turns import Turns

LIMIT_S = 60.0


class Gate:
    """Work that waits until it is let go, and says when it has begun."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def work(self) -> None:
        self.begun.set()
        assert self.open.wait(LIMIT_S)


def wait_for(event: threading.Event) -> None:
    assert event.wait(LIMIT_S)


def noting(done: list[str], name: str) -> Callable[[], None]:
    return lambda: done.append(name)


def last_of(turns: Turns, tenant: str) -> threading.Event:
    event = threading.Event()
    turns.put(tenant, event.set)
    return event


def test_tenants_take_turns() -> None:
    turns = Turns(1, lambda _: 1)
    turns.start()
    gate = Gate()
    turns.put("busy", gate.work)
    wait_for(gate.begun)
    done: list[str] = []
    for number in range(4):
        turns.put("busy", noting(done, f"busy{number}"))
    turns.put("other", noting(done, "other0"))
    turns.put("third", noting(done, "third0"))
    end = last_of(turns, "busy")
    assert turns.waiting == 7
    gate.open.set()
    wait_for(end)
    turns.stop()
    assert done == ["busy0", "other0", "third0", "busy1", "busy2", "busy3"]


def test_a_slow_tenant_leaves_threads_to_the_others() -> None:
    turns = Turns(3, lambda tenant: 2)
    turns.start()
    gates = [Gate() for _ in range(5)]
    for gate in gates:
        turns.put("slow", gate.work)
    wait_for(gates[0].begun)
    wait_for(gates[1].begun)
    for number in range(19):  # though the slow one has waited for longer
        wait_for(last_of(turns, f"tenant-{number}"))
    assert not gates[2].begun.is_set()
    for gate in gates:
        gate.open.set()
    wait_for(last_of(turns, "slow"))
    turns.stop()
    assert all(gate.begun.is_set() for gate in gates)


@pytest.mark.parametrize("share", [1, 4])
def test_parts_are_done_together(share: int) -> None:
    turns = Turns(4, lambda _: share)
    turns.start()
    done: list[int] = []
    threads: set[str] = set()
    both = threading.Barrier(2)

    def part(number: int) -> None:
        threads.add(threading.current_thread().name)
        if share > 1 and number < 2:
            both.wait(LIMIT_S)  # passes only if another thread does the other one
        done.append(number)

    def work() -> None:
        turns.together("t", [lambda n=number: part(n) for number in range(10)])  # type: ignore[misc]
        done.append(-1)
        ended.set()

    ended = threading.Event()
    turns.put("t", work)
    wait_for(ended)
    turns.stop()
    assert done[-1] == -1
    assert sorted(done[:-1]) == list(range(10))
    assert (len(threads) == 1) == (share == 1)


def test_what_a_part_raises_is_raised_once_all_are_done() -> None:
    turns = Turns(1, lambda _: 1)
    turns.start()
    seen: list[str] = []

    def fail() -> None:
        raise ValueError("part")

    def work() -> None:
        try:
            turns.together("t", [fail, noting(seen, "other")])
        except ValueError as error:
            seen.append(str(error))
        raise ValueError("whole")

    turns.put("t", work)
    wait_for(last_of(turns, "t"))  # the thread is there for what comes next
    turns.stop()
    assert seen == ["other", "part"]


def test_nothing_is_begun_after_the_end() -> None:
    turns = Turns(1, lambda _: 1)
    turns.start()
    gate = Gate()
    turns.put("t", gate.work)
    wait_for(gate.begun)
    late = threading.Event()
    turns.put("t", late.set)
    stopping = threading.Thread(target=turns.stop)
    stopping.start()
    gate.open.set()
    stopping.join(LIMIT_S)
    assert not stopping.is_alive()
    turns.put("t", late.set)
    assert not late.is_set()
