"""Pages of the files of a bucket: what was fetched last, within a bound.

What is missing of several files is fetched at once: pages that are near each other by one request,
and the requests side by side. Pages are not compared with anything: whoever reads them compares the
checksums that blocks have.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from storage.chunks.bits import SPARE_BYTES
from storage.kernels.arrays import Bytes, Int64s
from storage.objects.store import ObjectStore, Range

PAGE_BYTES = 16 << 10
# Of pages that are as near as that, those in between are fetched, too: it is less than a request.
GAP_PAGES = 32
# A longer run is cut, so that its parts come side by side.
RUN_PAGES = 256
# In front of the first page, so that no place in the buffer is 0; what is aligned stays so.
LEAD_BYTES = 16
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes starts[i] up to ends[i] of a file that has `size` bytes."""

    name: str
    size: int
    starts: Int64s
    ends: Int64s

    def pages(self) -> Int64s:
        """The numbers of the pages that have some of them, ascending."""
        ends = np.minimum(self.ends, self.size)
        there = np.flatnonzero((self.starts >= 0) & (self.starts < ends))
        marks = np.zeros(-(-self.size // PAGE_BYTES) + 1, np.int64)
        np.add.at(marks, self.starts[there] // PAGE_BYTES, 1)
        np.add.at(marks, (ends[there] - 1) // PAGE_BYTES + 1, -1)
        return np.flatnonzero(np.cumsum(marks) > 0)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring pages: bytes first up to end of a file, from `place` on in a buffer."""

    first: int
    end: int
    place: int


@dataclass(slots=True)
class Brought:
    """Pages of files in one buffer, with room for kernels behind them. runs: of each file, in
    order; pages: all of them."""

    buffer: Bytes
    runs: dict[str, list[Run]]
    pages: dict[Key, bytes] = field(default_factory=dict)

    def places(self, name: str, offsets: Int64s) -> tuple[Int64s, Int64s]:
        """Where these bytes of a file are in the buffer, and where the run ends that each is in; 0
        and 0 where one is not there."""
        runs = self.runs.get(name, [])
        if not runs:
            return np.zeros(len(offsets), np.int64), np.zeros(len(offsets), np.int64)
        firsts = np.array([run.first for run in runs])
        ends = np.array([run.end for run in runs])
        shifts = np.array([run.place for run in runs]) - firsts
        at = np.maximum(np.searchsorted(firsts, offsets, "right") - 1, 0)
        inside = (offsets >= firsts[at]) & (offsets < ends[at])
        places = np.where(inside, offsets + shifts[at], 0)
        return places, np.where(inside, ends[at] + shifts[at], 0)


class Pages:
    """The pages of one bucket that were used last. Thread-safe."""

    def __init__(self, store: ObjectStore, bytes_max: int) -> None:
        self._store = store
        self._bytes_max = bytes_max
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def bring(self, wanted: Sequence[Wanted], known: Brought | None = None) -> Brought:
        """Have bytes of files. known: what the caller has already. Raises StoreFailed,
        ObjectMissing."""
        pages = dict(known.pages) if known is not None else {}
        runs: list[tuple[str, int, int, int]] = []
        numbers = {each.name: each.pages() for each in wanted}
        for each in wanted:
            own = numbers[each.name]
            missing = [k for k in own.tolist() if not self._find((each.name, k), pages)]
            runs += [(each.name, each.size, *run) for run in runs_of(missing)]
        ranges = [
            Range(name, first * PAGE_BYTES, min(behind * PAGE_BYTES, size))
            for name, size, first, behind in runs
        ]
        for (name, _, first, _), content in zip(runs, self._fetched(ranges), strict=True):
            for number, page in enumerate(cut(content), first):
                pages[name, number] = page
                self._keep((name, number), page)
        return assembled(numbers, pages)

    def _fetched(self, ranges: Sequence[Range]) -> Sequence[memoryview]:
        if len(ranges) == 1:  # by the thread that waits for it anyway
            return [self._store.get_range(ranges[0])]
        return self._store.get_ranges(ranges) if ranges else []

    def _find(self, key: Key, pages: dict[Key, bytes]) -> bool:
        """Whether a page is there, which is put to the others then."""
        if key in pages:
            return True
        with self._lock:
            page = self._kept.get(key)
            if page is None:
                return False
            self._kept.move_to_end(key)
        pages[key] = page
        return True

    def _keep(self, key: Key, page: bytes) -> None:
        with self._lock:
            before = self._kept.pop(key, b"")
            self._kept[key] = page
            self.bytes += len(page) - len(before)
            while self.bytes > self._bytes_max and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self.bytes -= len(dropped)


def runs_of(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers of pages as runs: the first and the one behind the last."""
    if not numbers:
        return
    own = np.array(numbers)
    for part in np.split(own, np.flatnonzero(np.diff(own) > GAP_PAGES) + 1):
        first, behind = int(part[0]), int(part[-1]) + 1
        for start in range(first, behind, RUN_PAGES):
            yield start, min(start + RUN_PAGES, behind)


def cut(content: memoryview) -> Iterator[bytes]:
    """The pages of a run."""
    for start in range(0, len(content), PAGE_BYTES):
        yield bytes(content[start : start + PAGE_BYTES])


def assembled(numbers: Mapping[str, Int64s], pages: dict[Key, bytes]) -> Brought:
    """These pages of files in one buffer."""
    runs: dict[str, list[Run]] = {}
    parts, place = [bytes(LEAD_BYTES)], LEAD_BYTES
    used: dict[Key, bytes] = {}
    for name, own in numbers.items():
        for group in np.split(own, np.flatnonzero(np.diff(own) > 1) + 1):
            if not len(group):
                continue
            found = {(name, number): pages[name, number] for number in group.tolist()}
            used |= found
            first, size = int(group[0]) * PAGE_BYTES, sum(map(len, found.values()))
            runs.setdefault(name, []).append(Run(first, first + size, place))
            parts += found.values()
            # The next run begins where what is aligned in its file is aligned here.
            spare = -size % LEAD_BYTES
            parts.append(bytes(spare))
            place += size + spare
    return Brought(np.frombuffer(b"".join([*parts, bytes(SPARE_BYTES)]), np.uint8), runs, used)
