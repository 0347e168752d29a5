"""Rules over stored data as time passes: each evaluation asks one instant query, in the order of
time, and what it gives is stored at once."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from api.promql.engine import Engine
from api.promql.errors import QueryError
from rules.errors import FunctionError
from rules.evaluation.alerts import Alert, State
from rules.evaluation.rows import Key, RuleError, Value, key_of, rows_of, value_text
from rules.evaluation.steps import Health, Moment, RuleState, evaluate, failed
from rules.groups import Group
from rules.memory import MemoryStore
from rules.templates.values import QueryResult, Sample, StringMap
from storage.kernels.stale import STALE_NAN_BITS

Place = tuple[int, int]
Changes = list[tuple[int, str, Value, dict[str, str]]]


@dataclass
class Lived:
    """What a rule did. written: values as bits, by series and time; errors: by time."""

    written: dict[Key, dict[int, int]] = field(default_factory=dict)
    changes: dict[Key, Changes] = field(default_factory=dict)
    notices: dict[Key, int] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    state: RuleState = field(default_factory=lambda: RuleState(is_restored=True))


def bits_of(value: Value) -> int:
    return int(np.float64(value).view(np.uint64)) if isinstance(value, float) else -1


def lived(
    engine: Engine,
    store: MemoryStore,
    groups: Sequence[Group],
    times: Sequence[Sequence[int]],
    external_labels: dict[str, str],
) -> dict[Place, Lived]:
    """times: of the evaluations of each group."""
    rules = {(i, j): Lived() for i, group in enumerate(groups) for j in range(len(group.rules))}
    moments = heapq.merge(*([(ts, place) for ts in times[place[0]]] for place in rules))
    for ts_ms, place in moments:
        _evaluate(engine, store, (groups[place[0]], place[1], rules[place]), ts_ms, external_labels)
    return rules


def _evaluate(
    engine: Engine,
    store: MemoryStore,
    what: tuple[Group, int, Lived],
    ts_ms: int,
    external_labels: dict[str, str],
) -> None:
    group, number, life = what
    rule, before = group.rules[number], life.state
    at_ms = ts_ms - (group.query_offset_ms or 0)

    def query(text: str) -> QueryResult:
        try:
            rows = rows_of(engine.instant_query(store, text, ts_ms))
        except (QueryError, RuleError) as error:
            raise FunctionError(str(error)) from error
        shown = [(row, value_text(row.value)) for row in rows]
        return QueryResult(
            Sample(StringMap(row.labels), value if isinstance(value, float) else 0.0)
            for row, value in shown
        )

    moment = Moment(ts_ms, query, external_labels, "", group.interval_ms, 60_000)
    try:
        rows = rows_of(engine.instant_query(store, rule.expr, at_ms))
        step = evaluate(group, rule, before, rows, moment)
    except (QueryError, RuleError) as error:
        step = failed(before, str(error))
    for row in step.rows:
        store.append(row.labels, at_ms, row.value)
        life.written.setdefault(key_of(row.labels), {})[at_ms] = bits_of(row.value)
    for key in step.stale:
        store.end(key, at_ms)
        life.written.setdefault(key, {}).setdefault(at_ms, STALE_NAN_BITS)
    for notice in step.notices:
        key = key_of(notice.labels)
        life.notices[key] = life.notices.get(key, 0) + 1
    life.state = step.state
    if step.state.health is Health.BAD:
        life.errors[ts_ms] = step.state.last_error
    _note_changes(life, before, ts_ms)


def _note_changes(life: Lived, before: RuleState, ts_ms: int) -> None:
    for key in before.alerts.keys() | life.state.alerts.keys():
        old, new = _active(before.alerts.get(key)), _active(life.state.alerts.get(key))
        if new is not None and (old is None or old.state is not new.state):
            _note(life, new, ts_ms, new.state.value)
        elif old is not None and new is None:
            kept = life.state.alerts.get(key)
            if kept is not None:
                _note(life, kept, ts_ms, "resolved")
            else:
                dropped = life.state.health is Health.BAD
                _note(life, old, ts_ms, "dropped" if dropped else State.INACTIVE.value)


def _active(alert: Alert | None) -> Alert | None:
    return alert if alert is not None and alert.is_active else None


def _note(life: Lived, alert: Alert, ts_ms: int, became: str) -> None:
    changes = life.changes.setdefault(key_of(alert.labels), [])
    changes.append((ts_ms, became, alert.value, dict(alert.annotations)))
