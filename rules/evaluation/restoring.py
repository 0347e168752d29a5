"""How long an alert had been active before a restart, out of what was written of it.

Prometheus' algorithm, alert by alert: what is known is the last sample of its ALERTS_FOR_STATE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rules.evaluation.alerts import (
    ALERT_NAME,
    ALERTS_FOR_STATE,
    METRIC_NAME,
    Alert,
    Alerts,
)
from rules.evaluation.rows import Key, Labels
from rules.groups import Rule
from storage.labels.matchers import Matcher


@dataclass(frozen=True, slots=True)
class ForState:
    """The last sample of an alert's ALERTS_FOR_STATE: when it was written, since when the alert was
    active; both in ms."""

    time_ms: int
    active_ms: int


def matchers_of(rule: Rule, labels: Labels) -> list[Matcher]:
    """What selects the series of a rule's alerts; labels that are templates say nothing."""
    fixed = {name: value for name, value in labels.items() if "{{" not in value}
    wanted = fixed | {METRIC_NAME: ALERTS_FOR_STATE, ALERT_NAME: rule.alert}
    return [Matcher(name, "=", value) for name, value in wanted.items()]


def is_restored(rule: Rule, grace_ms: int) -> bool:
    """Whether alerts of a rule are restored at all: those that fire soon anyway are not."""
    return rule.is_alerting and rule.for_ms >= grace_ms


def restored(
    rule: Rule, alerts: Alerts, stored: Mapping[Key, ForState], now_ms: int, grace_ms: int
) -> dict[Key, Alert]:
    """The alerts with what was stored of them; stale series must not be among `stored`."""
    after = dict(alerts)
    for key, alert in alerts.items():
        known = stored.get(key)
        if known is not None and alert.is_active:
            after[key] = replace(alert, active_ms=_active_ms(rule, known, now_ms, grace_ms))
    return after


def _active_ms(rule: Rule, known: ForState, now_ms: int, grace_ms: int) -> int:
    remaining_ms = rule.for_ms - (known.time_ms - known.active_ms)
    if remaining_ms <= 0:
        return known.active_ms  # it was firing
    if remaining_ms < grace_ms:
        return now_ms + grace_ms - rule.for_ms
    # The time without evaluations does not count.
    return known.active_ms + (now_ms - known.time_ms)
