"""Rules that are evaluated one time after the other, as when time passes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from api.promql.errors import QueryError
from api.promql.queryable import MAX_MS
from rules.evaluation.rows import Row, RuleError, rows_of
from rules.evaluation.steps import Health, RuleState, Step, evaluate, failed
from rules.memory import MemoryStore
from rules.replay.alerting import RuleReplay, rows_by_step
from rules.replay.histories import Histories
from rules.replay.order import Place
from rules.replay.outcome import Recorded
from rules.replay.tracks import Track
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.read.federation import recode
from storage.samples.samples import Samples


@dataclass(slots=True)
class GrowingSource:
    """What rules have written up to now."""

    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.store.until_ms = MAX_MS

    def find(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> tuple[LabelFrame, Samples]:
        selection = self.store.select(matchers, start_ms, end_ms)
        return selection.labels, selection.read(0, selection.labels.rows)


class Stepper:
    """One rule, evaluation by evaluation."""

    def __init__(self, replay: RuleReplay) -> None:
        self._replay = replay
        self._state = RuleState(is_restored=True)
        self.source = GrowingSource()
        self.histories = Histories(replay.end_ms)
        self.errors: dict[int, str] = {}

    def evaluate(self, number: int, rows: Callable[[], list[Row]]) -> None:
        """Evaluation `number`; rows: what the expression gives, raises QueryError or RuleError."""
        replay, before = self._replay, self._state
        replay.asking.spending.check()
        try:
            found = rows()
            replay.asking.spending.take(len(found))
            step = evaluate(replay.group, replay.rule, before, found, replay.moment(number))
        except (QueryError, RuleError) as error:
            step = failed(before, str(error))
        self._write(step, number)
        is_bad = self._state.health is Health.BAD
        if is_bad:
            self.errors[number] = self._state.last_error
        time_ms = replay.slots.time_ms(number)
        self.histories.compare(before.alerts, self._state.alerts, time_ms, are_dropped=is_bad)
        for notice in step.notices:
            self.histories.notice(notice.labels)

    def _write(self, step: Step, number: int) -> None:
        at_ms = self._replay.slots.at_ms(number)
        store = self.source.store
        refused = [store.append(row.labels, at_ms, row.value) for row in step.rows]
        for key in step.stale:
            store.end(key, at_ms)
        self._state = step.state
        error = next(filter(None, reversed(refused)), "")
        if error:
            self._state = replace(step.state, health=Health.BAD, last_error=error)

    def all_histories(self) -> Histories:
        """How its alerts changed."""
        return self.histories

    def recorded(self) -> Recorded:
        """All that was written."""
        labels, samples = self.source.find([], -MAX_MS, MAX_MS)
        return Recorded(recode(labels, self._replay.asking.symbols), samples)


def step_over(replay: RuleReplay, track: Track) -> Stepper:
    """A rule whose expression was evaluated at all times."""
    stepper = Stepper(replay)
    for number, rows in enumerate(rows_by_step(track, replay.slots)):
        stepper.evaluate(number, partial(_given, rows, track.errors.get(number, "")))
    return stepper


def _given(rows: list[Row], error: str) -> list[Row]:
    if error:
        raise RuleError(error)
    return rows


def step_through(replays: Mapping[Place, RuleReplay]) -> dict[Place, Stepper]:
    """Rules that read each other: time by time, at the same time in their order."""
    steppers = {place: Stepper(replay) for place, replay in replays.items()}
    asking = next(iter(replays.values())).asking
    asking.overlay.sources += [stepper.source for stepper in steppers.values()]
    for _, place, number in heapq.merge(*(_times(*item) for item in replays.items())):
        replay = replays[place]
        steppers[place].evaluate(number, partial(_asked, replay, number))
        asking.spending.finish(1)
    return steppers


def _asked(replay: RuleReplay, number: int) -> list[Row]:
    return rows_of(replay.asking.instant(replay.rule.expr, replay.slots.at_ms(number)))


def _times(place: Place, replay: RuleReplay) -> Iterator[tuple[int, Place, int]]:
    slots = replay.slots
    return ((slots.time_ms(number), place, number) for number in range(slots.count))
