"""What the running ruler needs of others: groups, answers, a place for results, a way to people.

All of it is called in threads of the ruler and may block them, but for `Notifier.send`. Times are
integer milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from api.promql.vectors.value import Result
from rules.errors import RulesError
from rules.evaluation.alerts import Alert
from rules.evaluation.rows import Key
from rules.groups import Group
from storage.catalog.rule_states import GroupKey, SavedGroup
from storage.kernels.arrays import Bytes, Int64s
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The groups of every tenant at one time. version: another one wherever they differ."""

    version: int = 0
    groups: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)


class RuleSource(Protocol):
    """Where groups come from: files, or the configuration API. A group is known by tenant, file and
    name; several sources have no file in common."""

    def current(self) -> RuleSet:
        """The groups as they are to be evaluated now; quick where nothing has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert as it is to be sent.

    Its start is alert.fired_ms, its end alert.resolved_ms or, while it fires, alert.valid_until_ms.
    Labels are without external ones. generator_url: where its expression can be looked at.
    """

    alert: Alert
    generator_url: str = ""


class Notifier(Protocol):
    """Sends alerts to Alertmanagers."""

    def send(self, tenant: str, notices: Sequence[Notice]) -> None:
        """Queue alerts; never blocks, never raises. What there is no room for is counted."""
        ...

    def drain(self) -> None:
        """The last alerts were queued: give those that wait some time to be delivered. Blocks."""
        ...

    def undelivered(self, tenant: str) -> frozenset[Key]:
        """The alerts, by what identifies them, whose latest notice no Alertmanager has yet."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """Samples of n series to be written. The labels of series i are label fields as in a remote
    write request, label_bytes[label_offsets[i]:label_offsets[i+1]]."""

    label_bytes: Bytes
    label_offsets: Int64s
    samples: Samples


@dataclass(frozen=True, slots=True)
class Refused:
    """Samples of a write that were not taken, for one reason, with the text for people."""

    reason: str
    count: int
    text: str


class NotWritten(RulesError):
    """Nothing was kept; str() is the text for people. may_help: whether the same may be written
    later."""

    def __init__(self, text: str, *, may_help: bool = False) -> None:
        self.may_help = may_help
        super().__init__(text)


class Results(Protocol):
    """Where results go: the way of a remote write."""

    def write(self, tenant: str, recorded: Recorded) -> Sequence[Refused]:
        """Make samples durable and visible; returns after both. Raises NotWritten."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """An instant query.

    tenants: whose data it reads; several are told apart by __tenant_id__. lookback_ms: how far it
    looks back, timeout_ms: how long it may take; None: as queries do.
    """

    tenants: tuple[str, ...]
    expression: str
    time_ms: int
    lookback_ms: int | None = None
    timeout_ms: int | None = None
    cancelled: Callable[[], bool] = lambda: False


class NotAnswered(RulesError):
    """A query failed; str() is the text for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave, and what it read."""

    result: Result
    series: int = 0
    samples: int = 0


class Asking(Protocol):
    """Answers queries over the view of a tenant in which replicas are one, under its limits."""

    def ask(self, question: Question) -> Answer:
        """Raises NotAnswered."""
        ...


class Memory(Protocol):
    """Keeps what is to survive the process. All raise storage.errors.StorageError."""

    def load(self) -> dict[GroupKey, SavedGroup]: ...

    def save(self, saved: Mapping[GroupKey, SavedGroup]) -> None:
        """Keep these in place of what was kept of the same groups; durable when it returns. Alerts
        of rules that are not named stay, and those that are empty go."""
        ...

    def forget(self, keys: Sequence[GroupKey]) -> None: ...
