"""Revisions by slots of time: for each slot the newest revision that touched it.

A ring has the slots up to one that moves on with the clock. What is before or behind them is known
as a whole only.

Invariants:
* values[slot & mask] is the revision of a slot in the ring; values[BEFORE] and values[BEYOND],
  counted from the end, are those of all that is before and behind it.
* A revision may be reported of more times than it touched, never of fewer.
"""

import numpy as np

from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel, kernel_part

BEFORE, BEYOND = -2, -1
# First and last time of a stretch, in ms, both inclusive.
Span = tuple[int, int]


class Ring:
    """shift: a slot has 2 ** shift ms; slots: how many, a power of two; ahead: those of them behind
    the one of now."""

    def __init__(self, shift: int, slots: int, ahead: int, now_ms: int) -> None:
        self.shift = shift
        self.last = (now_ms >> shift) + ahead
        self.values: Int64s = np.zeros(slots + 2, np.int64)
        self._slots, self._ahead = slots, ahead

    @property
    def first_ms(self) -> int:
        """The first time of the ring."""
        return (self.last - self._slots + 1) << self.shift

    @property
    def end_ms(self) -> int:
        """The first time behind the ring."""
        return (self.last + 1) << self.shift

    def move_to(self, now_ms: int) -> None:
        """Let the newest slots take the place of the oldest ones, if it is later by now."""
        count = (now_ms >> self.shift) + self._ahead - self.last
        if count <= 0:
            return
        places = self._places(self.last + 1, self.last + min(count, self._slots))
        self.values[BEFORE] = max(self.values[BEFORE], self.values[places].max())
        if count > self._slots:
            self.values[BEFORE] = max(self.values[BEFORE], self.values[BEYOND])
        self.values[places] = self.values[BEYOND]
        self.last += count

    def mark(self, span: Span, revision: int) -> None:
        """Note that a stretch of time was touched."""
        if span[0] < self.first_ms:
            self.values[BEFORE] = revision
        if span[1] >= self.end_ms:
            self.values[BEYOND] = revision
        start_ms, end_ms = max(span[0], self.first_ms), min(span[1], self.end_ms - 1)
        if start_ms <= end_ms:
            self.values[self._places(start_ms >> self.shift, end_ms >> self.shift)] = revision

    def changed(self, since: int, span: Span) -> list[Span]:
        """The parts of a stretch that were touched after a revision, in the order of time."""
        start_ms, end_ms = span
        found: list[Span] = []
        if start_ms < self.first_ms and self.values[BEFORE] > since:
            found.append((start_ms, min(end_ms, self.first_ms - 1)))
        first_ms, last_ms = max(start_ms, self.first_ms), min(end_ms, self.end_ms - 1)
        if first_ms <= last_ms:
            found += self._changed_within(since, (first_ms, last_ms))
        if end_ms >= self.end_ms and self.values[BEYOND] > since:
            found.append((max(start_ms, self.end_ms), end_ms))
        return found

    def _changed_within(self, since: int, span: Span) -> list[Span]:
        first, last = span[0] >> self.shift, span[1] >> self.shift
        touched = self.values[self._places(first, last)] > since
        if not touched.any():
            return []
        edges = np.flatnonzero(np.diff(touched, prepend=False, append=False)) + first
        times = (edges << self.shift).tolist()
        return [
            (max(start_ms, span[0]), min(end_ms - 1, span[1]))
            for start_ms, end_ms in zip(times[::2], times[1::2], strict=True)
        ]

    def _places(self, first: int, last: int) -> Int64s:
        return np.arange(first, last + 1) & (self._slots - 1)


@kernel
def mark_times(
    timestamps: Int64s,
    oldest_ms: int,
    newest_ms: int,
    shifts: tuple[int, int],
    lasts: tuple[int, int],
    fine: Int64s,
    coarse: Int64s,
    revision: int,
) -> None:
    """Note in two rings that these times were touched, but for those out of [oldest_ms, newest_ms].
    The samples of a batch are mostly of the same slot of the finer one, which two of them show."""
    if len(timestamps) == 0:
        return
    least = most = timestamps[0]
    for t in timestamps:
        least, most = min(least, t), max(most, t)
    if least >= oldest_ms and most <= newest_ms and least >> shifts[0] == most >> shifts[0]:
        mark_time(fine, lasts[0], least >> shifts[0], revision)
        mark_time(coarse, lasts[1], least >> shifts[1], revision)
        return
    known = (least >> shifts[0]) - 1
    for t in timestamps:
        if t >> shifts[0] == known or t < oldest_ms or t > newest_ms:
            continue
        known = t >> shifts[0]
        mark_time(fine, lasts[0], known, revision)
        mark_time(coarse, lasts[1], t >> shifts[1], revision)


@kernel_part
def mark_time(values: Int64s, last: int, slot: np.int64, revision: int) -> None:
    """Note that a slot was touched."""
    slots = len(values) - 2
    if slot > last:
        values[slots + 1] = revision
    elif slot <= last - slots:
        values[slots] = revision
    else:
        values[slot & (slots - 1)] = revision
