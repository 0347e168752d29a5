"""The threads that evaluate rules, and whose turn it is.

Tenants take turns: one that has a thousand groups waiting gets the next free thread no sooner than
one that has a single one. No tenant has more threads at a time than its share, so that one whose
rules take long leaves some to the others.

Invariants:
* Work of one tenant is begun in the order in which it came.
* Whatever work raises is logged; it ends no thread.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

Work = Callable[[], None]


class Turns:
    """Threads and queues. share_of: how many threads a tenant may have at a time, at least 1."""

    def __init__(self, threads: int, share_of: Callable[[str], int]) -> None:
        self._share_of = share_of
        self._wake = threading.Condition()
        # Tenants that have work waiting, the one that is next first.
        self._queues: OrderedDict[str, deque[Work]] = OrderedDict()
        self._running: dict[str, int] = {}
        self._is_stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"rules-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Forget what waits, and wait for what runs."""
        with self._wake:
            self._is_stopping = True
            self._queues.clear()
            self._wake.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    @property
    def waiting(self) -> int:
        with self._wake:
            return sum(len(queue) for queue in self._queues.values())

    def put(self, tenant: str, work: Work) -> None:
        """Have something done when it is the tenant's turn."""
        with self._wake:
            if self._is_stopping:
                return
            self._queues.setdefault(tenant, deque()).append(work)
            self._wake.notify()

    def together(self, tenant: str, parts: Sequence[Work]) -> None:
        """Do all parts; returns when they are done. For a thread that has its turn: it does them,
        helped by threads that nothing else waits for, as far as the tenant's share goes."""
        if len(parts) == 1:
            parts[0]()
            return
        left = _Parts(parts)
        for _ in range(self._helpers(tenant, len(parts) - 1)):
            self.put(tenant, left.work)
        left.work()
        left.wait()

    def _helpers(self, tenant: str, wanted: int) -> int:
        with self._wake:
            idle = len(self._threads) - sum(self._running.values())
            idle -= sum(len(queue) for queue in self._queues.values())
            share = self._share_of(tenant) - self._running.get(tenant, 0)
        return max(0, min(wanted, idle, share))

    def _run(self) -> None:
        while True:
            with self._wake:
                found = None
                while not self._is_stopping and (found := self._next()) is None:
                    self._wake.wait()
                if found is None:
                    return
            tenant, work = found
            try:
                work()
            except Exception:
                logger.exception("rules failed in an unforeseen way tenant=%s", tenant)
            with self._wake:
                self._running[tenant] -= 1
                if not self._running[tenant]:
                    del self._running[tenant]
                # What waits for the tenant may have been passed over.
                self._wake.notify()

    def _next(self) -> tuple[str, Work] | None:
        """The first work of the first tenant that may have another thread."""
        for tenant, queue in self._queues.items():
            running = self._running.get(tenant, 0)
            if running < max(1, self._share_of(tenant)):
                work = queue.popleft()
                if queue:
                    self._queues.move_to_end(tenant)
                else:
                    del self._queues[tenant]
                self._running[tenant] = running + 1
                return tenant, work
        return None


class _Parts:
    """Parts of one work that several threads take from."""

    def __init__(self, parts: Sequence[Work]) -> None:
        self._left = deque(parts)
        self._undone = len(parts)
        self._over = threading.Condition()
        self._error: BaseException | None = None

    def work(self) -> None:
        """Do parts until none is left."""
        while True:
            try:
                part = self._left.popleft()
            except IndexError:
                return
            try:
                part()
            except BaseException as error:  # raised again by wait()
                self._error = error
            finally:
                with self._over:
                    self._undone -= 1
                    self._over.notify_all()

    def wait(self) -> None:
        """Until all are done; raises what one of them raised."""
        with self._over:
            self._over.wait_for(lambda: not self._undone)
        if self._error is not None:
            raise self._error
