"""Calls of other stores that threads read while a query waits for them.

They end with their query: whoever waits looks whether the query is still wanted, and whether the
store takes too long; once the query fails, all of its calls are given up. A store has no more than
a share of the time that is left to the query, so that the rest is answered and it can be named.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from storage.kernels.stops import look, seconds_left

# How often whoever waits looks.
LOOK_SECONDS = 0.1
# Of what is left of a query's time, how much waiting may take.
SHARE = 0.9
LATE = "it did not answer in most of the time that the query may take (query.timeout, or its own)"
ABANDONED = "the query that asked has ended"
T = TypeVar("T")


class Call(Protocol):
    """A question to one store that is under way."""

    def end(self, why: str) -> None:
        """Have its reader fail."""
        ...

    def end_if_late(self) -> None:
        """End it if it takes longer than it may."""
        ...


@dataclass(slots=True)
class Calls:
    """The calls of one query. Any thread may begin some and wait for them."""

    threads: Executor
    _under_way: dict[int, tuple[Call, "Future[object]"]] = field(default_factory=dict)

    def begin(self, call: Call, read: Callable[[], T]) -> Callable[[], T]:
        """Have a thread read a call. What is given waits for what that gives; it raises what ends
        the query."""
        future = self.threads.submit(read)
        self._under_way[id(call)] = call, future  # type: ignore[assignment]

        until_s = waiting_ends_s()

        def waited() -> T:
            try:
                while not wait([future], LOOK_SECONDS).done:
                    look()
                    call.end_if_late()
                    if time.monotonic() > until_s:
                        call.end(LATE)
                return future.result()
            except BaseException:
                self.end()
                raise
            finally:
                self._under_way.pop(id(call), None)

        return waited

    def end(self) -> None:
        """Give up all that are under way."""
        for call, future in list(self._under_way.values()):
            future.cancel()
            call.end(ABANDONED)


def waiting_ends_s() -> float:
    """When who begins to wait now has waited for as long as the query allows, on the monotonic
    clock; infinite if it has no end."""
    return time.monotonic() + SHARE * seconds_left()
