"""A replay from its rules to its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from api.promql.bounds import NO_BOUNDS, QueryBounds
from api.promql.engine import Engine
from api.promql.queryable import Queryable
from rules.groups import Group
from rules.replay.alerting import RuleReplay, Surroundings, alerts_of
from rules.replay.asking import Asking
from rules.replay.histories import Histories
from rules.replay.limits import Limits, ReplayRefused, Spending, refused
from rules.replay.order import Place, Turn, turns_of, writes_of
from rules.replay.outcome import GroupOutcome, Outcome, Recorded, RuleOutcome, failures_of
from rules.replay.overlay import Claim, Overlay, RecordedSource
from rules.replay.recording import recorded_of
from rules.replay.slots import Period, slots_of
from rules.replay.stepping import step_over, step_through
from storage.kernels.stale import is_stale


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is replayed: valid groups, when, and under which limits. bounds: of its queries, and of
    the time of the whole."""

    groups: Sequence[Group]
    period: Period
    around: Surroundings = field(default_factory=Surroundings)
    limits: Limits = field(default_factory=Limits)
    bounds: QueryBounds = NO_BOUNDS


@dataclass(frozen=True, slots=True)
class Watching:
    """cancelled: whether to stop; report: is given how many of all evaluations are done."""

    cancelled: Callable[[], bool] = lambda: False
    report: Callable[[int, int], None] = lambda done, total: None


NO_ONE = Watching()


def replay(
    engine: Engine, base: Callable[[], Queryable], wanted: Wanted, watching: Watching = NO_ONE
) -> Outcome:
    """Evaluate rules over what is stored. base: a view of it for one query.

    Raises ReplayRefused above a limit, and ReplayStopped. What a single evaluation fails of is part
    of the outcome.
    """
    return _Run(engine, base, wanted, watching).run()


@dataclass(frozen=True, slots=True)
class Done:
    """A rule that was evaluated at all times."""

    recorded: Recorded
    errors: dict[int, str]
    histories: Callable[[], Histories]
    notes: list[str]
    queries: int


class _Run:
    """One replay: its rules, turn by turn."""

    def __init__(
        self, engine: Engine, base: Callable[[], Queryable], wanted: Wanted, watching: Watching
    ) -> None:
        self._wanted = wanted
        self._groups = wanted.groups
        self._slots = [slots_of(group, wanted.period) for group in wanted.groups]
        self._total = sum(
            slots.count * len(group.rules)
            for group, slots in zip(self._groups, self._slots, strict=True)
        )
        spending = Spending(
            wanted.limits,
            watching.cancelled,
            lambda done: watching.report(done, self._total),
            wanted.bounds.time,
        )
        overlay = Overlay(self._claims())
        self._asking = Asking(engine, base, overlay, spending, wanted.bounds)
        self._done: dict[Place, Done] = {}

    def run(self) -> Outcome:
        self._check()
        trees = {
            (i, j): self._asking.parse(rule.expr)
            for i, group in enumerate(self._groups)
            for j, rule in enumerate(group.rules)
        }
        for turn in turns_of(self._groups, trees):
            self._take_turn(turn)
        groups = [
            GroupOutcome(
                group, self._slots[i], [self._outcome((i, j)) for j in range(len(group.rules))]
            )
            for i, group in enumerate(self._groups)
        ]
        spending = self._asking.spending
        return Outcome(groups, spending.seconds, spending.queries)

    def _check(self) -> None:
        """Raises ReplayRefused."""
        limits = self._wanted.limits
        for group in self._groups:
            if group.source_tenants:
                raise ReplayRefused(
                    f'group "{group.name}" has source_tenants; a replay reads the tenants that it '
                    "is asked for"
                )
        count = sum(len(group.rules) for group in self._groups)
        if count > limits.rules:
            raise refused("max-rules", f"{count} rules", limits.rules)
        if self._total > limits.evaluations:
            raise refused("max-evaluations", f"{self._total} evaluations", limits.evaluations)

    def _claims(self) -> list[Claim]:
        """What the rules write, from their first evaluation to their last."""
        claims = []
        for i, group in enumerate(self._groups):
            slots = self._slots[i]
            if not slots.count:
                continue
            for j in range(len(group.rules)):
                written = writes_of(group, j)
                span = (slots.at_ms(0), slots.at_ms(slots.count - 1))
                claims.append(Claim(written.names, written.labels, *span))
        return claims

    def _replay_of(self, place: Place) -> RuleReplay:
        group = self._groups[place[0]]
        return RuleReplay(
            group, group.rules[place[1]], self._slots[place[0]], self._asking, self._wanted.around
        )

    def _take_turn(self, turn: Turn) -> None:
        if not turn.stepwise:
            self._all_at_once(turn.places[0])
            return
        before = self._asking.spending.queries
        steppers = step_through({place: self._replay_of(place) for place in turn.places})
        queries = (self._asking.spending.queries - before) // len(steppers)
        notes = self._asking.take_notes()
        for place, stepper in steppers.items():
            done = Done(stepper.recorded(), stepper.errors, stepper.all_histories, notes, queries)
            self._done[place] = done

    def _all_at_once(self, place: Place) -> None:
        rule = self._replay_of(place)
        before = self._asking.spending.queries
        track = self._asking.track(rule.rule.expr, rule.slots)
        histories: Callable[[], Histories] = partial(Histories, rule.end_ms)
        if not rule.rule.is_alerting:
            recorded = recorded_of(rule.group, rule.rule, track, rule.slots)
        elif rule.has_fixed_labels:
            recorded, histories = alerts_of(rule, track)
        else:
            stepper = step_over(rule, track)
            recorded, histories = stepper.recorded(), stepper.all_histories
            track.errors.update(stepper.errors)
        self._asking.overlay.sources.append(RecordedSource(recorded))
        queries = self._asking.spending.queries - before
        notes = self._asking.take_notes()
        self._done[place] = Done(recorded, track.errors, histories, notes, queries)
        self._asking.spending.finish(rule.slots.count)

    def _outcome(self, place: Place) -> RuleOutcome:
        done = self._done[place]
        samples = done.recorded.samples
        return RuleOutcome(
            self._groups[place[0]].rules[place[1]],
            done.recorded,
            len(samples) - int(is_stale(samples.values).sum()),
            done.histories().all(),
            failures_of(self._slots[place[0]], done.errors),
            done.notes,
            done.queries,
        )
