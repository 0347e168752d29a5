"""What is kept of segments between reads: footers, where series lie, and row groups decoded last.

Segments never change, so nothing kept is ever wrong; what leaves the view of a shard is forgotten
to make room. Every kind has a bound of its own.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar

from prometheus_client import Gauge

from storage.segments.aggregates.groups import AggregateFooter, WindowGroup
from storage.segments.encoding.footers import Footer
from storage.segments.encoding.groups import Group
from storage.segments.histogram_reader import HistogramFooter
from storage.segments.row_index import RowIndex

# Of footers and row indexes together; the share of footers.
INDEX_BYTES = 96 << 20
FOOTER_SHARE = 3
GROUP_BYTES = 256 << 20
# Of decoded row groups, the share of windows.
WINDOW_SHARE = 4
# Row groups of which it is known that they were asked for; some 100 bytes each.
ASKED_MAX = 1 << 14

# The ULID of a segment, and which part of it.
Key = tuple[str, int]
WHOLE = 0  # the part of what there is one of
Held = TypeVar("Held")


class BoundedCache(Generic[Held]):
    """What was used last, up to so many bytes. Thread-safe."""

    def __init__(self, bytes_max: int, size_of: Callable[[Held], int]) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self._size_of = size_of
        self._held: OrderedDict[Key, Held] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Held | None:
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
            return held

    def get_all(self, ulid: str, parts: Sequence[int]) -> list[Held | None]:
        """Some parts of a segment."""
        found, keys = [], [(ulid, part) for part in parts]
        with self._lock:
            for key in keys:
                held = self._held.get(key)
                found.append(held)
                if held is not None:
                    self._held.move_to_end(key)
        return found

    def put(self, key: Key, value: Held) -> None:
        """Keep a value that fits at all; what was not used for longest gives way."""
        size = self._size_of(value)
        with self._lock:
            if key in self._held or size > self.bytes_max:
                return
            self._held[key] = value
            self.bytes += size
            while self.bytes > self.bytes_max:
                _, oldest = self._held.popitem(last=False)
                self.bytes -= self._size_of(oldest)

    def forget(self, ulids: Collection[str]) -> None:
        """Drop what there is of these segments."""
        with self._lock:
            for key in [key for key in self._held if key[0] in ulids]:
                self.bytes -= self._size_of(self._held.pop(key))

    def has_room_for(self, size: int) -> bool:
        """Whether so many bytes fit without anything giving way."""
        return self.bytes + size <= self.bytes_max

    def __contains__(self, key: Key) -> bool:
        """Whether there is one, which does not count as use."""
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)


class SegmentCaches:
    """The caches of one process, for all shards."""

    def __init__(
        self,
        group_bytes: int = GROUP_BYTES,
        *,
        index_bytes: int = INDEX_BYTES,
    ) -> None:
        """group_bytes: of decoded row groups, of samples and of windows together; index_bytes: of
        footers and row indexes together."""
        footer_bytes = index_bytes // FOOTER_SHARE
        self.footers: BoundedCache[Footer] = BoundedCache(footer_bytes, lambda f: f.held_bytes)
        self.histogram_footers: BoundedCache[HistogramFooter] = BoundedCache(
            footer_bytes, lambda footer: footer.held_bytes
        )
        self.aggregate_footers: BoundedCache[AggregateFooter] = BoundedCache(
            footer_bytes, lambda footer: footer.held_bytes + 3 * footer.starts.nbytes
        )
        self.indexes: BoundedCache[RowIndex] = BoundedCache(
            index_bytes - footer_bytes, lambda index: index.held_bytes
        )
        self.asked: BoundedCache[bool] = BoundedCache(ASKED_MAX, lambda asked: 1)
        window_bytes = group_bytes // WINDOW_SHARE
        self.windows: BoundedCache[WindowGroup] = BoundedCache(window_bytes, lambda g: g.held_bytes)
        self.groups: BoundedCache[Group] = BoundedCache(
            group_bytes - window_bytes, lambda group: group.held_bytes
        )

    def comes_again(self, ulid: str, numbers: Sequence[int]) -> bool:
        """Whether all these row groups are kept decoded, or were asked for a short while ago; from
        now on they were."""
        held = [(ulid, number) in self.groups for number in numbers]
        asked = self.asked.get_all(ulid, numbers)
        for number in numbers:
            self.asked.put((ulid, number), True)
        return all(known or before for known, before in zip(held, asked, strict=True))

    def watched_by(self, gauge: Gauge) -> None:
        """Let a gauge with the label `kind` say how many bytes there are."""
        gauge.labels("rows").set_function(lambda: self.groups.bytes + self.windows.bytes)
        gauge.labels("indexes").set_function(lambda: self.indexes.bytes)
        gauge.labels("footers").set_function(
            lambda: self.footers.bytes + self.histogram_footers.bytes + self.aggregate_footers.bytes
        )

    def forget(self, ulids: Collection[str]) -> None:
        """Drop what there is of segments that no new query sees."""
        self.asked.forget(ulids)
        self.footers.forget(ulids)
        self.histogram_footers.forget(ulids)
        self.aggregate_footers.forget(ulids)
        self.indexes.forget(ulids)
        self.groups.forget(ulids)
        self.windows.forget(ulids)
