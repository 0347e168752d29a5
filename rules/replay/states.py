"""The states of all alerts of a rule over time, as columns: `evaluation.alerts.advance` for many
evaluations at once.

An alert is a row, an evaluation that went well is a step, and what comes out are runs: stretches of
steps in which an alert stays in one state. That there is no stretch means that it is inactive.
"""

from dataclasses import dataclass

import numpy as np

from rules.evaluation.alerts import RESOLVED_KEPT_MS
from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel, kernel_part

PENDING, FIRING = 1, 2
# How a run ends: not at all, as the alert begins to fire, as its condition ends while it is
# pending, or while it fires, and as too many alerts are active.
GOES_ON, FIRES, VANISHES, RESOLVES, DROPPED = range(5)
_NONE, _RESOLVED = 0, 3
_NEVER = -(1 << 62)
# Columns of a table of runs.
ROW, FIRST, END, STATE, SINCE, ENDED = range(6)
# What the kernel knows of a rule, and of an alert.
FOR, KEEP, LIMIT, RESEND, KEPT = range(5)
A_STATE, A_SINCE, A_RESOLVED, A_KEEPING, A_SENT, A_SEEN, A_RUN, A_BEFORE = range(8)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule says of its alerts. resend_ms: after how long one that fires is sent again."""

    for_ms: int
    keep_firing_ms: int
    limit: int
    resend_ms: int


@dataclass(frozen=True, slots=True)
class Runs:
    """What became of alerts. table: int64[n, 6], by the columns above: steps FIRST:END, since when
    the condition had held, in ms. dropped: by step, the number of alerts where that exceeded the
    limit, else 0. notices: int64[rows, 2], how often each alert was sent as firing, and as
    resolved."""

    table: Int64s
    dropped: Int64s
    notices: Int64s


class TooManyRuns(Exception):
    """The alerts change more often than is allowed."""


def runs_of(
    rows: Int64s, steps: Int64s, times: Int64s, terms: Terms, *, runs_max: int, row_count: int
) -> Runs:
    """The runs of alerts whose conditions hold at (rows[i], steps[i]), each once; times: of the
    steps, in ms, ascending. Raises TooManyRuns."""
    order = np.argsort(steps, kind="stable")
    offsets = np.searchsorted(steps[order], np.arange(len(times) + 1)).astype(np.int64)
    # An alert has at most two runs for each time that its condition holds.
    allowed = min(runs_max, 2 * len(rows))
    table = np.empty((allowed + 2, 6), np.int64)
    dropped = np.zeros(len(times), np.int64)
    notices = np.zeros((row_count, 2), np.int64)
    rule = np.array(
        [terms.for_ms, terms.keep_firing_ms, terms.limit, terms.resend_ms, RESOLVED_KEPT_MS],
        np.int64,
    )
    count = advance_rows(offsets, rows[order], times, rule, table, dropped, notices)
    if count > allowed:
        raise TooManyRuns
    table = table[:count]
    table[table[:, END] == _NEVER, END] = len(times)
    return Runs(table[table[:, END] > table[:, FIRST]], dropped, notices)


@kernel
def advance_rows(
    offsets: Int64s,
    rows: Int64s,
    times: Int64s,
    rule: Int64s,
    table: Int64s,
    dropped: Int64s,
    notices: Int64s,
) -> int:
    """Fill the table; the number of its runs, some of which may be empty, or its length if it has
    room for no more. Step k has the rows[offsets[k]:offsets[k + 1]]."""
    alerts = np.full((len(notices), 8), _NEVER, np.int64)
    alerts[:, A_STATE] = _NONE
    known = np.empty(len(notices), np.int64)  # the alerts that are not forgotten
    count = runs = 0
    for k in range(len(times)):
        for j in range(offsets[k], offsets[k + 1]):
            i = rows[j]
            alerts[i, A_SEEN], alerts[i, A_KEEPING] = k, _NEVER
            state = alerts[i, A_STATE]
            if state in (PENDING, FIRING):
                continue
            if state == _NONE:
                known[count] = i
                count += 1
            if runs + 1 >= len(table):
                return len(table)
            alerts[i, A_SINCE], alerts[i, A_SENT] = times[k], _NEVER
            begin_run(alerts, table, i, k, PENDING, runs)
            runs += 1
        kept = active = 0
        for x in range(count):
            i = known[x]
            if runs + 1 >= len(table):
                return len(table)
            runs += move_alert(alerts, table, i, k, times[k], rule, runs)
            state = alerts[i, A_STATE]
            if state != _NONE:
                known[kept] = i
                kept += 1
            if state in (PENDING, FIRING):
                active += 1
        count = kept
        if 0 < rule[LIMIT] < active:
            dropped[k] = active
            drop_alerts(alerts, table, known, count, k)
            count = 0
        for x in range(count):
            note_alert(alerts, known[x], times[k], rule[RESEND], notices)
    return runs


@kernel_part
def begin_run(alerts: Int64s, table: Int64s, i: int, k: int, state: int, run: int) -> None:
    """An alert changes to a state at step k."""
    alerts[i, A_STATE] = state
    alerts[i, A_BEFORE], alerts[i, A_RUN] = alerts[i, A_RUN], run
    table[run, ROW], table[run, FIRST], table[run, STATE] = i, k, state
    table[run, SINCE], table[run, END], table[run, ENDED] = alerts[i, A_SINCE], _NEVER, GOES_ON


@kernel_part
def end_run(alerts: Int64s, table: Int64s, i: int, k: int, why: int) -> None:
    table[alerts[i, A_RUN], END], table[alerts[i, A_RUN], ENDED] = k, why


@kernel_part
def move_alert(
    alerts: Int64s, table: Int64s, i: int, k: int, ts: int, rule: Int64s, runs: int
) -> int:
    """What step k makes of an alert that is known; how many runs begin."""
    state = alerts[i, A_STATE]
    if alerts[i, A_SEEN] == k:
        if state == PENDING and ts - alerts[i, A_SINCE] >= rule[FOR]:
            end_run(alerts, table, i, k, FIRES)
            begin_run(alerts, table, i, k, FIRING, runs)
            return 1
        return 0
    if state == FIRING and rule[KEEP] > 0:
        if alerts[i, A_KEEPING] == _NEVER:
            alerts[i, A_KEEPING] = ts
        if ts - alerts[i, A_KEEPING] < rule[KEEP]:
            return 0
    if state == PENDING:
        alerts[i, A_STATE] = _NONE
        end_run(alerts, table, i, k, VANISHES)
    elif state == FIRING:
        alerts[i, A_STATE], alerts[i, A_RESOLVED] = _RESOLVED, ts
        end_run(alerts, table, i, k, RESOLVES)
    elif ts - alerts[i, A_RESOLVED] > rule[KEPT]:
        alerts[i, A_STATE] = _NONE
    return 0


@kernel_part
def drop_alerts(alerts: Int64s, table: Int64s, known: Int64s, count: int, k: int) -> None:
    """Forget all alerts at step k, and what became of them in it."""
    for x in range(count):
        i = known[x]
        run, before = alerts[i, A_RUN], alerts[i, A_BEFORE]
        if table[run, END] == _NEVER or table[run, END] == k:
            table[run, END], table[run, ENDED] = k, DROPPED
        if before != _NEVER and table[before, END] == k:
            table[before, ENDED] = DROPPED
        alerts[i, A_STATE], alerts[i, A_KEEPING] = _NONE, _NEVER


@kernel_part
def note_alert(alerts: Int64s, i: int, ts: int, resend_ms: int, notices: Int64s) -> None:
    """Count whether an alert is sent at ts."""
    state, sent = alerts[i, A_STATE], alerts[i, A_SENT]
    if state == PENDING:
        return
    is_resolved = state == _RESOLVED
    is_news = sent == _NEVER or (is_resolved and alerts[i, A_RESOLVED] > sent)
    if is_news or sent + resend_ms < ts:
        alerts[i, A_SENT] = ts
        notices[i, np.int64(is_resolved)] += 1
