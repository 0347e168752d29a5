"""What a replay found, as a document for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.promql.go_format import format_g
from rules.evaluation.rows import Labels, Value, value_text
from rules.groups import Group, Rule
from rules.replay.outcome import (
    AlertHistory,
    Became,
    Failure,
    GroupOutcome,
    Outcome,
    RuleOutcome,
    histories_total,
)

Document = dict[str, Any]


def document_of(outcome: Outcome) -> Document:
    """All of it. Times are RFC 3339, durations seconds, values the texts that PromQL shows."""
    return {"summary": summary(outcome), "groups": [_group(group) for group in outcome.groups]}


def summary(outcome: Outcome) -> Document:
    rules = list(outcome.each())
    alerts = list(outcome.alerts())
    recording = [rule for rule in rules if not rule.rule.is_alerting]
    return {
        "evaluations": outcome.evaluations,
        "failedEvaluations": sum(rule.failed for rule in rules),
        "alerts": len(alerts),
        "firings": histories_total(alerts, Became.FIRING),
        "flaps": sum(alert.flaps for alert in alerts),
        "firingSeconds": sum(alert.firing_ms for alert in alerts) / 1000,
        "pendingSeconds": sum(alert.pending_ms for alert in alerts) / 1000,
        "notifications": sum(alert.notices for alert in alerts),
        "series": sum(rule.series for rule in recording),
        "samples": sum(rule.samples for rule in recording),
        "queries": outcome.queries,
        "seconds": round(outcome.seconds, 3),
    }


def _group(found: GroupOutcome) -> Document:
    group, slots = found.group, found.slots
    return {
        "name": group.name,
        "file": group.file,
        "interval": slots.interval_ms / 1000,
        "queryOffset": slots.offset_ms / 1000,
        "limit": group.limit,
        "evaluations": slots.count,
        "firstEvaluation": time_text(slots.first_ms) if slots.count else None,
        "rules": [_rule(group, rule) for rule in found.rules],
    }


def _rule(group: Group, found: RuleOutcome) -> Document:
    rule = found.rule
    common = {
        "name": rule.name,
        "query": rule.expr,
        "labels": dict(group.labels_of(rule)),
        "failures": [_failure(failure) for failure in found.failures],
        "warnings": found.notes,
        "queries": found.queries,
    }
    if not rule.is_alerting:
        recorded = {"series": found.series, "samples": found.samples, "type": "recording"}
        return common | recorded
    return common | _alerting(rule, found)


def _alerting(rule: Rule, found: RuleOutcome) -> Document:
    return {
        "duration": rule.for_ms / 1000,
        "keepFiringFor": rule.keep_firing_ms / 1000,
        "alerts": [_alert(alert) for alert in found.alerts],
        "type": "alerting",
    }


def _failure(failure: Failure) -> Document:
    return {
        "first": time_text(failure.first_ms),
        "last": time_text(failure.last_ms),
        "evaluations": failure.count,
        "error": failure.error,
    }


def _alert(alert: AlertHistory) -> Document:
    return {
        "labels": _texts(alert.labels),
        "firings": alert.times(Became.FIRING),
        "flaps": alert.flaps,
        "firingSeconds": alert.firing_ms / 1000,
        "pendingSeconds": alert.pending_ms / 1000,
        "notifications": alert.notices,
        "changes": [
            {
                "time": time_text(change.time_ms),
                "state": change.became.value,
                "value": shown(change.value),
                "annotations": _texts(change.annotations),
            }
            for change in alert.changes
        ],
    }


def _texts(labels: Labels) -> dict[str, str]:
    """Bytes that are no UTF-8 are shown as the sign for that."""
    return {clean(name): clean(text) for name, text in sorted(labels.items())}


def clean(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def shown(value: Value) -> str:
    """A value as PromQL shows it."""
    found = value_text(value)
    return found if isinstance(found, str) else format_g(found)


def time_text(time_ms: int) -> str:
    """RFC 3339 in UTC, with milliseconds where there are some."""
    spec = "milliseconds" if time_ms % 1000 else "seconds"
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")
