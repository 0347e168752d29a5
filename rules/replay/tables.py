"""What a replay found, for people: from the document of it, whoever made that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.promql.go_format import quote
from api.promql.syntax.durations import format_duration

Document = dict[str, Any]
ALERTS_SHOWN_MAX, FAILURES_SHOWN_MAX = 100, 10


def lines(document: Document) -> Iterator[str]:
    """The report, line by line."""
    for group in document["groups"]:
        yield from _group(group)
    yield from _summary(document["summary"])


def _group(group: Document) -> Iterator[str]:
    first = f" from {group['firstEvaluation']} on" if group["evaluations"] else ""
    yield (
        f"{group['file']}; {group['name']}: {group['evaluations']:,} evaluations every "
        f"{_span(group['interval'])}{first}"
    )
    for rule in group["rules"]:
        if rule["type"] == "recording":
            counts = f"{rule['series']:,} series, {rule['samples']:,} samples"
            yield f"  record {rule['name']}: {counts}"
        else:
            yield from _alerting(rule)
        yield from _problems(rule)
    yield ""


def _alerting(rule: Document) -> Iterator[str]:
    alerts = rule["alerts"]
    held = f", for {_span(rule['duration'])}" if rule["duration"] else ""
    kept = f", keeps firing for {_span(rule['keepFiringFor'])}" if rule["keepFiringFor"] else ""
    yield f"  alert {rule['name']}{held}{kept}: {_count(len(alerts), 'alert')}"
    for alert in alerts[:ALERTS_SHOWN_MAX]:
        yield f"    {_labels(alert['labels'])}: {_totals(alert)}"
        for change in alert["changes"]:
            yield f"      {change['time']}  {change['state']:<8}  {change['value']}"
            if change["state"] == "firing":
                for name, text in change["annotations"].items():
                    yield f"          {name}: {text}"
    if len(alerts) > ALERTS_SHOWN_MAX:
        yield f"    {len(alerts) - ALERTS_SHOWN_MAX} more; --format=json shows all"


def _totals(alert: Document) -> str:
    if not alert["firings"]:
        return f"did not fire, pending for {_span(alert['pendingSeconds'])}"
    fired = f"fired {_count(alert['firings'], 'time')}, for {_span(alert['firingSeconds'])}"
    return f"{fired}, {_count(alert['notifications'], 'notification')}"


def _problems(rule: Document) -> Iterator[str]:
    for failure in rule["failures"][:FAILURES_SHOWN_MAX]:
        when = failure["first"]
        if failure["evaluations"] > 1:
            when = f"{when} to {failure['last']}, {failure['evaluations']:,} evaluations"
        yield f"    failed at {when}: {failure['error']}"
    left = len(rule["failures"]) - FAILURES_SHOWN_MAX
    if left > 0:
        yield f"    {left} more failures; --format=json shows all"
    for note in rule["warnings"]:
        yield f"    {note}"


def _summary(summary: Document) -> Iterator[str]:
    yield (
        f"{_count(summary['alerts'], 'alert')}: fired {_count(summary['firings'], 'time')}, for "
        f"{_span(summary['firingSeconds'])} in all, {_count(summary['flaps'], 'flap')}, "
        f"{_count(summary['notifications'], 'notification')}"
    )
    yield f"recorded: {summary['series']:,} series, {summary['samples']:,} samples"
    failed = f", {summary['failedEvaluations']:,} failed" if summary["failedEvaluations"] else ""
    yield (
        f"{summary['evaluations']:,} evaluations{failed}, "
        f"{_count(summary['queries'], 'query', 'queries')}, {summary['seconds']:.1f} s"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _span(seconds: float) -> str:
    return format_duration(round(seconds * 1000))


def _labels(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}={quote(text)}" for name, text in labels.items()) + "}"
