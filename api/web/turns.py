"""The places in which requests are computed, shared out fairly between tenants.

As long as there are places, whoever asks has one. Otherwise requests wait in a queue for each
tenant, and a place that becomes free goes to the tenant that has waited longest for its turn among
tenants: one that asks for much waits behind itself, not before others.

Invariants:
* Never more than `concurrency` places are taken, nor does a tenant get one while it has as many as
  `places_of` allows.
* No place is free while a tenant that may have one waits.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable


class Turns:
    """Places for requests. Belongs to one event loop.

    places_of: how many a tenant may have at present, 0 for no bound.
    """

    def __init__(self, concurrency: int, places_of: Callable[[str], int] = lambda _: 0) -> None:
        self._free = concurrency
        self._places_of = places_of
        self._taken: Counter[str] = Counter()
        # Of tenants that wait, in the order in which they are next.
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def locked(self) -> bool:
        """Whether no place is free at all."""
        return self._free == 0

    def waiting(self, tenant: str) -> int:
        """How many requests of a tenant wait."""
        return len(self._queues.get(tenant, ()))

    def must_wait(self, tenant: str) -> bool:
        return self._free == 0 or not self._may_have(tenant)

    async def acquire(self, tenant: str) -> None:
        """Wait for a place and take it."""
        if not self.must_wait(tenant):
            self._take(tenant)
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(tenant, deque()).append(granted)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.release(tenant)
            else:
                self._forget(tenant, granted)
            raise

    def release(self, tenant: str) -> None:
        self._free += 1
        self._taken[tenant] -= 1
        if not self._taken[tenant]:
            del self._taken[tenant]
        self._grant()

    def _may_have(self, tenant: str) -> bool:
        places = self._places_of(tenant)
        return not places or self._taken[tenant] < places

    def _take(self, tenant: str) -> None:
        self._free -= 1
        self._taken[tenant] += 1

    def _grant(self) -> None:
        """Give free places to those that wait."""
        while self._free:
            tenant = next(filter(self._may_have, self._queues), None)
            if tenant is None:
                return
            granted = self._queues[tenant].popleft()
            if self._queues[tenant]:
                self._queues.move_to_end(tenant)
            else:
                del self._queues[tenant]
            if not granted.cancelled():
                self._take(tenant)
                granted.set_result(None)

    def _forget(self, tenant: str, granted: asyncio.Future[None]) -> None:
        queue = self._queues.get(tenant)
        if queue is not None and granted in queue:
            queue.remove(granted)
            if not queue:
                del self._queues[tenant]
