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

MATCHES_KEPT_MAX = 512
# Some 500 bytes each, with all that queries derive. A selector of more than a share of them is not
# kept: next to what such a query costs, its labels are little.
SERIES_KEPT_MAX = 1 << 16
SERIES_PER_MATCH_MAX = 1 << 12


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

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Match] = OrderedDict()
        self._series = 0

    def __len__(self) -> int:
        return len(self._kept)

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
            if len(match.refs) > SERIES_PER_MATCH_MAX:
                return
            self._kept[key] = match
            self._series += len(match.refs)
            while len(self._kept) > MATCHES_KEPT_MAX or self._series > SERIES_KEPT_MAX:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        match = self._kept.pop(key, None)
        if match is not None:
            self._series -= len(match.refs)
