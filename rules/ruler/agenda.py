"""What is due when: a heap of times, from which what was put earlier for the same thing is gone."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Agenda(Generic[K]):
    """One time for each of some things."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, K]] = []
        self._tickets: dict[K, int] = {}
        self._numbers = count()

    def put(self, thing: K, due_ms: int) -> None:
        """In the place of any earlier time."""
        ticket = self._tickets[thing] = next(self._numbers)
        heapq.heappush(self._heap, (due_ms, ticket, thing))

    def drop(self, thing: K) -> None:
        self._tickets.pop(thing, None)

    def take_due(self, now_ms: int) -> Iterator[K]:
        """Take what is due, the longest first."""
        while self._heap and self._heap[0][0] <= now_ms:
            _, ticket, thing = heapq.heappop(self._heap)
            if self._tickets.get(thing) == ticket:
                del self._tickets[thing]
                yield thing

    def next_ms(self) -> int | None:
        """When something may be due next."""
        return self._heap[0][0] if self._heap else None
