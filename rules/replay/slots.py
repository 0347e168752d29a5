"""When a group is evaluated in a replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rules.groups import Group
from rules.ruler import slots as ruler
from storage.kernels.arrays import Int64s
from storage.options import MINUTE_MS
from storage.tenants.tenant import DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Period:
    """What is replayed: evaluations from start_ms to end_ms, both inclusive.

    interval_ms, query_offset_ms: of groups that state none. phases: by the name of a group, a time
    in ms at which it is evaluated; of others it follows from the tenant, their file and their name,
    as in a server.
    """

    start_ms: int
    end_ms: int
    interval_ms: int = MINUTE_MS
    query_offset_ms: int = 0
    phases: Mapping[str, int] = field(default_factory=dict)
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Slots:
    """The evaluations of a group: first_ms, first_ms + interval_ms, and so on. What is read and
    written at each is offset_ms earlier."""

    first_ms: int
    interval_ms: int
    count: int
    offset_ms: int = 0

    @property
    def times(self) -> Int64s:
        """Of the evaluations, in ms."""
        return self.first_ms + self.interval_ms * np.arange(self.count, dtype=np.int64)

    def time_ms(self, number: int) -> int:
        return self.first_ms + number * self.interval_ms

    def at_ms(self, number: int) -> int:
        """The time of what an evaluation reads and writes."""
        return self.time_ms(number) - self.offset_ms

    def number_of(self, at_ms: Int64s) -> Int64s:
        """The numbers of the evaluations that wrote at these times."""
        numbers: Int64s = (at_ms + self.offset_ms - self.first_ms) // self.interval_ms
        return numbers


def slots_of(group: Group, period: Period) -> Slots:
    """Those within the period."""
    interval_ms = group.interval_ms or period.interval_ms
    own = ruler.slots_of(period.tenant, group, interval_ms)
    phase_ms = period.phases.get(group.name, own.offset_ms)
    first_ms = period.start_ms + (phase_ms - period.start_ms) % interval_ms
    count = max(0, (period.end_ms - first_ms) // interval_ms + 1)
    offset_ms = group.query_offset_ms
    return Slots(
        first_ms, interval_ms, count, period.query_offset_ms if offset_ms is None else offset_ms
    )
