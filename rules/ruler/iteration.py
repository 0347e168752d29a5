"""One iteration over the rules of a group: evaluate, keep alerts, send, write, settle.

    evaluate   batches of rules that do not depend on each other, side by side
    keep       alerts that changed, before anyone is told of them
    send       notices
    write      the samples of a batch at once; the next batch sees them

Invariants:
* No alert is sent before it is kept that it was: after a crash it is not sent again.
* A sample that is refused is the failure of the rule that gave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from rules.ruler.columns import Labelsets, Part, joined, stale_part
from rules.ruler.evaluating import Evaluated, RunningRule, Scope
from rules.ruler.ports import NotWritten, Refused
from rules.ruler.saving import encode, essence
from rules.ruler.terms import Services
from storage.catalog.rule_states import GroupKey


@dataclass(slots=True)
class Tally:
    """What an iteration came to. written: the series of all rules so far. is_to_repeat: whether
    samples were not written that may be later."""

    evaluations: int = 0
    failures: int = 0
    failed_texts: int = 0
    samples: int = 0
    rules_seconds: float = 0.0
    is_to_repeat: bool = False
    written: list[Labelsets] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Iteration:
    """What rules of one group are evaluated at one time. done_ms: the slot that is kept with alerts
    as the latest that is done."""

    services: Services
    scope: Scope
    key: GroupKey
    done_ms: int
    tally: Tally = field(default_factory=Tally)

    def run(self, batches: Sequence[Sequence[RunningRule]]) -> None:
        """All batches, one after another."""
        for batch in batches:
            self._run(batch)

    def end(self, orphans: Labelsets) -> None:
        """End series of rules that are gone, unless a rule took them over."""
        stale = orphans.without(*self.tally.written)
        if len(stale):
            self._write([stale_part(stale)])

    def _run(self, batch: Sequence[RunningRule]) -> None:
        found: dict[RunningRule, Evaluated] = {}

        def evaluate(rule: RunningRule) -> None:
            found[rule] = rule.evaluate(self.scope)

        works = [partial(evaluate, rule) for rule in batch]
        self.services.together(self.scope.tenant, works)
        pairs = [(rule, found[rule]) for rule in batch]
        self._keep(pairs)
        notices = [notice for _, evaluated in pairs for notice in evaluated.notices]
        if notices:
            self.services.notifier.send(self.scope.tenant, notices)
        self._settle(pairs)
        for rule, evaluated in pairs:
            self._count(rule, evaluated)

    def _keep(self, pairs: Sequence[tuple[RunningRule, Evaluated]]) -> None:
        """Alerts that changed in anything that decides what happens to them next."""
        changed = {
            rule.fingerprint: encode(evaluated.after.state.alerts)
            for rule, evaluated in pairs
            if rule.rule.is_alerting
            and essence(rule.latest.state.alerts) != essence(evaluated.after.state.alerts)
        }
        if changed:
            self.services.keeper.put(self.key, self.done_ms, changed)
            self.services.keeper.keep()

    def _settle(self, pairs: Sequence[tuple[RunningRule, Evaluated]]) -> None:
        """Write what the rules gave, and take it over."""
        given = [evaluated.part for _, evaluated in pairs if len(evaluated.part)]
        self.tally.written += [part.labelsets for part in given]
        # A series that another rule goes on with does not end.
        ended = [evaluated.stale.without(*self.tally.written) for _, evaluated in pairs]
        try:
            refused = self._write([*given, *map(stale_part, filter(len, ended))])
        except NotWritten as error:
            self.tally.is_to_repeat |= error.may_help
            for rule, evaluated in pairs:
                self._not_written(rule, evaluated, str(error))
            return
        for rule, evaluated in pairs:
            self._written(rule, evaluated, refused)

    def _written(self, rule: RunningRule, evaluated: Evaluated, refused: Sequence[Refused]) -> None:
        """refused: of all rules together. Written once more alone, it turns out whose they were;
        what was taken stays as it is."""
        text = ""
        if refused and len(evaluated.part):
            try:
                text = "; ".join(each.text for each in self._write([evaluated.part]))
            except NotWritten as error:
                text = str(error)
        rule.settle(evaluated, text)
        self.tally.failures += bool(text)
        self.tally.samples += len(evaluated.part)

    def _not_written(self, rule: RunningRule, evaluated: Evaluated, error: str) -> None:
        if len(evaluated.part) or len(evaluated.stale):
            rule.not_written(evaluated, error)
            self.tally.failures += 1
        else:
            rule.settle(evaluated)

    def _write(self, parts: Sequence[Part]) -> Sequence[Refused]:
        if not parts:
            return ()
        recorded = joined(parts, self.scope.at_ms)
        return self.services.results.write(self.scope.tenant, recorded)

    def _count(self, rule: RunningRule, evaluated: Evaluated) -> None:
        tally = self.tally
        tally.evaluations += 1
        tally.failures += evaluated.has_failed
        tally.rules_seconds += evaluated.after.seconds
        self.services.observe_rule(evaluated.after.seconds)
        if rule.rule.is_alerting:
            tally.failed_texts += evaluated.after.state.failed_texts
