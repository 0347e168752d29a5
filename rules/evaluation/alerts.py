"""The alerts of a rule: inactive, pending, firing, and how one evaluation moves them.

An alert is known by its labels. Nothing is changed in place: each evaluation makes the alerts of
the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from rules.evaluation.rows import Key, Labels, Row, RuleError, Value, key_of
from rules.groups import Rule

RESOLVED_KEPT_MS: Final = 15 * 60_000
# An Alertmanager ends an alert that was not sent again for so many periods.
VALID_PERIODS: Final = 4
ALERT_NAME, STATE_LABEL, METRIC_NAME = "alertname", "alertstate", "__name__"
ALERTS, ALERTS_FOR_STATE = "ALERTS", "ALERTS_FOR_STATE"


class State(Enum):
    """Of an alert, or the highest one of a rule; the value is the name that the API shows."""

    UNKNOWN = "unknown"
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Times are of evaluations; None where it did not happen.

    active_ms: since when its condition holds. keep_firing_ms: since when it fires only because the
    rule keeps it firing. valid_until_ms: what the last notice said of its end.
    """

    labels: Labels
    annotations: Labels
    value: Value
    state: State
    active_ms: int
    fired_ms: int | None = None
    resolved_ms: int | None = None
    keep_firing_ms: int | None = None
    last_sent_ms: int | None = None
    valid_until_ms: int | None = None

    @property
    def is_active(self) -> bool:
        return self.resolved_ms is None


Alerts = Mapping[Key, Alert]


@dataclass(frozen=True, slots=True)
class Instance:
    """One row of a rule's result with its texts expanded."""

    labels: Labels
    annotations: Labels
    value: Value


def instances_by_key(instances: list[Instance]) -> dict[Key, Instance]:
    """Raises RuleError if two have the same labels."""
    found = {key_of(instance.labels): instance for instance in instances}
    if len(found) < len(instances):
        raise RuleError(
            "vector contains metrics with the same labelset after applying alert labels"
        )
    return found


def advance(
    rule: Rule, before: Alerts, instances: Mapping[Key, Instance], ts_ms: int
) -> dict[Key, Alert]:
    """The alerts after an evaluation at ts_ms that gave these instances."""
    known = dict(before)
    for key, instance in instances.items():
        known[key] = _seen(known.get(key), instance, ts_ms)
    after = {}
    for key, alert in known.items():
        moved = _missed(rule, alert, ts_ms) if key not in instances else alert
        if moved is not None:
            after[key] = _timed(rule, moved, ts_ms) if moved.is_active else moved
    return after


def _seen(alert: Alert | None, instance: Instance, ts_ms: int) -> Alert:
    """An alert whose condition holds; one that was resolved begins anew."""
    if alert is None or not alert.is_active:
        return Alert(instance.labels, instance.annotations, instance.value, State.PENDING, ts_ms)
    return replace(
        alert, annotations=instance.annotations, value=instance.value, keep_firing_ms=None
    )


def _missed(rule: Rule, alert: Alert, ts_ms: int) -> Alert | None:
    """An alert whose condition does not hold; None if it is forgotten."""
    if alert.state is State.FIRING and rule.keep_firing_ms > 0:
        since = ts_ms if alert.keep_firing_ms is None else alert.keep_firing_ms
        alert = replace(alert, keep_firing_ms=since)
        if ts_ms - since < rule.keep_firing_ms:
            return alert
    if alert.state is State.PENDING:
        return None
    if alert.resolved_ms is not None:
        return alert if ts_ms - alert.resolved_ms <= RESOLVED_KEPT_MS else None
    return replace(alert, state=State.INACTIVE, resolved_ms=ts_ms)


def _timed(rule: Rule, alert: Alert, ts_ms: int) -> Alert:
    """Fires when its condition has held for long enough, and not before, though it did once."""
    has_held = ts_ms - alert.active_ms >= rule.for_ms
    if alert.state is State.PENDING and has_held:
        return replace(alert, state=State.FIRING, fired_ms=ts_ms)
    if alert.state is State.FIRING and not has_held:
        return replace(
            alert, state=State.PENDING, fired_ms=None, last_sent_ms=None, keep_firing_ms=None
        )
    return alert


def state_of(alerts: Alerts) -> State:
    """The highest state of a rule that was evaluated."""
    states = {alert.state for alert in alerts.values()}
    return next(
        (state for state in (State.FIRING, State.PENDING) if state in states), State.INACTIVE
    )


def check_limit(alerts: Alerts, limit: int) -> None:
    """Raises RuleError if more alerts are active than the group allows; 0 allows all."""
    count = sum(alert.is_active for alert in alerts.values())
    if 0 < limit < count:
        raise RuleError(f"exceeded limit of {limit} with {count} alerts")


def series_of(alerts: Alerts, rule_labels: Labels) -> list[Row]:
    """What is written of active alerts: ALERTS and ALERTS_FOR_STATE of each.

    As in Prometheus, a label of the rule that was expanded to nothing has its template as value.
    """
    rows = []
    for alert in alerts.values():
        if not alert.is_active:
            continue
        own = {name: value for name, value in rule_labels.items() if value}
        labels = {**own, **alert.labels}
        state = {METRIC_NAME: ALERTS, STATE_LABEL: alert.state.value}
        rows.append(Row(labels | state, 1.0))
        since = float(alert.active_ms // 1000)
        rows.append(Row(labels | {METRIC_NAME: ALERTS_FOR_STATE}, since))
    return rows


def needs_notice(alert: Alert, ts_ms: int, resend_ms: int) -> bool:
    """Whether Alertmanagers are told of an alert after the evaluation at ts_ms."""
    if alert.state is State.PENDING:
        return False
    if alert.last_sent_ms is None:
        return True
    if alert.resolved_ms is not None and alert.resolved_ms > alert.last_sent_ms:
        return True
    return alert.last_sent_ms + resend_ms < ts_ms


def noticed(
    alerts: Alerts, ts_ms: int, interval_ms: int, resend_ms: int
) -> tuple[dict[Key, Alert], list[Alert]]:
    """The alerts with what was sent noted, and those to be sent."""
    after, sent = {}, []
    for key, alert in alerts.items():
        after[key] = alert
        if needs_notice(alert, ts_ms, resend_ms):
            until = ts_ms + VALID_PERIODS * max(interval_ms, resend_ms)
            after[key] = replace(alert, last_sent_ms=ts_ms, valid_until_ms=until)
            sent.append(after[key])
    return after, sent
