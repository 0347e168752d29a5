"""The port through which the API sees rules: what they do, and their configuration over HTTP.

Values are plain, as answers state them. The program implements it; without rules there is
`NO_RULES`. Everything may be called in worker threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert that is pending or firing. Times are ms; keep_firing_ms: since when it fires only
    because its rule keeps it firing."""

    labels: Labels
    annotations: Labels
    state: str
    active_ms: int
    keep_firing_ms: int | None
    value: float


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule after its latest evaluation. is_alerting: else it records, and has neither annotations
    nor alerts. last_evaluation: seconds since 1970, None before the first one. series, samples:
    what its latest query read."""

    is_alerting: bool
    name: str
    query: str
    labels: Labels
    health: str
    last_error: str = ""
    evaluation_seconds: float = 0.0
    last_evaluation: float | None = None
    series: int = 0
    samples: int = 0
    state: str = ""
    for_seconds: float = 0.0
    keep_firing_seconds: float = 0.0
    annotations: Labels = field(default_factory=dict)
    alerts: Sequence[AlertFacts] = ()


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A group after its latest evaluation. missed: evaluations that did not take place at their
    time."""

    file: str
    name: str
    interval_seconds: float
    limit: int = 0
    query_offset_seconds: float = 0.0
    source_tenants: Sequence[str] = ()
    rules: Sequence[RuleFacts] = ()
    evaluation_seconds: float = 0.0
    last_evaluation: float | None = None
    missed: int = 0


class RuleBook(Protocol):
    """What there is of rules."""

    def groups(self, tenant: str) -> Sequence[GroupFacts]:
        """The groups of one tenant, in any order."""
        ...

    def alertmanagers(self, tenant: str) -> tuple[Sequence[str], Sequence[str]]:
        """The URLs that alerts of a tenant are posted to, and those that relabelling dropped."""
        ...


class NoRules:
    """The rule book of a program without rules."""

    def groups(self, tenant: str) -> Sequence[GroupFacts]:
        return ()

    def alertmanagers(self, tenant: str) -> tuple[Sequence[str], Sequence[str]]:
        return (), ()


NO_RULES = NoRules()
