"""Calls of other stores that threads read while a query waits for them.

They end with their query: whoever waits looks whether the query is still wanted, and whether the
store takes too long; once the query fails, all of its calls are given up.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from storage.kernels.stops import look

# How often whoever waits looks.
LOOK_SECONDS = 0.1
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

        def waited() -> T:
            try:
                while not wait([future], LOOK_SECONDS).done:
                    look()
                    call.end_if_late()
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
