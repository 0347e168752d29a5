"""What an endpoint is: a function from a parsed request to the job that answers it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from api.answers.encoding import Buffer
from api.forms import Params
from api.promql.bounds import Bound
from api.promql.meter import Meter

JSON: Mapping[str, str] = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request: its parameters, its tenants (at least one) and the variable parts of its path.

    body: what was posted, of endpoints that do not take forms; headers: those of the request.
    """

    params: Params
    tenants: tuple[str, ...]
    path: Mapping[str, str]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one request may use. time: how long it may take, waiting included; answer: of bytes
    before they are compressed."""

    time: Bound = Bound(0, "query.timeout", "ms")
    answer: Bound = Bound(0, "api.max-answer-bytes", "bytes")


@dataclass(slots=True)
class Slot:
    """The right of one request to be computed; asked from its thread.

    timeout_ms: what is left for the computing; queued_seconds: how long the request waited; terms:
    what it was granted; meter: what a query took so far.
    """

    timeout_ms: int
    queued_seconds: float
    client_left: Callable[[], bool]
    _ended: bool = False
    _until_s: float = 0.0
    meter: Meter | None = None
    terms: Terms = field(default_factory=lambda: Terms())

    def cancelled(self) -> bool:
        """Whether the computing has to end: no one waits for the answer any more, or it was to be
        quick and is not."""
        return self.is_over or (self._until_s > 0 and time.monotonic() > self._until_s)

    @property
    def is_over(self) -> bool:
        """Whether no one waits for the answer any more."""
        return self._ended or self.client_left()

    @contextmanager
    def hurrying(self, patience_s: float) -> Iterator[None]:
        """For a while in which the computing is not to take longer than this. It holds up what
        would notice that the client has left."""
        self._until_s = time.monotonic() + patience_s
        try:
            yield
        finally:
            self._until_s = 0.0

    def end(self) -> None:
        self._ended = True

    def stop(self) -> None:
        """End the computing, whoever waits for the answer."""
        self._ended = True


@dataclass(frozen=True, slots=True)
class Job:
    """The rest of a request. run gives the blocks of the answer; timeout_ms None: the default.

    kind: jobs of the same kind, which is a hash of what is asked, cost about the same; None:
    nothing is known of that. is_empty: whether the answer has no content. headers: of an answer
    that is not JSON; compact: that it would not become smaller; status: of one that is whole.
    """

    run: Callable[[Slot], Iterator[Buffer]]
    timeout_ms: int | None = None
    kind: int | None = None
    is_empty: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    compact: bool = False
    status: int = 200


@dataclass(frozen=True, slots=True)
class Style:
    """How an endpoint is used. takes_body: what is posted is no form; plain_errors: errors are
    plain text; concurrency: requests of it that run at a time, 0: as many as of all."""

    takes_body: bool = False
    plain_errors: bool = False
    concurrency: int = 0


PROMETHEUS_STYLE = Style()
Handler = Callable[[Call], Job | bytes]
# The answer without content, which is not JSON.
NOTHING = b""
