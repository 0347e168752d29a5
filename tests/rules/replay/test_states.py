"""Alerts over columns, compared with one evaluation after another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.alerts import Alert, Instance, State, advance, check_limit, noticed
from rules.evaluation.rows import Key, RuleError, key_of
from rules.groups import Rule
from rules.replay.states import (
    DROPPED,
    END,
    ENDED,
    FIRES,
    FIRING,
    FIRST,
    GOES_ON,
    PENDING,
    RESOLVES,
    ROW,
    SINCE,
    STATE,
    VANISHES,
    Runs,
    Terms,
    TooManyRuns,
    runs_of,
)

MINUTE = 60_000
RESEND = 2 * MINUTE
NAMES = {PENDING: State.PENDING, FIRING: State.FIRING}
Cell = tuple[int, int]


def columns(cells: list[Cell], steps: int, terms: Terms, row_count: int, most: int = 1000) -> Runs:
    at = np.array(sorted(cells), np.int64).reshape(-1, 2)
    times = np.arange(steps, dtype=np.int64) * MINUTE
    return runs_of(
        at[:, 0].copy(), at[:, 1].copy(), times, terms, runs_max=most, row_count=row_count
    )


def instance(row: int) -> Instance:
    return Instance({"alertname": "A", "row": str(row)}, {}, 1.0)


def stepwise(
    cells: set[Cell], steps: int, terms: Terms, row_count: int
) -> tuple[dict[Cell, tuple[State, int]], list[bool], list[list[int]]]:
    """Of each (row, step) that is active its state and since when, the steps that failed, and how
    often each alert was sent as firing and as resolved."""
    rule = Rule("x", alert="A", for_ms=terms.for_ms, keep_firing_ms=terms.keep_firing_ms)
    alerts: dict[Key, Alert] = {}
    states, failed = {}, []
    notices = [[0, 0] for _ in range(row_count)]
    for step in range(steps):
        ts_ms = step * MINUTE
        seen = [instance(row) for row in range(row_count) if (row, step) in cells]
        alerts = advance(rule, alerts, {key_of(one.labels): one for one in seen}, ts_ms)
        try:
            check_limit(alerts, terms.limit)
        except RuleError:
            alerts = {}
            failed.append(True)
            continue
        failed.append(False)
        alerts, sent = noticed(alerts, ts_ms, MINUTE, terms.resend_ms)
        for alert in sent:
            notices[int(alert.labels["row"])][0 if alert.is_active else 1] += 1
        for alert in alerts.values():
            if alert.is_active:
                states[int(alert.labels["row"]), step] = alert.state, alert.active_ms
    return states, failed, notices


def expanded(runs: Runs) -> dict[Cell, tuple[State, int]]:
    found: dict[Cell, tuple[State, int]] = {}
    for run in runs.table.tolist():
        for step in range(run[FIRST], run[END]):
            assert (run[ROW], step) not in found
            found[run[ROW], step] = NAMES[run[STATE]], run[SINCE]
    return found


@given(
    cells=st.sets(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=100),
    terms=st.builds(
        Terms,
        for_ms=st.sampled_from([0, 1, MINUTE, 3 * MINUTE]),
        keep_firing_ms=st.sampled_from([0, MINUTE, 4 * MINUTE]),
        limit=st.sampled_from([0, 1, 2, 3]),
        resend_ms=st.sampled_from([0, MINUTE, 2 * MINUTE]),
    ),
)
def test_columns_are_as_one_step_after_another(cells: set[Cell], terms: Terms) -> None:
    steps, row_count = 41, 4
    runs = columns(list(cells), steps, terms, row_count)
    states, failed, notices = stepwise(cells, steps, terms, row_count)
    assert expanded(runs) == states
    assert (runs.dropped > 0).tolist() == failed
    assert runs.notices.tolist() == notices


@pytest.mark.parametrize(
    ("seen", "terms", "expected"),
    [
        ("x", (0, 0, 0), [(0, 1, FIRING, 0, GOES_ON)]),
        ("xx.", (0, 0, 0), [(0, 2, FIRING, 0, RESOLVES)]),
        ("x.", (MINUTE, 0, 0), [(0, 1, PENDING, 0, VANISHES)]),
        (
            ".xx..",
            (MINUTE, MINUTE, 0),
            [(1, 2, PENDING, MINUTE, FIRES), (2, 4, FIRING, MINUTE, RESOLVES)],
        ),
        ("x", (0, 0, -1), [(0, 1, FIRING, 0, GOES_ON)]),
    ],
)
def test_how_runs_end(seen: str, terms: tuple[int, int, int], expected: list[tuple[int]]) -> None:
    cells = [(0, step) for step, mark in enumerate(seen) if mark == "x"]
    runs = columns(cells, len(seen), Terms(*terms, RESEND), 1)
    columns_shown = runs.table[:, [FIRST, END, STATE, SINCE, ENDED]]
    assert [tuple(row) for row in columns_shown.tolist()] == expected


def test_alerts_above_the_limit_are_dropped() -> None:
    cells = [(0, 0), (0, 1), (1, 1), (0, 2)]
    runs = columns(cells, 3, Terms(MINUTE, 0, 1, RESEND), 2)
    shown = runs.table[:, [ROW, FIRST, END, STATE, ENDED]]
    assert shown.tolist() == [[0, 0, 1, PENDING, DROPPED], [0, 2, 3, PENDING, GOES_ON]]
    assert runs.dropped.tolist() == [0, 2, 0]


def test_runs_are_limited() -> None:
    cells = [(0, step) for step in range(0, 20, 2)]
    terms = Terms(0, 0, 0, RESEND)
    # An alert that fires at once was pending before, for no step.
    assert len(columns(cells, 20, terms, 1, 20).table) == 10
    with pytest.raises(TooManyRuns):
        columns(cells, 20, terms, 1, 19)


def test_no_alert_at_all() -> None:
    runs = columns([], 5, Terms(0, 0, 0, RESEND), 0)
    assert len(runs.table) == 0
    assert not runs.dropped.any()
