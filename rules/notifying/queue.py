"""Alerts of one tenant that wait for one Alertmanager: bounded, the latest notice of each.

A newer notice of an alert takes the place of the older one, also while that is on its way. Where
there is no room, the oldest are dropped.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rules.evaluation.alerts import RESOLVED_KEPT_MS
from rules.evaluation.rows import Key


@dataclass(slots=True, eq=False)
class Delivery:
    """What became of one notice, which may stand in several queues. key: the alert, as whoever
    evaluates knows it; is_done: an Alertmanager has it."""

    key: Key
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A notice in a queue. identity: the labels as they are sent."""

    identity: Key
    message: bytes
    end_ms: int
    delivery: Delivery


class Queue:
    """For any thread."""

    def __init__(self, items_max: int, bytes_max: int) -> None:
        self._items_max = items_max
        self._bytes_max = bytes_max
        self._waiting: OrderedDict[Key, Item] = OrderedDict()
        self._sent: dict[Key, Item] = {}  # on their way
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, items: Iterable[Item]) -> int:
        """Add items at the end; how many were dropped."""
        with self._lock:
            for item in items:
                before = self._waiting.get(item.identity)
                self._bytes += len(item.message) - (len(before.message) if before else 0)
                self._waiting[item.identity] = item
            return self._shrink()

    def take(self, count: int, now_ms: int) -> tuple[list[Item], int]:
        """The oldest items, to be given back by done() or failed(); and how many were dropped
        because no Alertmanager keeps what has ended so long ago."""
        taken: list[Item] = []
        dropped = 0
        with self._lock:
            while self._waiting and len(taken) < count:
                item = self._pop()
                if item.end_ms + RESOLVED_KEPT_MS < now_ms:
                    dropped += 1
                else:
                    taken.append(item)
            self._sent = {item.identity: item for item in taken}
        return taken, dropped

    def done(self, items: Sequence[Item], *, delivered: bool) -> None:
        """What take() gave is not needed any more."""
        with self._lock:
            self._sent = {}
            for item in items:
                item.delivery.is_done |= delivered

    def failed(self, items: Sequence[Item]) -> int:
        """Put back what take() gave, but for alerts of which there is something newer; how many
        were dropped."""
        with self._lock:
            self._sent = {}
            for item in reversed(items):
                if item.identity not in self._waiting:
                    self._waiting[item.identity] = item
                    self._waiting.move_to_end(item.identity, last=False)
                    self._bytes += len(item.message)
            return self._shrink()

    def undelivered(self) -> set[Key]:
        """The alerts of which no Alertmanager has the notice that waits here."""
        with self._lock:
            items = [*self._sent.values(), *self._waiting.values()]
            return {item.delivery.key for item in items if not item.delivery.is_done}

    def _shrink(self) -> int:
        dropped = 0
        while len(self._waiting) > self._items_max or self._bytes > self._bytes_max:
            self._pop()
            dropped += 1
        return dropped

    def _pop(self) -> Item:
        _, item = self._waiting.popitem(last=False)
        self._bytes -= len(item.message)
        return item
