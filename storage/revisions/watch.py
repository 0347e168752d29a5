"""What a querier says of how long an answer made with it will be true."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from storage.labels.matchers import Matcher
from storage.revisions.record import Record
from storage.revisions.records import Records
from storage.revisions.rings import Span

FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a record."""

    record: Record
    revision: int


@dataclass(frozen=True, slots=True)
class Watch:
    """One tenant as a query sees it.

    mark: of a moment before anything was read. oldest_ms: what is older may not be seen, or soon
    not any more. rule: what the answer depends on beside samples, such as how replicas become one;
    an answer of another rule is none. generation, series: how often series were forgotten, and how
    many there are since; matched: how many of them pass some matchers. replicated: whether replicas
    become one. reached_ms: how far around a read samples were looked at so
    far, None: no bound is known. shows_all: whether lists of series had all that matched.
    """

    tenant: int
    records: Records
    lock: threading.Lock
    mark: Mark
    oldest_ms: int
    rule: Hashable
    generation: int
    series: int
    matched: Callable[[Sequence[Matcher]], int]
    reached_ms: Callable[[], int | None]
    replicated: bool = False
    shows_all: Callable[[], bool] = lambda: False

    def changed(self, since: Mark, span: Span) -> tuple[list[Span], str]:
        """The parts of a stretch that may have changed since a mark, and why."""
        with self.lock:
            if not self.records.is_kept(self.tenant, since.record):
                return [span], FORGOTTEN
            record = since.record
            found = record.changed(since.revision, span)
            return found, record.reason_since(since.revision) if found else ""
