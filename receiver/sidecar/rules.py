"""The rules that the Prometheus behind a sidecar evaluates, with its external labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.sources.rules import AlertFacts, GroupFacts, RuleFacts
from receiver.sidecar.beside import Beside
from receiver.sidecar.prometheus import PrometheusError

Document = Mapping[str, Any]
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PrometheusRules:
    """A rule book of what the Prometheus says. Blocks while it is asked."""

    beside: Beside

    def groups(self, tenant: str) -> Sequence[GroupFacts]:
        """None while it does not answer."""
        try:
            found = self.beside.prometheus.data("rules")["groups"]
            labels = self.beside.known.labels
            return [group_of(group, labels) for group in found]
        except (PrometheusError, KeyError, TypeError, ValueError):
            return ()

    def alertmanagers(self, tenant: str) -> tuple[Sequence[str], Sequence[str]]:
        return (), ()


def group_of(found: Document, labels: Labels) -> GroupFacts:
    return GroupFacts(
        str(found["file"]),
        str(found["name"]),
        float(found["interval"]),
        int(found.get("limit", 0)),
        rules=[rule_of(rule, labels) for rule in found["rules"]],
        evaluation_seconds=float(found.get("evaluationTime", 0)),
        last_evaluation=moment_s(found.get("lastEvaluation")),
    )


def rule_of(found: Document, labels: Labels) -> RuleFacts:
    is_alerting = found["type"] == "alerting"
    return RuleFacts(
        is_alerting,
        str(found["name"]),
        str(found["query"]),
        {**(found.get("labels") or {}), **labels},
        str(found.get("health", "")),
        last_error=str(found.get("lastError", "")),
        evaluation_seconds=float(found.get("evaluationTime", 0)),
        last_evaluation=moment_s(found.get("lastEvaluation")),
        state=str(found.get("state", "")),
        for_seconds=float(found.get("duration", 0)),
        keep_firing_seconds=float(found.get("keepFiringFor", 0)),
        annotations=found.get("annotations") or {},
        alerts=[alert_of(alert, labels) for alert in found.get("alerts") or ()],
    )


def alert_of(found: Document, labels: Labels) -> AlertFacts:
    active_s = moment_s(found.get("activeAt")) or 0.0
    return AlertFacts(
        {**found["labels"], **labels},
        found.get("annotations") or {},
        str(found["state"]),
        round(active_s * 1000),
        None,
        float(found["value"]),
    )


def moment_s(text: str | None) -> float | None:
    """A time of RFC 3339 in seconds; None for Go's time of what never was."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).timestamp()
