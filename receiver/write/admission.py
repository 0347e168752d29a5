"""The bound on what write requests hold in memory at a time.

A request takes a ticket, adds to it the bytes that it makes the process hold, as they come, and
gives everything back at its end. Bytes are added as they arrive and not as they are announced: a
sender that announces much and sends nothing takes nothing from others.

Invariants:
* The sums never exceed write.max-inflight-requests and write.max-inflight-bytes, but for one body
  that is larger than the latter alone, which is let through while nothing else is held.
* Used by the event loop's thread only.
"""

from types import TracebackType
from typing import Self

from receiver.errors import Busy
from receiver.settings.options import WriteOptions


class Admission:
    """What is in flight, and its limits."""

    def __init__(self, options: WriteOptions) -> None:
        self.bytes_max = options.inflight_bytes_max
        self.requests_max = options.inflight_requests_max
        self.held_bytes = 0
        self.held_requests = 0

    def ticket(self) -> "Ticket":
        """Admit one request; a context manager. Raises Busy."""
        if self.held_requests >= self.requests_max:
            raise Busy(
                f"{self.held_requests} write requests are being handled; allowed are "
                f"{self.requests_max} (write.max-inflight-requests)"
            )
        self.held_requests += 1
        return Ticket(self)


class Ticket:
    """The place of one admitted request."""

    __slots__ = ("_admission", "_bytes")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._bytes = 0

    def add(self, count: int) -> None:
        """Hold `count` more bytes. Raises Busy, holding what was held before."""
        admission = self._admission
        others = admission.held_bytes - self._bytes
        if others and admission.held_bytes + count > admission.bytes_max:
            raise Busy(
                f"write requests hold {admission.held_bytes} bytes and one needs {count} more; "
                f"allowed are {admission.bytes_max} (write.max-inflight-bytes)"
            )
        self._bytes += count
        admission.held_bytes += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._admission.held_bytes -= self._bytes
        self._admission.held_requests -= 1
        self._bytes = 0
