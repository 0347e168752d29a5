"""One rule of a running group: what its next evaluation needs of the one before.

An evaluation changes nothing until it is settled: by then its samples are written, or are not, and
its alerts are kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import quote_plus

from api.promql.features import Features
from api.promql.syntax.parser import parse
from api.promql.syntax.printer import to_string
from rules.errors import FunctionError
from rules.evaluation.alerts import Alert, series_of
from rules.evaluation.rows import RuleError, rows_of, template_samples
from rules.evaluation.steps import Health, Moment, RuleState, evaluate, failed
from rules.groups import Group, Rule
from rules.ruler.columns import NO_LABELSETS, NO_PART, Labelsets, Part, part_of_rows, recorded
from rules.ruler.ports import Answer, Asking, NotAnswered, Notice, Question
from rules.ruler.status import RuleStatus
from rules.ruler.terms import Terms
from rules.templates.values import QueryResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the rules of a group are evaluated with at one time. ts_ms: the slot; at_ms: the time of
    queries and samples. group: with the limit that is in force."""

    tenant: str
    group: Group
    ts_ms: int
    at_ms: int
    started_ms: int
    interval_ms: int
    terms: Terms
    asking: Asking

    @property
    def tenants(self) -> tuple[str, ...]:
        """Whose data is read."""
        return self.group.source_tenants or (self.tenant,)

    def ask(self, text: str, time_ms: int) -> Answer:
        """Raises NotAnswered."""
        timeout_ms = self.terms.timeout_ms or None
        return self.asking.ask(Question(self.tenants, text, time_ms, timeout_ms=timeout_ms))

    def for_template(self, text: str) -> QueryResult:
        """What the function `query` of a template gives. Raises FunctionError."""
        try:
            return template_samples(rows_of(self.ask(text, self.ts_ms).result))
        except (NotAnswered, RuleError) as error:
            raise FunctionError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Latest:
    """A rule after its latest evaluation. written: what its latest success wrote; last_ms: when it
    began, by the clock."""

    state: RuleState = RuleState()
    written: Labelsets = NO_LABELSETS
    seconds: float = 0.0
    last_ms: int | None = None
    series: int = 0
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation that is to be written. after: what the rule is once it is. stale: the series
    that end with it."""

    after: Latest
    part: Part = NO_PART
    stale: Labelsets = NO_LABELSETS
    notices: tuple[Notice, ...] = ()

    @property
    def has_failed(self) -> bool:
        return self.after.state.health is Health.BAD


class RunningRule:
    """A rule and its latest evaluation. Evaluated by one thread at a time, read by any."""

    def __init__(self, group: Group, rule: Rule, fingerprint: str, features: Features) -> None:
        self.rule = rule
        self.labels: Mapping[str, str] = group.labels_of(rule)
        self.fingerprint = fingerprint
        self.latest = Latest()
        self._features = features

    @cached_property
    def query(self) -> str:
        """The expression as it is printed."""
        return to_string(parse(self.rule.expr, self._features))

    def status(self) -> RuleStatus:
        latest = self.latest
        state = latest.state
        return RuleStatus(
            self.rule,
            self.query,
            dict(self.labels),
            state.health,
            state.last_error,
            state.state,
            latest.seconds,
            None if latest.last_ms is None else latest.last_ms / 1000,
            tuple(alert for alert in state.alerts.values() if alert.is_active),
            latest.series,
            latest.samples,
        )

    def recall(self, scope: Scope) -> None:
        """Find out which series an earlier process wrote at a time, by evaluating it once more; so
        those that are not there any more end."""
        if self.rule.is_alerting:
            part = part_of_rows(series_of(self.latest.state.alerts, self.labels))
        else:
            try:
                answer = scope.ask(self.rule.expr, scope.at_ms)
                part = recorded(answer.result, self.rule.record, self.labels, scope.group.limit)
            except (NotAnswered, RuleError):
                return  # it wrote nothing then either, as far as is known
        self.latest = replace(self.latest, written=part.labelsets)

    def evaluate(self, scope: Scope) -> Evaluated:
        """One evaluation; never raises."""
        started = time.monotonic()
        try:
            found = self._evaluated(scope)
        except (NotAnswered, RuleError) as error:
            found = Evaluated(self._failed(str(error)))
        except Exception as error:
            logger.exception("rule failed in an unforeseen way rule=%s", self.rule.name)
            found = Evaluated(self._failed(f"internal error: {error!r}"))
        seconds = time.monotonic() - started
        return replace(found, after=replace(found.after, seconds=seconds, last_ms=scope.started_ms))

    def settle(self, found: Evaluated, refused: str = "") -> None:
        """Take over what an evaluation gave. refused: why some of its samples were not taken."""
        after = found.after
        if refused:
            after = replace(after, state=failed(after.state, refused).state)
        self.latest = after

    def not_written(self, found: Evaluated, error: str) -> None:
        """Nothing of it was kept: its series are compared with the earlier ones the next time."""
        self.settle(replace(found, after=replace(found.after, written=self.latest.written)), error)

    def _failed(self, error: str) -> Latest:
        return replace(self.latest, state=failed(self.latest.state, error).state)

    def _evaluated(self, scope: Scope) -> Evaluated:
        answer = scope.ask(self.rule.expr, scope.at_ms)
        if self.rule.is_alerting:
            found = self._alerting(scope, answer)
        else:
            part = recorded(answer.result, self.rule.record, self.labels, scope.group.limit)
            found = self._success(RuleState(health=Health.GOOD), part)
        read = replace(found.after, series=answer.series, samples=answer.samples)
        return replace(found, after=read)

    def _alerting(self, scope: Scope, answer: Answer) -> Evaluated:
        terms = scope.terms
        moment = Moment(
            scope.ts_ms,
            scope.for_template,
            terms.external_labels,
            terms.external_url,
            scope.interval_ms,
            terms.resend_ms,
        )
        rows = rows_of(answer.result)
        step = evaluate(scope.group, self.rule, self.latest.state, rows, moment)
        if step.state.health is Health.BAD:
            return Evaluated(replace(self.latest, state=step.state))
        notices = tuple(self._notice(alert, terms) for alert in step.notices)
        return replace(self._success(step.state, part_of_rows(step.rows)), notices=notices)

    def _notice(self, alert: Alert, terms: Terms) -> Notice:
        url = terms.external_url.rstrip("/")
        return Notice(alert, f"{url}/graph?g0.expr={quote_plus(self.query)}&g0.tab=1")

    def _success(self, state: RuleState, part: Part) -> Evaluated:
        stale = self.latest.written.without(part.labelsets)
        return Evaluated(replace(self.latest, state=state, written=part.labelsets), part, stale)
