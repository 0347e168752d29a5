"""The requests that are being computed, and those that took long: kept for who watches the server.

What is kept is bounded: there are never more running ones than turns, and of slow ones the newest
stay. A text is kept up to TEXT_CHARS_MAX.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from api.promql.meter import Meter
from storage.traces import trace_of

logger = logging.getLogger(__name__)

TEXT_CHARS_MAX = 4_000
# What Grafana says of where a query comes from, by the names that answers have for it.
ORIGINS = {
    "dashboard": "X-Dashboard-Uid",
    "dashboardTitle": "X-Dashboard-Title",
    "panel": "X-Panel-Id",
    "panelTitle": "X-Panel-Title",
    "user": "X-Grafana-User",
    "agent": "User-Agent",
}


class Stoppable(Protocol):
    """The computing of one request. meter: what a query took, None of other requests."""

    queued_seconds: float
    meter: Meter | None

    def stop(self) -> None: ...


@dataclass(slots=True)
class Entry:
    """One request. seconds: since its turn began, or all of it once it has ended. phases: what it
    took, in seconds; peak_samples: of a query, the most that it held at once; trace: the id of the
    trace it belongs to, empty for none."""

    number: int
    endpoint: str
    tenants: tuple[str, ...]
    text: str
    origin: dict[str, str]
    started_ms: int
    turn: Stoppable | None
    begun_s: float
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    peak_samples: int | None = None
    answer_bytes: int = 0
    error: str = ""
    trace: str = ""

    def measure(self) -> None:
        """Note what it took so far."""
        turn = self.turn
        if turn is None:
            return
        self.seconds = time.monotonic() - self.begun_s
        self.phases = {"queued": turn.queued_seconds}
        meter = turn.meter
        if meter is not None:
            self.phases |= {
                "preparing": meter.prepare_s,
                "evaluating": meter.inner_s,
                "sorting": meter.sort_s,
            }
            self.peak_samples = meter.peak_samples

    def is_of(self, tenants: Sequence[str]) -> bool:
        """Whether it reads nothing but what these tenants have."""
        return set(self.tenants) <= set(tenants)


@dataclass(slots=True)
class Running:
    """The requests under way, and the slow ones. Thread-safe.

    slow_s: how long a request takes at least to be a slow one, 0: none is; kept_max: of slow ones.
    """

    slow_s: float = 10.0
    kept_max: int = 200
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    _number: int = 0
    _active: OrderedDict[int, Entry] = field(default_factory=OrderedDict)
    _slow: deque[Entry] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def computing(
        self,
        endpoint: str,
        tenants: tuple[str, ...],
        text: str,
        headers: Mapping[str, str],
        *,
        turn: Stoppable,
    ) -> Iterator[Entry]:
        """A request for as long as it is computed and sent."""
        origin = {name: headers[header] for name, header in ORIGINS.items() if header in headers}
        with self._lock:
            self._number += 1
            entry = Entry(
                self._number,
                endpoint,
                tenants,
                text[:TEXT_CHARS_MAX],
                origin,
                self.now_ms(),
                turn,
                time.monotonic(),
                trace=trace_of(headers).id,
            )
            self._active[entry.number] = entry
        try:
            yield entry
        except BaseException as error:
            entry.error = type(error).__name__
            raise
        finally:
            entry.measure()
            entry.turn = None  # which holds what the query read
            with self._lock:
                del self._active[entry.number]
            self._note(entry)

    def active(self, tenants: Sequence[str]) -> list[Entry]:
        """Those of the tenants, the oldest first."""
        with self._lock:
            found = [entry for entry in self._active.values() if entry.is_of(tenants)]
        for entry in found:
            entry.measure()
        return found

    def slow(self, tenants: Sequence[str]) -> list[Entry]:
        """Those of the tenants, the newest first."""
        with self._lock:
            return [entry for entry in reversed(self._slow) if entry.is_of(tenants)]

    def stop(self, number: int, tenants: Sequence[str]) -> bool:
        """End a request of the tenants; False if there is none of this number."""
        with self._lock:
            entry = self._active.get(number)
        if entry is None or not entry.is_of(tenants):
            return False
        turn = entry.turn
        if turn is not None:
            turn.stop()
        return turn is not None

    def _note(self, entry: Entry) -> None:
        if not self.slow_s or entry.seconds < self.slow_s:
            return
        with self._lock:
            self._slow.append(entry)
            while len(self._slow) > self.kept_max:
                self._slow.popleft()
        logger.warning(
            "slow query tenants=%s endpoint=%s seconds=%.3f queued=%.3f bytes=%d dashboard=%s "
            "panel=%s error=%s query=%r",
            "|".join(entry.tenants), entry.endpoint, entry.seconds, entry.phases["queued"],
            entry.answer_bytes, entry.origin.get("dashboard", ""), entry.origin.get("panel", ""),
            entry.error, entry.text,
        )  # fmt: skip
