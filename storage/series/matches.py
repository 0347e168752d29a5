"""What selectors matched, kept for the next query that asks the same.

Dashboards ask the same selectors again and again, while series hardly change. Labels of a series
never change and series are only added, so what matched stays; only series that are new to the
tenant have to be looked at. With the series their frame is kept, and with it whatever queries
derive from labels alone: names, order, groups, texts.

Invariants:
* A key names one tenant of one shard, and its matches are series of that tenant.
* What is kept is bounded, by selectors and by series.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame


@dataclass(frozen=True, slots=True)
class KeptLimits:
    """What one shard keeps: selectors, series of all of them, and of one.

    A series takes some 800 bytes with all that queries derive. A selector of many is not kept: next
    to what such a query costs, its labels are little.
    """

    matches: int = 512
    series: int = 1 << 16
    series_per_match: int = 1 << 12


KEPT_LIMITS = KeptLimits()


@dataclass(frozen=True, slots=True)
class Match:
    """The series that a selector matched: refs, ascending by series id, and their labels.

    seen: how many of the tenant's series were looked at. The labels are those of no query.
    """

    refs: Int64s
    labels: LabelFrame
    seen: int


class Matches:
    """The latest matches of one shard's selectors. Thread-safe."""

    def __init__(self, limits: KeptLimits = KEPT_LIMITS) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Match] = OrderedDict()
        self._series = 0

    def find(self, key: Hashable) -> Match | None:
        with self._lock:
            match = self._kept.get(key)
            if match is not None:
                self._kept.move_to_end(key)
            return match

    def keep(self, key: Hashable, match: Match) -> None:
        """In place of what is kept under the key, and of the oldest ones if there is no room."""
        with self._lock:
            self._drop(key)
            if len(match.refs) > self._limits.series_per_match:
                return
            self._kept[key] = match
            self._series += len(match.refs)
            while self._is_too_much():
                self._drop(next(iter(self._kept)))

    def _is_too_much(self) -> bool:
        return len(self._kept) > self._limits.matches or self._series > self._limits.series

    def _drop(self, key: Hashable) -> None:
        match = self._kept.pop(key, None)
        if match is not None:
            self._series -= len(match.refs)
