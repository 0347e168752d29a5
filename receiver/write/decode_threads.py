"""Threads that decode bodies for one event loop.

An executor of the standard library does the same through two futures for each call, one for the
thread and one for the loop, chained by callbacks; those cost more than all else about the handing
over, which every large request pays. Here the loop's own future goes through the queue.

Invariants:
* What waits is bounded by whoever calls: each caller waits for its own result (receiver.admission).
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class DecodeThreads:
    """So many threads; run() belongs to the event loop."""

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"decode_{i}", daemon=True)
            for i in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Do the work in one of the threads; raises what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._queue.put((loop, answer, work, arguments))
        return await answer

    def close(self) -> None:
        """End the threads after what waits was done."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            loop, answer, work, arguments = item
            result = error = None
            try:
                result = work(*arguments)
            except Exception as raised:  # whatever it is, run() raises it again
                error = raised
            loop.call_soon_threadsafe(settle, answer, result, error)


def settle(answer: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    """Answer a waiting run(), unless its caller has gone."""
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
