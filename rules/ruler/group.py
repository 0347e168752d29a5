"""A group of rules that runs: which slot is next, and what it has come to.

Slots that were missed are made up for in their order, by recording rules only and at their own
times, so that recorded series have no holes. Alerts are about now: they are evaluated at the latest
slot, and if making up takes longer than an interval, in between.

Invariants:
* One thread at a time runs a group; any may read its status.
* `done_ms` is the latest slot up to which recorded series are whole, or are past making up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rules.dependencies import dependencies_of
from rules.evaluation.restoring import ForState, is_restored, restored
from rules.evaluation.rows import Key, RuleError
from rules.groups import Group
from rules.ruler.columns import NO_LABELSETS, Labelsets, joined, labelsets_of, stale_part
from rules.ruler.evaluating import Latest, RunningRule, Scope
from rules.ruler.history import for_states
from rules.ruler.iteration import Iteration, Tally
from rules.ruler.ports import NotAnswered
from rules.ruler.saving import decode, encode, fingerprints
from rules.ruler.slots import slots_of
from rules.ruler.status import GroupStatus
from rules.ruler.terms import Services, Terms
from storage.catalog.rule_states import GroupKey, SavedGroup

logger = logging.getLogger(__name__)

# Evaluations before alerts are restored from their series, as in Prometheus: what they stand on may
# have to be recorded first.
EVALUATIONS_BEFORE_RESTORING = 2


@dataclass(slots=True)
class Counts:
    """Counts of a group for its metrics. seconds: of the latest iteration; rules_seconds: of its
    rules together; samples: that it wrote; last_ms: when it began, by the clock."""

    iterations: int = 0
    missed: int = 0
    evaluations: int = 0
    failures: int = 0
    failed_texts: int = 0
    seconds: float = 0.0
    rules_seconds: float = 0.0
    restore_seconds: float = 0.0
    samples: int = 0
    last_ms: int | None = None

    def add(self, tally: Tally, started_ms: int, seconds: float) -> None:
        """An iteration is over."""
        self.iterations += 1
        self.evaluations += tally.evaluations
        self.failures += tally.failures
        self.failed_texts += tally.failed_texts
        self.seconds, self.rules_seconds = seconds, tally.rules_seconds
        self.samples, self.last_ms = tally.samples, started_ms


class RunningGroup:
    """One group of one tenant. hold_until_ms: before that, a group that is behind does nothing."""

    def __init__(
        self,
        tenant: str,
        group: Group,
        services: Services,
        saved: SavedGroup | None = None,
        *,
        hold_until_ms: int = 0,
    ) -> None:
        """saved: what an earlier process kept of it."""
        self.tenant = tenant
        self.group = group
        self.counts = Counts()
        self._services = services
        now_ms = services.now_ms()
        self._slots = slots_of(tenant, group, services.terms_of(tenant).interval_ms)
        marks = fingerprints(group)
        self.rules = [
            RunningRule(group, rule, mark, services.features)
            for rule, mark in zip(group.rules, marks, strict=True)
        ]
        latest_ms = self._slots.latest(now_ms)
        self.done_ms = latest_ms if saved is None else min(saved.slot_ms, latest_ms)
        self._alerts_ms = self.done_ms
        self._behind_since_ms: int | None = None
        self._hold_until_ms = hold_until_ms if self._slots.after(self.done_ms) < now_ms else 0
        self._orphans = NO_LABELSETS
        self._to_restore: set[str] = set()
        self._changed: dict[str, bytes] = {}
        self._evaluations = 0
        self._is_known = self._is_to_recall = saved is not None
        if saved is not None:
            self._load(saved)

    @property
    def key(self) -> GroupKey:
        return self.tenant, self.group.file, self.group.name

    @property
    def interval_ms(self) -> int:
        return self._slots.interval_ms

    @property
    def due_ms(self) -> int:
        """When it has to be run next, by the clock."""
        return max(self._slots.after(self.done_ms), self._hold_until_ms)

    def adopt(self, old: RunningGroup) -> None:
        """Take the place of a group of the same key that does not run any more: its rules of equal
        names and labels go on, the series of the others end with the next iteration."""
        known = {rule.fingerprint: rule for rule in old.rules}
        for rule in self.rules:
            found = known.pop(rule.fingerprint, None)
            if found is not None:
                rule.latest = found.latest
        left = [rule.latest.written for rule in known.values()]
        self._orphans = labelsets_of(text for each in (old._orphans, *left) for text in each.texts)
        # Of rules that are gone nothing is kept.
        self._changed = {mark: b"" for mark, rule in known.items() if rule.rule.is_alerting}
        self.done_ms = self._alerts_ms = old.done_ms
        self._is_known = True
        self.counts = old.counts

    def written(self) -> list[Labelsets]:
        """The series that its rules wrote last."""
        return [self._orphans, *(rule.latest.written for rule in self.rules)]

    def end_series(self, stopped_ms: int, others: Sequence[Labelsets]) -> None:
        """End all its series, once it is gone for good. others: those of other groups, which may
        have taken some of them over. Raises NotWritten."""
        at_ms = stopped_ms - self._offset_ms(self._services.terms_of(self.tenant))
        parts = [stale_part(each.without(*others)) for each in self.written()]
        parts = [part for part in parts if len(part)]
        if parts:
            self._services.results.write(self.tenant, joined(parts, at_ms))

    def leave(self) -> None:
        """Keep that alerts are to be sent again at once whose latest notice was not delivered. For
        a group that runs no more in this process."""
        waiting = self._services.notifier.undelivered(self.tenant)
        changed = {}
        for rule in self.rules:
            alerts = rule.latest.state.alerts
            if waiting.intersection(alerts):
                unsent = {
                    key: replace(alert, last_sent_ms=None) if key in waiting else alert
                    for key, alert in alerts.items()
                }
                changed[rule.fingerprint] = encode(unsent)
        if changed:
            self._services.keeper.put(self.key, self.done_ms, changed)

    def status(self) -> GroupStatus:
        """For any thread."""
        counts, terms = self.counts, self._services.terms_of(self.tenant)
        return GroupStatus(
            self.tenant,
            self.group.file,
            self.group.name,
            self.interval_ms,
            self.group.limit,
            self._offset_ms(terms),
            self.group.source_tenants,
            tuple(rule.status() for rule in self.rules),
            counts.seconds,
            None if counts.last_ms is None else counts.last_ms / 1000,
            counts.missed,
        )

    def run(self) -> None:
        """One iteration, if one is due. Blocks; never raises but for bugs."""
        now_ms, terms = self._services.now_ms(), self._services.terms_of(self.tenant)
        if now_ms < self.due_ms:
            return
        latest_ms = self._slots.latest(now_ms)
        if self._is_to_recall and self.done_ms >= now_ms - terms.catch_up_ms:
            for rule in self.rules:
                rule.recall(self._scope(self.done_ms, terms))
        self._is_to_recall = False
        self._skip(latest_ms, self._slots.after(now_ms - terms.catch_up_ms - 1))
        slot_ms = self._slots.after(self.done_ms)
        if slot_ms == latest_ms:
            self._iterate(slot_ms, terms, records=True, alerts=self._alerts_ms < slot_ms)
            self._behind_since_ms = None
            return
        if self._behind_since_ms is None:
            self._behind_since_ms = now_ms
        if self._alerts_ms < latest_ms and now_ms - self._behind_since_ms >= self.interval_ms:
            self._behind_since_ms = now_ms
            self._iterate(latest_ms, terms, records=False, alerts=True)
            return
        self.counts.missed += 1
        self._iterate(slot_ms, terms, records=True, alerts=False)

    def pause(self) -> None:
        """Do nothing for an interval; what is due meanwhile is made up for."""
        self._hold_until_ms = self._services.now_ms() + self.interval_ms

    def mind_the_clock(self) -> None:
        """Where the clock was set back, go on from now instead of waiting until it is there again.
        For a group that is not being run."""
        now_ms = self._services.now_ms()
        if self.done_ms > now_ms:
            self.done_ms = self._alerts_ms = self._slots.latest(now_ms)

    def _skip(self, latest_ms: int, oldest_ms: int) -> None:
        """Pass over slots that are not made up for: those before the oldest that may be, and all
        but the latest where nothing is recorded."""
        first_ms = self._slots.after(self.done_ms)
        records = any(not rule.rule.is_alerting for rule in self.rules)
        until_ms = min(oldest_ms, latest_ms) if records else latest_ms
        count = self._slots.count(first_ms, until_ms)
        if count:
            self.counts.missed += count
            self.done_ms = first_ms + (count - 1) * self.interval_ms

    def _iterate(self, slot_ms: int, terms: Terms, *, records: bool, alerts: bool) -> None:
        started, scope = time.monotonic(), self._scope(slot_ms, terms)
        done_ms = slot_ms if records else self.done_ms
        iteration = Iteration(self._services, scope, self.key, self.done_ms)
        if alerts:
            self._look_back(scope)
        iteration.run(
            self._wanted(records=records and terms.records, alerts=alerts and terms.alerts)
        )
        if records:
            iteration.end(self._orphans)
            self._orphans = NO_LABELSETS
        if alerts:
            self._alerts_ms = slot_ms
            self._restore(scope)
        if iteration.tally.is_to_repeat:
            self.pause()
            done_ms = self.done_ms
        self.done_ms = done_ms
        seconds = time.monotonic() - started
        self.counts.add(iteration.tally, scope.started_ms, seconds)
        self._services.observe_group(seconds)
        changed, self._changed = self._changed, {}
        self._services.keeper.put(self.key, done_ms, changed)

    def _scope(self, slot_ms: int, terms: Terms) -> Scope:
        return Scope(
            self.tenant,
            self._limited(terms),
            slot_ms,
            slot_ms - self._offset_ms(terms),
            self._services.now_ms(),
            self.interval_ms,
            terms,
            self._services.asking,
        )

    def _wanted(self, *, records: bool, alerts: bool) -> list[list[RunningRule]]:
        """The rules in batches, those of one kind only if need be."""
        batches = [
            [rule for rule in batch if (alerts if rule.rule.is_alerting else records)]
            for batch in self._batches
        ]
        return [batch for batch in batches if batch]

    @cached_property
    def _batches(self) -> Sequence[Sequence[RunningRule]]:
        found = dependencies_of(self.group, self._services.features).batches(len(self.rules))
        return [[self.rules[number] for number in batch] for batch in found]

    def _offset_ms(self, terms: Terms) -> int:
        own = self.group.query_offset_ms
        return terms.query_offset_ms if own is None else own

    def _limited(self, terms: Terms) -> Group:
        """The group with the lower one of its own limit and the tenant's."""
        limit = min(filter(None, (self.group.limit, terms.results_max)), default=0)
        return self.group if limit == self.group.limit else replace(self.group, limit=limit)

    # What was before

    def _load(self, saved: SavedGroup) -> None:
        for rule in self.rules:
            try:
                alerts = decode(saved.alerts.get(rule.fingerprint, b""))
            except ValueError as error:
                logger.error("alerts of a rule are lost rule=%s error=%r", rule.rule.name, error)
                continue
            rule.latest = Latest(replace(rule.latest.state, alerts=alerts))

    def _look_back(self, scope: Scope) -> None:
        """Before the first evaluation: find rules of which something is stored that was not kept.
        Series of alerts are written from now on by all others."""
        self._evaluations += 1
        for rule in self.rules:
            state = rule.latest.state
            if state.is_restored or rule.fingerprint in self._to_restore:
                continue
            if rule.rule.is_alerting and not self._is_known and self._has_history(rule, scope):
                self._to_restore.add(rule.fingerprint)
            else:
                rule.latest = replace(rule.latest, state=replace(state, is_restored=True))

    def _has_history(self, rule: RunningRule, scope: Scope) -> bool:
        return is_restored(rule.rule, scope.terms.grace_ms) and bool(self._stored(rule, scope))

    def _stored(self, rule: RunningRule, scope: Scope) -> dict[Key, ForState]:
        try:
            return for_states(
                scope.asking,
                self.tenant,
                rule.rule,
                rule.labels,
                now_ms=scope.started_ms,
                terms=scope.terms,
            )
        except (NotAnswered, RuleError) as error:
            logger.warning("alerts cannot be restored rule=%s error=%r", rule.rule.name, str(error))
            return {}

    def _restore(self, scope: Scope) -> None:
        """Once their rules were evaluated often enough: since when alerts are active."""
        if not self._to_restore or self._evaluations < EVALUATIONS_BEFORE_RESTORING:
            return
        started = time.monotonic()
        for rule in self.rules:
            if rule.fingerprint not in self._to_restore:
                continue
            latest, stored = rule.latest, self._stored(rule, scope)
            now_ms, grace_ms = self._services.now_ms(), scope.terms.grace_ms
            alerts = restored(rule.rule, latest.state.alerts, stored, now_ms, grace_ms)
            state = replace(latest.state, alerts=alerts, is_restored=True)
            rule.latest = replace(latest, state=state)
            self._changed[rule.fingerprint] = encode(alerts)
        self._to_restore.clear()
        self.counts.restore_seconds = time.monotonic() - started
