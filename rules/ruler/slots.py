"""When a group is evaluated: at k * interval + offset, with an offset of its own.

The offset spreads groups over the interval; it follows from the group's key, so that a group keeps
its times over restarts, and its samples are exactly an interval apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

from rules.groups import Group


@dataclass(frozen=True, slots=True)
class Slots:
    """The times of one group, in ms."""

    interval_ms: int
    offset_ms: int = 0

    def latest(self, now_ms: int) -> int:
        """The last slot that is not after now."""
        return now_ms - (now_ms - self.offset_ms) % self.interval_ms

    def after(self, time_ms: int) -> int:
        """The first slot after a time."""
        return self.latest(time_ms) + self.interval_ms

    def count(self, first_ms: int, end_ms: int) -> int:
        """How many slots there are from one on; the slot `end_ms` does not count."""
        return max(0, (end_ms - first_ms) // self.interval_ms)


def slots_of(tenant: str, group: Group, interval_ms: int) -> Slots:
    """interval_ms: for a group that states none."""
    interval_ms = group.interval_ms or interval_ms
    if group.is_aligned:
        return Slots(interval_ms)
    key = "\0".join((tenant, group.file, group.name)).encode("utf-8", "surrogateescape")
    return Slots(interval_ms, xxhash.xxh3_64_intdigest(key) % interval_ms)
