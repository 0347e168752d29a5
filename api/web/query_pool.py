"""The threads in which requests are computed, and the queue before them.

At most `concurrency` requests have their turn at a time and at most `waiting_max` wait for one; the
next is refused. A turn lasts until its answer has been sent, so that the answers held in memory are
bounded too.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from api.endpoints.handler import Turn
from api.errors import Unavailable
from api.metrics import ApiMetrics
from api.promql.errors import QueryTimeout

QUEUE_TIMEOUT = "query timed out in query queue"

T = TypeVar("T")


class QueryPool:
    """Turns and threads; to be used from one event loop."""

    def __init__(self, *, concurrency: int, waiting_max: int, metrics: ApiMetrics) -> None:
        self.concurrency = concurrency
        self.waiting_max = waiting_max
        self._metrics = metrics
        self._waiting = 0
        self._turns = asyncio.Semaphore(concurrency)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="api")

    @asynccontextmanager
    async def turn(
        self, *, timeout_ms: int, client_left: Callable[[], bool]
    ) -> AsyncIterator[Turn]:
        """Wait for a turn and hold it. Raises Unavailable, or QueryTimeout."""
        started = time.monotonic()
        await self._acquire(timeout_ms)
        queued_seconds = time.monotonic() - started
        turn = Turn(timeout_ms - int(queued_seconds * 1000), queued_seconds, client_left)
        self._metrics.running.inc()
        try:
            yield turn
        finally:
            turn.end()
            self._metrics.running.dec()
            self._turns.release()

    async def run(self, function: Callable[[], T]) -> T:
        """Call a function in a thread; for the holder of a turn."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """Wait for what is being computed."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _acquire(self, timeout_ms: int) -> None:
        if timeout_ms <= 0:
            raise QueryTimeout(QUEUE_TIMEOUT)
        if self._turns.locked() and self._waiting >= self.waiting_max:
            self._metrics.rejected_total.inc()
            raise Unavailable(
                f"too many requests: query.max-concurrency={self.concurrency} are running and "
                f"api.max-waiting-requests={self.waiting_max} are waiting"
            )
        self._waiting += 1
        try:
            with self._metrics.waiting.track_inprogress():
                async with asyncio.timeout(timeout_ms / 1000):
                    await self._turns.acquire()
        except TimeoutError:
            raise QueryTimeout(QUEUE_TIMEOUT) from None
        finally:
            self._waiting -= 1
