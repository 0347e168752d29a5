"""How many series of a tenant are active, for the limit on them.

Active is a series with a sample in a head, or whose newest sample is younger than ACTIVE_MS: right
after a seal the head alone would say that hardly any are. Counting walks over all series of the
shard, so it is done only when a limit may be reached, and not again for RECOUNT_SECONDS; until then
every new series counts as one more.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np

from storage.head.head import Head
from storage.series.table import SeriesTable

ACTIVE_MS = 3_600_000
RECOUNT_SECONDS = 10.0


class ActiveSeries:
    """Counts for the writer of one shard. heads: those that hold samples now."""

    def __init__(
        self,
        table: SeriesTable,
        heads: Callable[[], Sequence[Head]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._heads = heads
        self._clock = clock
        self._counted: dict[int, tuple[float, int, int]] = {}  # (time, active, registered)

    def room(self, tenant: int, wanted: int, *, allowed: int, now_ms: int) -> int:
        """How many of `wanted` new series a tenant may get that may have `allowed` active ones."""
        registered = self._table.registered(tenant)
        if registered + wanted <= allowed:
            return wanted
        counted = self._counted.get(tenant)
        if counted is None or self._clock() - counted[0] >= RECOUNT_SECONDS:
            counted = (self._clock(), self.count(tenant, now_ms), registered)
            self._counted[tenant] = counted
        active = counted[1] + registered - counted[2]
        return max(0, min(wanted, allowed - active))

    def count(self, tenant: int, now_ms: int) -> int:
        """The active series of a tenant."""
        table = self._table
        count = len(table)
        active = table.last_ms[:count] >= now_ms - ACTIVE_MS
        for head in self._heads():
            active[head.refs_held(table)] = True
        return int(np.count_nonzero(active & (table.tenants[:count] == tenant)))
