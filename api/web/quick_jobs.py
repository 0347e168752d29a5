"""Which jobs are so quick that a thread is not worth its while.

Handing a job to a thread and back costs a tenth of a millisecond, which is as much as a small query
itself. A job is taken to be quick if the latest one of its kind was, by the clock: waiting for a
file, a lock or the processor counts like computing. So a job that grew slow is waited for once, and
where the program is busy with other things, jobs go to the threads as if nothing were known.

Jobs of one kind cost about the same. Kinds are hashes of what is asked, as that is long and a
mistake harms little.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

QUICK_S = 0.001
KINDS_KEPT_MAX = 4096

T = TypeVar("T")


class QuickJobs:
    """The kinds that were quick the last time. Thread-safe."""

    def __init__(
        self,
        quick_s: float = QUICK_S,
        kinds_max: int = KINDS_KEPT_MAX,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._quick_s = quick_s
        self._kinds_max = kinds_max
        self._clock = clock
        self._lock = threading.Lock()
        self._quick: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, kind: int) -> bool:
        return kind in self._quick

    def run(self, kind: int, job: Callable[[], T]) -> T:
        """Do a job in the calling thread, and remember whether it was quick."""
        started = self._clock()
        try:
            return job()
        finally:
            self._note(kind, self._clock() - started < self._quick_s)

    def _note(self, kind: int, is_quick: bool) -> None:
        with self._lock:
            self._quick.pop(kind, None)
            if not is_quick:
                return
            self._quick[kind] = None
            if len(self._quick) > self._kinds_max:
                self._quick.popitem(last=False)
