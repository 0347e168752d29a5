"""The threads in which requests are computed, and the queue before them.

At most `concurrency` requests have their turn at a time, and at most `waiting_max` wait for one;
the next is refused. Of both, a tenant may have a share. A turn lasts until its answer has been
sent, so that the answers held in memory are bounded too.

What is known to be quick needs no thread: the event loop does it itself, once in each of its
rounds, so that what else it serves, such as writes, never waits for more than one such job.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from api.endpoints.handler import Slot, Terms
from api.errors import Unavailable
from api.metrics import ApiMetrics
from api.promql.bounds import Bound
from api.promql.errors import QueryCanceled, QueryTimeout
from api.web.quick_jobs import QuickJobs
from api.web.turns import Turns
from storage.bucket.pieces import without_fetching
from storage.errors import MustFetch

QUEUE_TIMEOUT = "query timed out in query queue"
# How many times as long as a quick job.
PATIENCE = 50
# How often it is looked whether those who wait are still there.
LOOK_S = 0.25

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """What a tenant may have of the places, and of the queue before them."""

    places: Bound = Bound(0, "api.max-concurrency-per-tenant")
    waiting: Bound = Bound(0, "api.max-waiting-requests-per-tenant")


NO_SHARE = Share()


class QueryPool:
    """Turns and threads; to be used from one event loop."""

    def __init__(
        self,
        *,
        concurrency: int,
        waiting_max: int,
        share_of: Callable[[str], Share] = lambda _: NO_SHARE,
        metrics: ApiMetrics,
        quick: QuickJobs | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.waiting_max = waiting_max
        self._metrics = metrics
        self._waiting = 0
        self._share_of = share_of
        self._turns = Turns(concurrency, lambda tenant: share_of(tenant).places.allowed)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="api")
        self._quick = quick or QuickJobs()
        self._round_is_taken = False

    @asynccontextmanager
    async def turn(
        self, terms: Terms, *, client_left: Callable[[], bool], tenant: str = ""
    ) -> AsyncIterator[Slot]:
        """Wait for a turn and hold it. Raises Unavailable, QueryTimeout, or QueryCanceled if the
        client leaves meanwhile."""
        started = time.monotonic()
        await self._acquire(terms.time, tenant, client_left)
        queued_seconds = time.monotonic() - started
        left_ms = terms.time.allowed - int(queued_seconds * 1000)
        turn = Slot(left_ms, queued_seconds, client_left, terms=terms)
        self._metrics.running.inc()
        try:
            yield turn
        finally:
            turn.end()
            self._metrics.running.dec()
            self._turns.release(tenant)

    async def run(
        self, function: Callable[[], T], kind: int | None = None, turn: Slot | None = None
    ) -> T:
        """Call a function in a thread; for the holder of a turn. One of a kind that is known to be
        quick may be called here and now; if it turns out not to be, it is begun anew in a thread.
        None: of no kind."""
        loop = asyncio.get_running_loop()
        if kind is None or turn is None:
            return await loop.run_in_executor(self._threads, function)
        if not self._round_is_taken and kind in self._quick:
            try:
                return self.run_here(kind, function, turn)
            except QueryCanceled:
                if turn.is_over:
                    raise
        return await loop.run_in_executor(self._threads, self._quick.run, kind, function)

    def can_run_here(self, kind: int) -> bool:
        """Whether a job of a kind needs neither a turn nor a thread, if it is done at once: then no
        other can come in between."""
        return not (self._round_is_taken or self._turns.locked()) and kind in self._quick

    def run_here(self, kind: int, function: Callable[[], T], turn: Slot) -> T:
        """Call a function of a kind that is known to be quick in the event loop. Raises
        QueryCanceled if it has kept the loop for too long, or would wait for the bucket."""
        self._round_is_taken = True
        asyncio.get_running_loop().call_soon(self._begin_round)
        with turn.hurrying(PATIENCE * self._quick.quick_s):
            return self._quick.run(kind, partial(unfetched, function))

    def _begin_round(self) -> None:
        self._round_is_taken = False

    def close(self) -> None:
        """Wait for what is being computed."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _acquire(self, time: Bound, tenant: str, client_left: Callable[[], bool]) -> None:
        if time.allowed <= 0:
            raise QueryTimeout(f"{QUEUE_TIMEOUT} ({time})")
        if not self._turns.must_wait(tenant):
            await self._turns.acquire(tenant)  # which does not wait
            return
        self._check_queue(tenant)
        self._waiting += 1
        try:
            with self._metrics.waiting.track_inprogress():
                async with asyncio.timeout(time.allowed / 1000):
                    await self._wait(tenant, client_left)
        except TimeoutError:
            raise QueryTimeout(f"{QUEUE_TIMEOUT} ({time})") from None
        finally:
            self._waiting -= 1

    async def _wait(self, tenant: str, client_left: Callable[[], bool]) -> None:
        """Take a place as soon as there is one, unless no one waits for the answer any more."""
        acquiring = asyncio.ensure_future(self._turns.acquire(tenant))
        try:
            while not (await asyncio.wait([acquiring], timeout=LOOK_S))[0]:
                if client_left():
                    raise QueryCanceled("query was canceled in query queue")
        except BaseException:
            if not acquiring.cancel():
                self._turns.release(tenant)
            raise

    def _check_queue(self, tenant: str) -> None:
        """Raise Unavailable if no further request may wait."""
        share = self._share_of(tenant)
        if share.waiting.is_below(self._turns.waiting(tenant) + 1):
            waits = f"{self._turns.waiting(tenant)} of the tenant are waiting ({share.waiting})"
        elif self._waiting < self.waiting_max:
            return
        elif self._turns.locked():
            waits = (
                f"query.max-concurrency={self.concurrency} are running and "
                f"api.max-waiting-requests={self.waiting_max} are waiting"
            )
        else:
            waits = (
                f"as many of the tenant are running as may be ({share.places}) and "
                f"api.max-waiting-requests={self.waiting_max} are waiting"
            )
        self._metrics.rejected_total.inc()
        raise Unavailable(f"too many requests: {waits}")


def unfetched(function: Callable[[], T]) -> T:
    """What a function gives; QueryCanceled if it would have to wait for the bucket."""
    try:
        with without_fetching():
            return function()
    except MustFetch as error:
        raise QueryCanceled(str(error)) from error
