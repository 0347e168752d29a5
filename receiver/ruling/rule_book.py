"""What the API shows of rules, as plain values: the state of the ruler, and whom it notifies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.sources.rules import AlertFacts, GroupFacts, RuleFacts
from rules.evaluation.alerts import Alert
from rules.ruler.status import GroupStatus, RuleStatus

Urls = Callable[[str], tuple[Sequence[str], Sequence[str]]]


@dataclass(frozen=True, slots=True)
class RulerBook:
    """An `api.sources.rules.RuleBook`. Both are asked with a tenant. statuses: of its groups; urls:
    of the Alertmanagers that get its alerts, and of those that relabelling dropped."""

    statuses: Callable[[str], Sequence[GroupStatus]]
    urls: Urls

    def groups(self, tenant: str) -> Sequence[GroupFacts]:
        return [group_facts(status) for status in self.statuses(tenant)]

    def alertmanagers(self, tenant: str) -> tuple[Sequence[str], Sequence[str]]:
        return self.urls(tenant)


def group_facts(status: GroupStatus) -> GroupFacts:
    return GroupFacts(
        file=status.file,
        name=status.name,
        interval_seconds=status.interval_ms / 1000,
        limit=status.limit,
        query_offset_seconds=status.query_offset_ms / 1000,
        source_tenants=status.source_tenants,
        rules=[rule_facts(rule) for rule in status.rules],
        evaluation_seconds=status.evaluation_seconds,
        last_evaluation=status.last_evaluation,
        missed=status.missed,
    )


def rule_facts(status: RuleStatus) -> RuleFacts:
    rule = status.rule
    return RuleFacts(
        is_alerting=rule.is_alerting,
        name=rule.name,
        query=status.query,
        labels=status.labels,
        health=status.health.value,
        last_error=status.last_error,
        evaluation_seconds=status.evaluation_seconds,
        last_evaluation=status.last_evaluation,
        series=status.series,
        samples=status.samples,
        state=status.state.value if rule.is_alerting else "",
        for_seconds=rule.for_ms / 1000,
        keep_firing_seconds=rule.keep_firing_ms / 1000,
        annotations=rule.annotations,
        alerts=[alert_facts(alert) for alert in status.alerts],
    )


def alert_facts(alert: Alert) -> AlertFacts:
    """A histogram has no value here, as in Prometheus: it is 0."""
    return AlertFacts(
        labels=alert.labels,
        annotations=alert.annotations,
        state=alert.state.value,
        active_ms=alert.active_ms,
        keep_firing_ms=alert.keep_firing_ms,
        value=alert.value if isinstance(alert.value, float) else 0.0,
    )
