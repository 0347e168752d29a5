"""The threads in which requests are computed, and the queue before them.

At most `concurrency` requests have their turn at a time, at most `tenant_max` of one tenant, and at
most `waiting_max` wait for one; the next is refused. A turn lasts until its answer has been sent,
so that the answers held in memory are bounded too.

What is known to be quick needs no thread: the event loop does it itself, once in each of its
rounds, so that what else it serves, such as writes, never waits for more than one such job.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from api.endpoints.handler import Slot
from api.errors import Unavailable
from api.metrics import ApiMetrics
from api.promql.errors import QueryTimeout
from api.web.quick_jobs import QuickJobs
from api.web.turns import Turns

QUEUE_TIMEOUT = "query timed out in query queue"

T = TypeVar("T")


class QueryPool:
    """Turns and threads; to be used from one event loop."""

    def __init__(
        self,
        *,
        concurrency: int,
        waiting_max: int,
        tenant_max: int = 0,
        metrics: ApiMetrics,
        quick: QuickJobs | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.waiting_max = waiting_max
        self._metrics = metrics
        self._waiting = 0
        self._turns = Turns(concurrency, tenant_max)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="api")
        self._quick = quick or QuickJobs()
        self._round_is_taken = False

    @asynccontextmanager
    async def turn(
        self, *, timeout_ms: int, client_left: Callable[[], bool], tenant: str = ""
    ) -> AsyncIterator[Slot]:
        """Wait for a turn and hold it. Raises Unavailable, or QueryTimeout."""
        started = time.monotonic()
        await self._acquire(timeout_ms, tenant)
        queued_seconds = time.monotonic() - started
        turn = Slot(timeout_ms - int(queued_seconds * 1000), queued_seconds, client_left)
        self._metrics.running.inc()
        try:
            yield turn
        finally:
            turn.end()
            self._metrics.running.dec()
            self._turns.release(tenant)

    async def run(self, function: Callable[[], T], kind: int | None = None) -> T:
        """Call a function in a thread; for the holder of a turn. One of a kind that is known to be
        quick may be called here and now. None: of no kind."""
        loop = asyncio.get_running_loop()
        if kind is None:
            return await loop.run_in_executor(self._threads, function)
        if self._round_is_taken or kind not in self._quick:
            return await loop.run_in_executor(self._threads, self._quick.run, kind, function)
        return self.run_here(kind, function)

    def can_run_here(self, kind: int) -> bool:
        """Whether a job of a kind needs neither a turn nor a thread, if it is done at once: then no
        other can come in between."""
        return not (self._round_is_taken or self._turns.locked()) and kind in self._quick

    def run_here(self, kind: int, function: Callable[[], T]) -> T:
        """Call a function of a kind that is known to be quick in the event loop."""
        self._round_is_taken = True
        asyncio.get_running_loop().call_soon(self._begin_round)
        return self._quick.run(kind, function)

    def _begin_round(self) -> None:
        self._round_is_taken = False

    def close(self) -> None:
        """Wait for what is being computed."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _acquire(self, timeout_ms: int, tenant: str) -> None:
        if timeout_ms <= 0:
            raise QueryTimeout(QUEUE_TIMEOUT)
        if self._turns.must_wait(tenant) and self._waiting >= self.waiting_max:
            self._metrics.rejected_total.inc()
            raise Unavailable(
                f"too many requests: query.max-concurrency={self.concurrency} are running and "
                f"api.max-waiting-requests={self.waiting_max} are waiting"
            )
        if not self._turns.must_wait(tenant):
            await self._turns.acquire(tenant)  # which does not wait
            return
        self._waiting += 1
        try:
            with self._metrics.waiting.track_inprogress():
                async with asyncio.timeout(timeout_ms / 1000):
                    await self._turns.acquire(tenant)
        except TimeoutError:
            raise QueryTimeout(QUEUE_TIMEOUT) from None
        finally:
            self._waiting -= 1
