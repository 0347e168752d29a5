"""One rule at one time: what is written, what is sent, and the state for the next time.

A rule whose query failed writes nothing, and nothing of it becomes stale: the series of its latest
success are compared again the next time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from rules.evaluation.alerts import (
    ALERT_NAME,
    METRIC_NAME,
    Alert,
    Alerts,
    Instance,
    State,
    advance,
    check_limit,
    instances_by_key,
    noticed,
    series_of,
    state_of,
)
from rules.evaluation.rows import Key, Labels, Row, RuleError, key_of, value_text
from rules.groups import Group, Rule
from rules.templates.expander import Expander
from rules.templates.functions import Surroundings
from rules.templates.values import Data, QueryResult, StringMap


class Health(Enum):
    """Of a rule; the value is the name that the API shows."""

    UNKNOWN = "unknown"
    GOOD = "ok"
    BAD = "err"


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule is after its latest evaluation.

    series: what its latest success wrote. is_restored: whether series of alerts are written.
    failed_texts: how many labels and annotations could not be expanded in the latest evaluation.
    """

    alerts: Alerts = field(default_factory=dict)
    series: frozenset[Key] = frozenset()
    health: Health = Health.UNKNOWN
    last_error: str = ""
    is_restored: bool = False
    failed_texts: int = 0

    @property
    def state(self) -> State:
        return State.UNKNOWN if self.health is Health.UNKNOWN else state_of(self.alerts)


@dataclass(frozen=True, slots=True)
class Moment:
    """When rules are evaluated, and what their templates may ask.

    ts_ms: of the slot. query: the samples of an expression at that time; raises FunctionError.
    """

    ts_ms: int
    query: Callable[[str], QueryResult]
    external_labels: Labels = field(default_factory=dict)
    external_url: str = ""
    interval_ms: int = 60_000
    resend_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Step:
    """What an evaluation gave. stale: the series that end with it; notices: alerts to be sent."""

    state: RuleState
    rows: list[Row] = field(default_factory=list)
    stale: list[Key] = field(default_factory=list)
    notices: list[Alert] = field(default_factory=list)


def failed(before: RuleState, error: str) -> Step:
    """After a query or a write that failed."""
    return Step(replace(before, health=Health.BAD, last_error=error))


def evaluate(group: Group, rule: Rule, before: RuleState, rows: list[Row], moment: Moment) -> Step:
    """One evaluation of a rule whose query gave these rows."""
    try:
        if rule.is_alerting:
            return _alerting(group, rule, before, rows, moment)
        return _written(before, recorded(group, rule, rows), [])
    except RuleError as error:
        return failed(before, str(error))


def recorded(group: Group, rule: Rule, rows: list[Row]) -> list[Row]:
    """What a recording rule writes. Raises RuleError."""
    own = {**group.labels_of(rule)}
    written = []
    for row in rows:
        labels = {**row.labels, METRIC_NAME: rule.record, **own}
        written.append(Row({name: text for name, text in labels.items() if text}, row.value))
    if len({key_of(row.labels) for row in written}) < len(written):
        raise RuleError("vector contains metrics with the same labelset after applying rule labels")
    if 0 < group.limit < len(written):
        raise RuleError(f"exceeded limit of {group.limit} with {len(written)} series")
    return written


def _written(state: RuleState, rows: list[Row], notices: list[Alert]) -> Step:
    series = frozenset(key_of(row.labels) for row in rows)
    stale = sorted(state.series - series)
    after = replace(state, series=series, health=Health.GOOD, last_error="")
    return Step(after, rows, stale, notices)


def _alerting(group: Group, rule: Rule, before: RuleState, rows: list[Row], moment: Moment) -> Step:
    labels = group.labels_of(rule)
    texts = Texts(rule, labels, moment)
    instances = instances_by_key([texts.instance(row) for row in rows])
    alerts: Alerts = advance(rule, before.alerts, instances, moment.ts_ms)
    try:
        check_limit(alerts, group.limit)
    except RuleError as error:
        return failed(replace(before, alerts={}, failed_texts=texts.failed), str(error))
    alerts, notices = noticed(alerts, moment.ts_ms, moment.interval_ms, moment.resend_ms)
    written = series_of(alerts, labels) if before.is_restored else []
    after = replace(before, alerts=alerts, failed_texts=texts.failed)
    return _written(after, written, notices)


class Texts:
    """The labels and annotations of a rule's alerts, expanded row by row. labels: of the rule and
    its group; failed: how many texts could not be expanded."""

    def __init__(self, rule: Rule, labels: Labels, moment: Moment) -> None:
        self._rule = rule
        self._labels = labels
        self._moment = moment
        self._around = Surroundings(moment.query, moment.ts_ms, moment.external_url)
        self.failed = 0

    def instance(self, row: Row) -> Instance:
        """The row as an alert."""
        expander = self._expander(row)
        return Instance(
            self._named(row, expander), self._expanded(expander, self._rule.annotations), row.value
        )

    def labels(self, row: Row) -> dict[str, str]:
        """The labels of the row as an alert."""
        return self._named(row, self._expander(row))

    def annotations(self, row: Row) -> dict[str, str]:
        return self._expanded(self._expander(row), self._rule.annotations)

    def _expander(self, row: Row) -> Expander:
        data = Data(
            StringMap(row.labels),
            StringMap(self._moment.external_labels),
            self._moment.external_url,
            value_text(row.value),
        )
        return Expander(self._rule.alert, data, self._around)

    def _named(self, row: Row, expander: Expander) -> dict[str, str]:
        labels = {name: text for name, text in row.labels.items() if name != METRIC_NAME}
        labels |= self._expanded(expander, self._labels)
        labels[ALERT_NAME] = self._rule.alert
        return {name: text for name, text in labels.items() if text}

    def _expanded(self, expander: Expander, texts: Labels) -> dict[str, str]:
        return {name: self._text(expander, text) for name, text in texts.items()}

    def _text(self, expander: Expander, text: str) -> str:
        expanded = expander.expand(text)
        self.failed += bool(expanded.error)
        return expanded.text
