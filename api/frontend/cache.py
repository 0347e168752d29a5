"""Where answers are kept: bounded in bytes, entries and age, and fair between tenants.

Where the room is used up, the tenant that has most loses what it did not ask for longest, so that
no one's dashboards drive out those of others.
"""

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from prometheus_client import Counter, Gauge

from api.frontend.extent import Extent
from api.frontend.options import CacheOptions


class Sized(Protocol):
    """What can be kept."""

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        ...


class CacheMetrics(Protocol):
    """What a cache reports: what is in it, and what had to go by reason."""

    bytes: Gauge
    entries: Gauge
    evictions: Counter


T = TypeVar("T", bound=Sized)
# One thing that is kept may take this share of what its tenant may have.
SHARE = 4
NO_LIMIT = 1 << 62


@dataclass(slots=True)
class Kept(Generic[T]):
    """What is kept, its bytes, and when it was asked for last."""

    what: T
    size: int
    used_s: float


class FairCache(Generic[T]):
    """Answers by key, of which the first part is whose they are. Thread-safe."""

    def __init__(
        self,
        options: CacheOptions,
        metrics: CacheMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._metrics = metrics
        self._clock = clock
        self._tenant_max = options.tenant_bytes_max or NO_LIMIT
        self._lock = threading.Lock()
        self._size = 0
        self._count = 0
        self._sizes: defaultdict[Hashable, int] = defaultdict(int)
        self._kept: dict[Hashable, OrderedDict[Hashable, Kept[T]]] = {}

    @property
    def is_on(self) -> bool:
        return self._options.bytes_max > 0

    @property
    def worthwhile_ms(self) -> int:
        """What took less is not worth being kept."""
        return self._options.worthwhile_ms

    def __contains__(self, key: tuple[Hashable, Hashable]) -> bool:
        return key[0] in self._kept and key[1] in self._kept[key[0]]

    def get(self, key: tuple[Hashable, Hashable]) -> T | None:
        owner, rest = key
        with self._lock:
            kept = self._kept[owner].get(rest) if owner in self._kept else None
            if kept is None:
                return None
            if self._is_too_old(kept):
                self._drop(owner, rest, "age")
                return None
            kept.used_s = self._clock()
            self._kept[owner].move_to_end(rest)
            return kept.what

    def fits(self, size: int) -> bool:
        """Whether something is not too large to be kept."""
        return size * SHARE <= min(self._tenant_max, self._options.bytes_max)

    def put(self, key: tuple[Hashable, Hashable], what: T) -> None:
        """Keep something in the place of what has the key, if there is room for it."""
        owner, rest = key
        size = what.size
        with self._lock:
            self._drop(owner, rest)
            if self.fits(size):
                self._kept.setdefault(owner, OrderedDict())[rest] = Kept(what, size, self._clock())
                self._add(owner, size, 1)
            self._make_room(owner)
            self._metrics.bytes.set(self._size)
            self._metrics.entries.set(self._count)

    def _make_room(self, owner: Hashable) -> None:
        for each in list(self._kept):  # the oldest of each tenant
            while each in self._kept:
                rest, kept = next(iter(self._kept[each].items()))
                if not self._is_too_old(kept):
                    break
                self._drop(each, rest, "age")
        while self._sizes.get(owner, 0) > self._tenant_max:
            self._drop_oldest(owner, "tenant_size")
        while self._size > self._options.bytes_max:
            self._drop_oldest(max(self._sizes, key=self._sizes.__getitem__), "size")
        while self._count > self._options.entries_max:
            self._drop_oldest(max(self._kept, key=lambda each: len(self._kept[each])), "entries")

    def _is_too_old(self, kept: Kept[T]) -> bool:
        age_s = self._options.age_ms / 1000
        return bool(age_s) and self._clock() - kept.used_s > age_s

    def _drop_oldest(self, owner: Hashable, reason: str) -> None:
        self._drop(owner, next(iter(self._kept[owner])), reason)

    def _drop(self, owner: Hashable, rest: Hashable, reason: str = "") -> None:
        kept = self._kept[owner].pop(rest, None) if owner in self._kept else None
        if kept is None:
            return
        self._add(owner, -kept.size, -1)
        if not self._kept[owner]:
            del self._kept[owner], self._sizes[owner]
        if reason:
            self._metrics.evictions.labels(reason).inc()

    def _add(self, owner: Hashable, size: int, count: int) -> None:
        self._sizes[owner] += size
        self._size += size
        self._count += count


class ExtentCache(FairCache[Extent]):
    """What is kept of range queries."""


def kept_whole(
    blocks: Iterator[bytes | memoryview],
    fits: Callable[[int], bool],
    keep: Callable[[bytes], None],
) -> Iterator[bytes | memoryview]:
    """The blocks of a text; the whole of it is kept after the last one, if it is not too large."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        size += len(block)
        if fits(size):
            parts.append(bytes(block))
        else:
            parts.clear()
        yield block
    if fits(size):
        keep(b"".join(parts))
