"""Calls of one query: they end when they are late, and with the query."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from receiver.stores.waiting import ABANDONED, LATE, Calls, waiting_ends_s
from storage.kernels.stops import stoppable

PATIENCE_S = 60


class Endless:
    """A call that goes on until it is ended. is_late: whether it takes longer than it may."""

    def __init__(self, *, is_late: bool = False) -> None:
        self.is_late = is_late
        self.ended = threading.Event()
        self.why: list[str] = []

    def end(self, why: str) -> None:
        self.why.append(why)
        self.ended.set()

    def end_if_late(self) -> None:
        if self.is_late:
            self.end("late")

    def read(self) -> str:
        assert self.ended.wait(PATIENCE_S)
        return "read to its end"


class Over(Exception):
    pass


def over() -> None:
    raise Over


@pytest.fixture
def calls() -> Iterator[Calls]:
    with ThreadPoolExecutor(2) as threads:
        yield Calls(threads)


def test_what_is_read_is_waited_for(calls: Calls) -> None:
    assert calls.begin(Endless(), lambda: 7)() == 7


def test_one_that_is_late_is_ended(calls: Calls) -> None:
    call = Endless(is_late=True)
    assert calls.begin(call, call.read)() == "read to its end"
    assert call.why == ["late"]


def test_one_is_ended_before_the_time_of_the_query_is_over(calls: Calls) -> None:
    """So that the query says which store it was; its own check would raise later."""
    call = Endless()
    with stoppable(lambda: None, time.monotonic() + 0.3):
        assert calls.begin(call, call.read)() == "read to its end"
    assert call.why[0] == LATE


def test_waiting_has_a_share_of_the_time_that_is_left() -> None:
    assert waiting_ends_s() == math.inf
    with stoppable(lambda: None, time.monotonic() + 1_000):
        assert waiting_ends_s() < time.monotonic() + 901


def test_all_end_with_the_query(calls: Calls) -> None:
    """Also the third, for which there is no thread yet."""
    several = [Endless() for _ in range(3)]
    first, *_ = [calls.begin(call, call.read) for call in several]
    with stoppable(over), pytest.raises(Over):
        first()
    assert [call.why for call in several] == [[ABANDONED]] * 3


def test_what_reading_raises_ends_the_others(calls: Calls) -> None:
    other = Endless()
    calls.begin(other, other.read)
    with pytest.raises(Over):
        calls.begin(Endless(), over)()
    assert other.why == [ABANDONED]


def test_what_has_ended_is_not_ended_again(calls: Calls) -> None:
    call = Endless()
    calls.begin(call, lambda: None)()
    calls.end()
    assert call.why == []
