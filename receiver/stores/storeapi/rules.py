"""Rules of a store, read from its messages; and the rules of several stores as one list.

    RuleGroup      name = 1, file = 2, rules = 3 Rule, interval = 4, evaluation_duration = 5,
                   last_evaluation = 6, limit = 9
    Rule           recording = 1, or alert = 2
    RecordingRule  name = 1, query = 2, labels = 3, health = 4, last_error = 5, evaluation_duration
                   = 6, last_evaluation = 7
    Alert          state = 1, name = 2, query = 3, duration = 4, labels = 5, annotations = 6,
                   alerts = 7 AlertInstance, health = 8, last_error = 9, evaluation_duration = 10,
                   last_evaluation = 11, keep_firing_for = 12
    AlertInstance  labels = 1, annotations = 2, state = 3, active_at = 4, value = 5

Rulers of a pair evaluate the same rules. As in Thanos, groups of one file and name are one, and of
rules that are equal without the labels of replicas the one counts whose alert is further, or which
was evaluated last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from api.sources.rules import AlertFacts, GroupFacts, RuleFacts
from receiver.stores.storeapi.fields import Message, read_message, reading

STATES = ("", "inactive", "pending", "firing")


def read_group(content: bytes) -> GroupFacts:
    """Raises LyingStore."""
    with reading("its rules are"):
        return group_of(read_message(content))


def group_of(group: Message) -> GroupFacts:
    return GroupFacts(
        file=group.text(2),
        name=group.text(1),
        interval_seconds=group.real(4),
        limit=group.number(9),
        rules=[rule_of(rule) for rule in group.messages(3)],
        evaluation_seconds=group.real(5),
        last_evaluation=group.seconds(6),
    )


def rule_of(rule: Message) -> RuleFacts:
    alerts = rule.messages(2)
    if not alerts:
        own = (rule.messages(1) or [Message()])[-1]
        return RuleFacts(
            is_alerting=False,
            name=own.text(1),
            query=own.text(2),
            labels=own.labels(3),
            health=own.text(4),
            last_error=own.text(5),
            evaluation_seconds=own.real(6),
            last_evaluation=own.seconds(7),
        )
    own = alerts[-1]
    return RuleFacts(
        is_alerting=True,
        name=own.text(2),
        query=own.text(3),
        labels=own.labels(5),
        health=own.text(8),
        last_error=own.text(9),
        evaluation_seconds=own.real(10),
        last_evaluation=own.seconds(11),
        state=state_of(own.number(1)),
        for_seconds=own.real(4),
        keep_firing_seconds=own.real(12),
        annotations=own.labels(6),
        alerts=[alert_of(alert) for alert in own.messages(7)],
    )


def alert_of(alert: Message) -> AlertFacts:
    active_s = alert.seconds(4)
    return AlertFacts(
        labels=alert.labels(1),
        annotations=alert.labels(2),
        state=state_of(alert.number(3)),
        active_ms=0 if active_s is None else round(active_s * 1000),
        keep_firing_ms=None,
        value=float(alert.text(5) or "nan"),
    )


def state_of(number: int) -> str:
    return STATES[number] if 0 <= number < len(STATES) else ""


def as_one(groups: Iterable[GroupFacts], hidden: Sequence[str]) -> list[GroupFacts]:
    """Groups of all stores, those of one file and name as one. hidden: labels that are not shown,
    such as those of replicas."""
    found: dict[tuple[str, str], GroupFacts] = {}
    for group in groups:
        before = found.get((group.file, group.name))
        rules = [*(before.rules if before is not None else ()), *group.rules]
        found[group.file, group.name] = replace(before or group, rules=rules)
    return [
        replace(group, rules=distinct([shown(rule, hidden) for rule in group.rules]))
        for group in found.values()
    ]


def of_tenant(groups: Iterable[GroupFacts], label: str, tenant: str) -> list[GroupFacts]:
    """Those rules that have a label whose value is the tenant, and its groups."""
    found = []
    for group in groups:
        own = [rule for rule in group.rules if rule.labels.get(label) == tenant]
        if own:
            found.append(replace(group, rules=own))
    return found


def shown(rule: RuleFacts, hidden: Sequence[str]) -> RuleFacts:
    """A rule without some labels."""

    def rest(labels: Mapping[str, str]) -> dict[str, str]:
        return {name: text for name, text in labels.items() if name not in hidden}

    alerts = [replace(alert, labels=rest(alert.labels)) for alert in rule.alerts]
    return replace(rule, labels=rest(rule.labels), alerts=alerts)


def distinct(rules: Sequence[RuleFacts]) -> list[RuleFacts]:
    """Of equal rules the one that counts, at the place of the first."""
    found: dict[object, RuleFacts] = {}
    for rule in rules:
        key = (
            rule.is_alerting, rule.name, rule.query, tuple(sorted(rule.labels.items())),
            tuple(sorted(rule.annotations.items())), rule.for_seconds,
        )  # fmt: skip
        if key not in found or counts(rule) > counts(found[key]):
            found[key] = rule
    return list(found.values())


def counts(rule: RuleFacts) -> tuple[int, float]:
    state = STATES.index(rule.state) if rule.state in STATES else 0
    return state, rule.last_evaluation or 0.0
