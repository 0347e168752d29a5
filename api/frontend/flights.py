"""Queries that are asked several times at once are computed once.

Who asks while the same is being computed may have that answer only if nothing has changed since it
was begun: what was acknowledged is seen by the next query. Otherwise it waits, with all who came
since, and what one of them then computes is for all of them. So at most two are computed at a time
of what any number ask for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prometheus_client import Counter

from api.promql.errors import QueryCanceled, QueryError, QueryTimeout

WAIT_S = 0.05

T = TypeVar("T")


@dataclass(slots=True)
class Flight(Generic[T]):
    """One computation. is_current: whether nothing has changed since it was begun, to be set by
    what computes; following: the one that comes after it, if someone waits for it."""

    is_current: Callable[[], bool] = lambda: False
    is_begun: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    following: Flight[T] | None = None
    result: T | None = None
    error: QueryError | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one waits for others: until cancelled, or a time of time.monotonic()."""

    cancelled: Callable[[], bool]
    deadline_s: float

    def left_ms(self) -> int:
        """How much time is left."""
        return max(1, int((self.deadline_s - time.monotonic()) * 1000))

    def wait(self, done: threading.Event) -> None:
        """Raises QueryCanceled or QueryTimeout."""
        while not done.wait(WAIT_S):
            if self.cancelled():
                raise QueryCanceled("query was canceled in query execution")
            if time.monotonic() > self.deadline_s:
                raise QueryTimeout("query timed out in query execution (limit: query.timeout)")


class Flights(Generic[T]):
    """The computations under way, by what is asked. Thread-safe."""

    def __init__(self, shared: Counter) -> None:
        """shared: counts answers that someone else had computed."""
        self._shared = shared
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Flight[T]] = {}

    def run(self, key: Hashable, compute: Callable[[Flight[T]], T], patience: Patience) -> T:
        """What compute() gives, here or where the same is computed. In an event loop, which must
        not wait, it is always here. Raises what compute() raises, and as Patience does."""
        if in_event_loop():
            return compute(Flight())
        flight, leads = self._board(key, patience)
        if leads:
            return self._fly(key, flight, compute)
        patience.wait(flight.done)
        if flight.error is not None:
            raise flight.error
        if flight.result is None:  # it ended for a reason of its own, such as its client's
            return compute(Flight())
        self._shared.inc()
        return flight.result

    def _board(self, key: Hashable, patience: Patience) -> tuple[Flight[T], bool]:
        """The computation whose answer will do, and whether it is to be made here."""
        with self._lock:
            flying = self._flights.get(key)
            if flying is None:
                return self._begin(key, Flight()), True
            if flying.is_current():
                return flying, False
            following = flying.following = flying.following or Flight()
        patience.wait(flying.done)
        with self._lock:
            if following.is_begun:
                return following, False
            return self._begin(key, following), True

    def _begin(self, key: Hashable, flight: Flight[T]) -> Flight[T]:
        flight.is_begun = True
        self._flights[key] = flight
        return flight

    def _fly(self, key: Hashable, flight: Flight[T], compute: Callable[[Flight[T]], T]) -> T:
        try:
            flight.result = compute(flight)
            return flight.result
        except QueryError as error:
            if not isinstance(error, QueryTimeout | QueryCanceled):
                flight.error = error
            raise
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            flight.done.set()


def in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
