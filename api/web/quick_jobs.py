"""Which jobs are so quick that a thread is not worth its while.

Handing a job to a thread and back costs a tenth of a millisecond, which is as much as a small query
itself. A job is taken to be quick if the latest one of its kind was, by the clock: waiting for a
file or a lock, that of the interpreter too, counts like computing. So a job that grew slow is
waited for once, and where the program is busy with other things, jobs go to the threads as if
nothing were known. Only what other programs had of the processor meanwhile does not count: a thread
would have had to wait for them as well.

Jobs of one kind cost about the same. Kinds are hashes of what is asked, as that is long and a
mistake harms little.
"""

import resource
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from api.promql.errors import QueryCanceled

QUICK_S = 0.001
KINDS_KEPT_MAX = 4096

T = TypeVar("T")


def thread_usage() -> tuple[float, int]:
    """Processor seconds of the calling thread, and how often it waited for something."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime + usage.ru_stime, usage.ru_nvcsw


class QuickJobs:
    """The kinds that were quick the last time. Thread-safe."""

    def __init__(
        self,
        quick_s: float = QUICK_S,
        kinds_max: int = KINDS_KEPT_MAX,
        clock: Callable[[], float] = time.perf_counter,
        usage: Callable[[], tuple[float, int]] = thread_usage,
    ) -> None:
        self._usage = usage
        self.quick_s = quick_s
        self._kinds_max = kinds_max
        self._clock = clock
        self._lock = threading.Lock()
        self._quick: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, kind: int) -> bool:
        return kind in self._quick

    def run(self, kind: int, job: Callable[[], T]) -> T:
        """Do a job in the calling thread, and remember whether it was quick."""
        before, started = self._usage(), self._clock()
        try:
            made = job()
        except QueryCanceled:  # says nothing of how long it takes to the end
            self._note(kind, False)
            raise
        except Exception:
            self._judge(kind, before, started)
            raise
        self._judge(kind, before, started)
        return made

    def _judge(self, kind: int, before: tuple[float, int], started: float) -> None:
        took = self._clock() - started
        self._note(kind, took < self.quick_s or self._was_put_off(before))

    def _was_put_off(self, before: tuple[float, int]) -> bool:
        """Whether it was quick but for the turns of other programs. before: the thread's usage."""
        seconds, waits = self._usage()
        return waits == before[1] and seconds - before[0] < self.quick_s

    def _note(self, kind: int, is_quick: bool) -> None:
        with self._lock:
            self._quick.pop(kind, None)
            if not is_quick:
                return
            self._quick[kind] = None
            if len(self._quick) > self._kinds_max:
                self._quick.popitem(last=False)
