"""One test: its series, the rules, and what both give at each time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from api.promql.engine import Engine
from api.promql.errors import QueryError
from api.promql.go_format import quote
from api.promql.syntax.durations import format_duration
from rules.errors import FunctionError, RulesError
from rules.evaluation.alerts import State
from rules.evaluation.rows import Labels, Row, RuleError, Value, rows_of, template_samples
from rules.evaluation.steps import Health, Moment, RuleState, Step, evaluate, failed
from rules.groups import Group, Rule
from rules.memory import MemoryStore
from rules.templates.times import format_span
from rules.templates.values import Duration, QueryResult
from rules.unit_tests.cases import AlertCase, Case, ExpectedSample, ExpressionCase
from rules.unit_tests.natives import native_text
from rules.unit_tests.notation import parse_labels, parse_values
from rules.unit_tests.reports import (
    FiringAlert,
    alert_mismatch,
    expression_failure,
    expression_mismatch,
)
from storage.histograms.histograms import Parts

MS_NS = 1_000_000
EVALUATIONS_MAX = 1_000_000


@dataclass(slots=True)
class Rules:
    """The groups of a test in their order, and the state of each of their rules."""

    groups: Sequence[Group]
    states: dict[tuple[int, int], RuleState] = field(default_factory=dict)

    def each(self) -> Iterator[tuple[tuple[int, int], Group, Rule]]:
        for i, group in enumerate(self.groups):
            for j, rule in enumerate(group.rules):
                yield (i, j), group, rule

    def state(self, place: tuple[int, int]) -> RuleState:
        return self.states.get(place) or RuleState(is_restored=True)


class Scene:
    """Runs one test; run() once."""

    def __init__(self, case: Case, groups: Sequence[Group], engine: Engine) -> None:
        self._case = case
        self._rules = Rules(groups)
        self._engine = engine
        self._store = MemoryStore()
        self._errors: list[str] = []

    def run(self, interval_ms: int, *, is_fuzzy: bool) -> list[str]:
        """What is wrong, in promtool's texts. Rules are evaluated every interval_ms."""
        nameless = next((case for case in self._case.alerts if not case.alert), None)
        if nameless is not None:
            return [self._nameless(nameless)]
        if self._case.last_ms // interval_ms > EVALUATIONS_MAX:
            return [f"a test asks for more than {EVALUATIONS_MAX} evaluations"]
        try:
            self._load()
        except RulesError as error:
            return [str(error)]
        if self._evaluate_all(interval_ms):
            for case in self._case.expressions:
                self._check_expression(case, is_fuzzy=is_fuzzy)
        return self._errors

    def _nameless(self, case: AlertCase) -> str:
        where = f" (in TestGroup {self._case.name})" if self._case.name else ""
        return (
            "an item under alert_rule_test misses required attribute alertname "
            f"at eval_time {format_duration(case.eval_ms)}{where}"
        )

    def _load(self) -> None:
        for series in self._case.series:
            labels = parse_labels(series.series)
            samples = [
                (self._case.start_ms + number * self._case.interval_ms, value)
                for number, value in enumerate(parse_values(series.values))
                if value is not None
            ]
            self._store.put(labels, samples)

    def _evaluate_all(self, interval_ms: int) -> bool:
        """Evaluate the rules and check the alerts, time by time; False if a rule failed."""
        start_ms = self._case.start_ms
        waiting = sorted(self._case.alerts, key=lambda case: case.eval_ms)
        for after_ms in range(0, self._case.last_ms + 1, interval_ms):
            ts_ms = start_ms + after_ms
            self._store.until_ms = ts_ms
            if not self._evaluate(ts_ms):
                return False
            while waiting and waiting[0].eval_ms < after_ms + interval_ms:
                self._check_alerts(waiting.pop(0))
        return True

    def _evaluate(self, ts_ms: int) -> bool:
        """Evaluate all rules at one time; whether all went well."""
        time = format_span(Duration(ts_ms * MS_NS))
        known = len(self._errors)
        for place, group, rule in self._rules.each():
            state = self._rules.states[place] = self._evaluated(place, group, rule, ts_ms)
            if state.last_error:
                self._errors.append(f"    rule: {rule.name}, time: {time}, err: {state.last_error}")
        return len(self._errors) == known

    def _evaluated(self, place: tuple[int, int], group: Group, rule: Rule, ts_ms: int) -> RuleState:
        """One rule, evaluated and written."""
        at_ms = ts_ms - (group.query_offset_ms or 0)
        before = self._rules.state(place)
        moment = Moment(
            ts_ms,
            lambda text: self._template_query(text, ts_ms),
            self._case.external_labels,
            self._case.external_url,
            group.interval_ms or self._case.interval_ms,
        )
        try:
            rows = rows_of(self._engine.instant_query(self._store, rule.expr, at_ms))
        except (QueryError, RuleError) as error:
            return failed(before, str(error)).state
        return self._write(evaluate(group, rule, before, rows, moment), at_ms)

    def _write(self, step: Step, at_ms: int) -> RuleState:
        refused = [self._store.append(row.labels, at_ms, row.value) for row in step.rows]
        for key in step.stale:
            self._store.end(key, at_ms)
        error = next(filter(None, reversed(refused)), "")
        if not error:
            return step.state
        return replace(step.state, health=Health.BAD, last_error=error)

    def _template_query(self, text: str, ts_ms: int) -> QueryResult:
        try:
            rows = rows_of(self._engine.instant_query(self._store, text, ts_ms))
        except (QueryError, RuleError) as error:
            raise FunctionError(str(error)) from error
        return template_samples(rows)

    # Checks

    def _check_alerts(self, case: AlertCase) -> None:
        firing = [
            FiringAlert(alert.labels, alert.annotations)
            for place, _, rule in self._rules.each()
            if rule.is_alerting and rule.alert == case.alert
            for alert in self._rules.state(place).alerts.values()
            if alert.state is State.FIRING
        ]
        expected = [
            FiringAlert({**one.labels, "alertname": case.alert}, one.annotations)
            for one in case.expected
        ]
        both = (_in_order(expected), _in_order(firing))
        if [one.order for one in both[0]] != [one.order for one in both[1]]:
            self._errors.append(alert_mismatch(self._case.name, case.alert, case.eval_ms, both))

    def _check_expression(self, case: ExpressionCase, *, is_fuzzy: bool) -> None:
        at_ms = self._case.start_ms + case.eval_ms
        try:
            rows = rows_of(self._engine.instant_query(self._store, case.expression, at_ms))
            expected = [_expected(sample) for sample in case.expected]
        except (QueryError, RulesError) as error:
            self._errors.append(expression_failure(case.expression, case.eval_ms, error))
            return
        both = (_sorted(expected), _sorted(rows))
        if not _are_equal(*both, is_fuzzy=is_fuzzy):
            shown = tuple([(row.labels, row.value) for row in side] for side in both)
            self._errors.append(
                expression_mismatch(case.expression, case.eval_ms, (shown[0], shown[1]))
            )


def _in_order(alerts: list[FiringAlert]) -> list[FiringAlert]:
    return sorted(alerts, key=lambda alert: alert.order)


def _expected(sample: ExpectedSample) -> Row:
    try:
        labels = parse_labels(sample.labels)
        if not sample.native:
            return Row(labels, sample.value)
        values = parse_values(sample.native)
        if len(values) != 1:
            raise RulesError(f"expected 1 value, got {len(values)}")
        if not isinstance(values[0], Parts):
            raise RulesError(f"expected histogram, got {values[0]}")
        return Row(labels, values[0])
    except RulesError as error:
        raise RulesError(f"labels {quote(sample.labels)}: {error}") from error


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: sorted(row.labels.items()))


def _are_equal(expected: list[Row], got: list[Row], *, is_fuzzy: bool) -> bool:
    return len(expected) == len(got) and all(
        _labels(one) == _labels(other) and _same(one.value, other.value, is_fuzzy=is_fuzzy)
        for one, other in zip(expected, got, strict=True)
    )


def _labels(row: Row) -> Labels:
    return dict(row.labels)


def _same(expected: Value, got: Value, *, is_fuzzy: bool) -> bool:
    """NaN equals nothing, as in promtool; two histograms are equal if their texts are."""
    if isinstance(expected, Parts) or isinstance(got, Parts):
        if not isinstance(expected, Parts) or not isinstance(got, Parts):
            return False
        return native_text(expected) == native_text(got)
    if expected == got:
        return True
    neighbours = (math.nextafter(expected, -math.inf), math.nextafter(expected, math.inf))
    return is_fuzzy and got in neighbours
