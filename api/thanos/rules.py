"""Rules: groups of rules with what their latest evaluation gave.

    RulesRequest    type=1, matcher_string=3, rule_name=4, rule_group=5, file=6
    RulesResponse   group=1 RuleGroup
    RuleGroup       name=1, file=2, rules=3 Rule, interval=4, evaluation_duration_seconds=5,
                    last_evaluation=6, limit=9
    Rule            recording=1, or alert=2
    RecordingRule   name=1, query=2, labels=3, health=4, last_error=5,
                    evaluation_duration_seconds=6, last_evaluation=7
    Alert           state=1, name=2, query=3, duration_seconds=4, labels=5, annotations=6,
                    alerts=7 AlertInstance, health=8, last_error=9, evaluation_duration_seconds=10,
                    last_evaluation=11, keep_firing_for_seconds=12
    AlertInstance   labels=1, annotations=2, state=3, active_at=4, value=5

A rule has no labels of its own but those that are written in it. A group of which no rule is left
is sent without any, as Thanos does.
"""

from collections.abc import Iterator
from dataclasses import replace

from api.endpoints.handler import Call, Job, Slot
from api.endpoints.rules.listing import Wanted
from api.errors import BadData
from api.params import parse_selectors
from api.promql.go_format import format_e
from api.sources.rules import AlertFacts, GroupFacts, RuleBook, RuleFacts
from api.thanos.fields import label_set, message, number, real, text, timestamp
from api.thanos.requests import Fields

KINDS = ((True, False), (True,), (False,))
STATES = {"inactive": 1, "pending": 2, "firing": 3}
GROUP, RULES = 1, 3
RECORDING, ALERT, INSTANCES = 1, 2, 7
# Go's time of what never was.
NEVER_NS = -62_135_596_800_000_000_000
NS_OF_MS = 1_000_000


class RuleHandlers:
    """The method over a rule book."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def rules(self, call: Call) -> Job:
        """Raises BadData."""
        wanted = decode_wanted(call.body)

        def run(turn: Slot) -> Iterator[bytes]:
            for tenant in call.tenants:
                groups = self._book.groups(tenant)
                for group in sorted(groups, key=lambda each: (each.file, each.name)):
                    if wanted.has_group(group):
                        rules = [rule for rule in group.rules if wanted.has_rule(rule)]
                        yield message(GROUP, group_content(replace(group, rules=rules)))

        return Job(run)


def decode_wanted(body: bytes) -> Wanted:
    """Raises BadData."""
    found = Fields(body)
    kind = found.number(1)
    if not 0 <= kind < len(KINDS):
        raise BadData(f"invalid type of rules: got {kind}; allowed are 0 to {len(KINDS) - 1}")
    return Wanted(
        KINDS[kind],
        frozenset(found.texts(4)),
        frozenset(found.texts(5)),
        frozenset(found.texts(6)),
        parse_selectors(found.texts(3)),
        alerts=True,
        limit=0,
        token="",
    )


def group_content(group: GroupFacts) -> bytes:
    return b"".join(
        [
            text(1, group.name),
            text(2, group.file),
            *(message(RULES, rule_content(rule)) for rule in group.rules),
            real(4, group.interval_seconds),
            real(5, group.evaluation_seconds),
            timestamp(6, time_ns(group.last_evaluation)),
            number(9, group.limit),
        ]
    )


def rule_content(rule: RuleFacts) -> bytes:
    if not rule.is_alerting:
        named = text(1, rule.name) + text(2, rule.query) + label_set(3, rule.labels)
        return message(RECORDING, named + evaluation(rule, 4))
    parts = [
        number(1, STATES.get(rule.state, 0)),
        text(2, rule.name),
        text(3, rule.query),
        real(4, rule.for_seconds),
        label_set(5, rule.labels),
        label_set(6, rule.annotations),
        *(message(INSTANCES, instance(alert)) for alert in rule.alerts),
        evaluation(rule, 8),
        real(12, rule.keep_firing_seconds),
    ]
    return message(ALERT, b"".join(parts))


def evaluation(rule: RuleFacts, first: int) -> bytes:
    """Health, error, duration and time of the latest evaluation, in fields from `first` on."""
    return b"".join(
        [
            text(first, rule.health),
            text(first + 1, rule.last_error),
            real(first + 2, rule.evaluation_seconds),
            timestamp(first + 3, time_ns(rule.last_evaluation)),
        ]
    )


def instance(alert: AlertFacts) -> bytes:
    return b"".join(
        [
            label_set(1, alert.labels),
            label_set(2, alert.annotations),
            number(3, STATES.get(alert.state, 0)),
            timestamp(4, alert.active_ms * NS_OF_MS),
            text(5, format_e(alert.value)),
        ]
    )


def time_ns(seconds: float | None) -> int:
    """Floats of seconds have microseconds."""
    return NEVER_NS if seconds is None else round(seconds * 1_000_000) * 1_000
