"""What a replay found: of each rule what it recorded, or how its alerts changed, and the sum of it.

Times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from rules.evaluation.rows import Labels, Value
from rules.groups import Group, Rule
from rules.replay.slots import Slots
from storage.labels.frames import LabelFrame
from storage.samples.samples import Samples


class Became(Enum):
    """What an alert changed to; the value is the name in answers."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    INACTIVE = "inactive"  # without having fired
    DROPPED = "dropped"  # as the group allows no more alerts


@dataclass(frozen=True, slots=True)
class Change:
    """value, annotations: those of the evaluation; of an alert that ended, the last ones."""

    time_ms: int
    became: Became
    value: Value
    annotations: Labels


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """One alert, known by its labels. notices: how often it would be sent, firing and resolved."""

    labels: Labels
    changes: list[Change]
    notices: int
    firing_ms: int
    pending_ms: int

    def times(self, became: Became) -> int:
        """How often it changed to this."""
        return sum(change.became is became for change in self.changes)

    @property
    def flaps(self) -> int:
        """How often it fired again."""
        return max(0, self.times(Became.FIRING) - 1)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Series that a rule writes, stale markers included; labels are in symbols of the replay."""

    labels: LabelFrame
    samples: Samples


@dataclass(frozen=True, slots=True)
class Failure:
    """Evaluations of a rule that follow each other and failed for the same reason."""

    first_ms: int
    last_ms: int
    count: int
    error: str


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """recorded: series of a recording rule, or ALERTS and ALERTS_FOR_STATE of an alerting one;
    samples: of it, without markers. queries: how many the engine was asked."""

    rule: Rule
    recorded: Recorded
    samples: int
    alerts: list[AlertHistory] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    queries: int = 0

    @property
    def series(self) -> int:
        return self.recorded.labels.rows

    @property
    def failed(self) -> int:
        """How many evaluations failed."""
        return sum(failure.count for failure in self.failures)


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """A group, when it was evaluated, and its rules in their order."""

    group: Group
    slots: Slots
    rules: list[RuleOutcome]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All groups in their order. seconds, queries: what it took."""

    groups: list[GroupOutcome]
    seconds: float
    queries: int

    def each(self) -> Iterator[RuleOutcome]:
        for group in self.groups:
            yield from group.rules

    def alerts(self) -> Iterator[AlertHistory]:
        for rule in self.each():
            yield from rule.alerts

    @property
    def evaluations(self) -> int:
        return sum(group.slots.count * len(group.rules) for group in self.groups)


def failures_of(slots: Slots, errors: dict[int, str]) -> list[Failure]:
    """Errors by the number of an evaluation, as stretches."""
    found: list[tuple[int, int, str]] = []
    for number in sorted(errors):
        if found and found[-1][1] == number - 1 and found[-1][2] == errors[number]:
            found[-1] = (found[-1][0], number, errors[number])
        else:
            found.append((number, number, errors[number]))
    return [
        Failure(slots.time_ms(first), slots.time_ms(last), last - first + 1, text)
        for first, last, text in found
    ]


def histories_total(histories: Sequence[AlertHistory], became: Became) -> int:
    return sum(history.times(became) for history in histories)
