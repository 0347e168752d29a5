"""Who may have the answer of whom; threads meet at events, so that their order is certain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, Counter

from api.frontend.flights import Flight, Flights, Patience
from api.promql.errors import ExecutionError, QueryCanceled, QueryError, QueryTimeout

LONG_S = 60.0
PATIENT = Patience(lambda: False, time.monotonic() + 3_600)


class Scene:
    """Threads that ask for the same; the first one computes until it is let go."""

    def __init__(self) -> None:
        self.shared = Counter("shared", "Answers of others.", registry=CollectorRegistry())
        self.flights: Flights[int] = Flights(self.shared)
        self.threads = ThreadPoolExecutor(8)
        self.computed = 0
        self.may_end = threading.Event()
        self.has_begun = threading.Event()

    def ask(
        self, *, current: bool = False, error: QueryError | None = None, held: bool = False
    ) -> Future[int]:
        def compute(flight: Flight[int]) -> int:
            flight.is_current = lambda: current
            self.computed += 1
            number = self.computed
            if held:
                self.has_begun.set()
                assert self.may_end.wait(LONG_S)
            if error is not None:
                raise error
            return number

        return self.threads.submit(self.flights.run, "key", compute, PATIENT)

    def follower_waits(self) -> None:
        """Wait until someone waits for the computation after this one."""
        deadline_s = time.monotonic() + LONG_S
        while self.flights._flights["key"].following is None:
            assert time.monotonic() < deadline_s
            time.sleep(0.001)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def begun(scene: Scene, **how: object) -> Future[int]:
    first: Future[int] = scene.ask(held=True, **how)  # type: ignore[arg-type]
    assert scene.has_begun.wait(LONG_S)
    return first


def test_one_after_the_other_share_nothing(scene: Scene) -> None:
    assert [scene.ask(current=True).result(LONG_S) for _ in range(2)] == [1, 2]
    assert scene.flights._flights == {}


def test_what_has_not_changed_is_for_all(scene: Scene) -> None:
    first = begun(scene, current=True)
    asked = threading.Event()

    def cancelled() -> bool:
        asked.set()  # it waits for the first one
        return False

    patience = Patience(cancelled, time.monotonic() + 3_600)
    second = scene.threads.submit(scene.flights.run, "key", lambda flight: 9, patience)
    assert asked.wait(LONG_S)
    scene.may_end.set()
    assert (first.result(LONG_S), second.result(LONG_S)) == (1, 1)
    assert (scene.computed, scene.shared._value.get()) == (1, 1)


def test_who_came_after_a_change_waits_for_the_next(scene: Scene) -> None:
    first = begun(scene)
    second = scene.ask()
    scene.follower_waits()
    assert scene.computed == 1
    scene.may_end.set()
    assert (first.result(LONG_S), second.result(LONG_S)) == (1, 2)
    assert scene.flights._flights == {}


def test_an_error_of_the_query_is_for_all(scene: Scene) -> None:
    first = begun(scene, current=True, error=ExecutionError("no"))
    flight = scene.flights._flights["key"]
    scene.may_end.set()
    with pytest.raises(ExecutionError):
        first.result(LONG_S)
    assert isinstance(flight.error, ExecutionError)
    assert scene.ask().result(LONG_S) == 2


@pytest.mark.parametrize("error", [QueryTimeout("late"), QueryCanceled("left")])
def test_the_end_of_one_is_not_that_of_others(scene: Scene, error: QueryError) -> None:
    first = begun(scene, error=error)
    second = scene.ask()
    scene.follower_waits()
    scene.may_end.set()
    with pytest.raises(type(error)):
        first.result(LONG_S)
    assert second.result(LONG_S) == 2


@pytest.mark.parametrize(
    ("patience", "error"),
    [
        (Patience(lambda: True, time.monotonic() + 3_600), QueryCanceled),
        (Patience(lambda: False, 0.0), QueryTimeout),
    ],
)
def test_no_one_waits_for_ever(scene: Scene, patience: Patience, error: type[QueryError]) -> None:
    first = begun(scene)
    with pytest.raises(error):
        scene.flights.run("key", lambda flight: 5, patience)
    scene.may_end.set()
    assert first.result(LONG_S) == 1


def test_the_event_loop_does_not_wait(scene: Scene) -> None:
    first = begun(scene, current=True)

    async def ask(compute: Callable[[Flight[int]], int]) -> int:
        return scene.flights.run("key", compute, PATIENT)

    assert asyncio.run(ask(lambda flight: 7)) == 7
    scene.may_end.set()
    assert first.result(LONG_S) == 1


def test_other_questions_are_other_flights(scene: Scene) -> None:
    first = begun(scene, current=True)
    assert scene.flights.run("other", lambda flight: 9, PATIENT) == 9
    scene.may_end.set()
    assert first.result(LONG_S) == 1
