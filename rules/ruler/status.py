"""What the ruler is doing, as a snapshot: groups, their rules, and the alerts of these.

Seconds are floats, as the API shows them; last evaluations are in seconds since 1970, None where
there was none yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rules.evaluation.alerts import Alert, State
from rules.evaluation.steps import Health
from rules.groups import Rule


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """A rule after its latest evaluation.

    query: the expression as it is printed. labels: the group's and its own. alerts: those that are
    pending or firing. series, samples: what its latest query read.
    """

    rule: Rule
    query: str
    labels: dict[str, str] = field(default_factory=dict)
    health: Health = Health.UNKNOWN
    last_error: str = ""
    state: State = State.UNKNOWN
    evaluation_seconds: float = 0.0
    last_evaluation: float | None = None
    alerts: tuple[Alert, ...] = ()
    series: int = 0
    samples: int = 0


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """A group after its latest evaluation.

    file: where it comes from, a path or a namespace. interval_ms, query_offset_ms: as they are in
    force. missed: evaluations that were due and did not take place at their time.
    """

    tenant: str
    file: str
    name: str
    interval_ms: int
    limit: int = 0
    query_offset_ms: int = 0
    source_tenants: tuple[str, ...] = ()
    rules: tuple[RuleStatus, ...] = ()
    evaluation_seconds: float = 0.0
    last_evaluation: float | None = None
    missed: int = 0


class RulerView(Protocol):
    """What others may see of the running ruler. For any thread."""

    def groups(self, tenant: str) -> Sequence[GroupStatus]:
        """The groups of one tenant, in the order of their files and names."""
        ...
