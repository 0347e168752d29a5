"""The states of alerts over time, as tables: what the condition was, and what became of it."""

import pytest

from rules.evaluation.alerts import (
    Alert,
    Instance,
    State,
    advance,
    check_limit,
    instances_by_key,
    needs_notice,
    noticed,
    series_of,
    state_of,
)
from rules.evaluation.rows import Key, Row, RuleError, key_of
from rules.groups import Rule

MINUTE = 60_000
LABELS = {"alertname": "A", "job": "x"}
KEY = key_of(LABELS)
INSTANCE = Instance(LABELS, {"s": "t"}, 1.0)
SHOWN = {State.PENDING: "p", State.FIRING: "F", State.INACTIVE: "i"}


def run(rule: Rule, seen: str, step_ms: int = MINUTE) -> tuple[str, dict[Key, Alert]]:
    """The state after each evaluation: x where the condition holds, . where it does not."""
    alerts: dict[Key, Alert] = {}
    states = ""
    for number, mark in enumerate(seen):
        instances = {KEY: INSTANCE} if mark == "x" else {}
        alerts = advance(rule, alerts, instances, number * step_ms)
        states += SHOWN[alerts[KEY].state] if KEY in alerts else "-"
    return states, alerts


@pytest.mark.parametrize(
    ("for_ms", "keep_ms", "seen", "states"),
    [
        (0, 0, "x", "F"),
        (0, 0, "xx.x", "FFiF"),
        (1, 0, "xx", "pF"),
        (2 * MINUTE, 0, "xxxx", "ppFF"),
        (2 * MINUTE, 0, "xx.xxx", "pp-ppF"),
        (2 * MINUTE, 0, "..", "--"),
        (0, 2 * MINUTE, "x....", "FFFii"),
        (0, 2 * MINUTE, "x.x...", "FFFFFi"),
        (MINUTE, MINUTE, "xx..x", "pFFip"),
        (3 * MINUTE, MINUTE, "xx.", "pp-"),
        (0, 0, "x" + "." * 18, "F" + "i" * 16 + "--"),
    ],
)
def test_states(for_ms: int, keep_ms: int, seen: str, states: str) -> None:
    rule = Rule("up", alert="A", for_ms=for_ms, keep_firing_ms=keep_ms)
    assert run(rule, seen)[0] == states


def test_times_of_an_alert() -> None:
    rule = Rule("up", alert="A", for_ms=MINUTE, keep_firing_ms=MINUTE)
    _, alerts = run(rule, "xx.")
    alert = alerts[KEY]
    assert (alert.active_ms, alert.fired_ms, alert.keep_firing_ms) == (0, MINUTE, 2 * MINUTE)
    assert alert.is_active
    _, alerts = run(rule, "xx...")
    assert alerts[KEY].resolved_ms == 3 * MINUTE
    _, alerts = run(rule, "xx.x")
    assert alerts[KEY].keep_firing_ms is None
    _, alerts = run(rule, "xx..x")
    assert (alerts[KEY].active_ms, alerts[KEY].resolved_ms) == (4 * MINUTE, None)


def test_a_longer_for_takes_a_firing_alert_back() -> None:
    _, alerts = run(Rule("up", alert="A"), "xx")
    alerts, _ = noticed(alerts, MINUTE, MINUTE, MINUTE)
    longer = Rule("up", alert="A", for_ms=10 * MINUTE)
    alert = advance(longer, alerts, {KEY: INSTANCE}, 2 * MINUTE)[KEY]
    assert alert.state is State.PENDING
    assert (alert.fired_ms, alert.last_sent_ms, alert.active_ms) == (None, None, 0)


def test_values_and_annotations_follow_the_result() -> None:
    rule = Rule("up", alert="A", keep_firing_ms=MINUTE)
    alerts = advance(rule, {}, {KEY: INSTANCE}, 0)
    later = Instance(LABELS, {"s": "new"}, 5.0)
    alerts = advance(rule, alerts, {KEY: later}, 1)
    assert (alerts[KEY].annotations, alerts[KEY].value) == ({"s": "new"}, 5.0)
    alerts = advance(rule, alerts, {}, 2)
    assert (alerts[KEY].annotations, alerts[KEY].value) == ({"s": "new"}, 5.0)


def test_equal_labels_are_an_error() -> None:
    with pytest.raises(RuleError, match="same labelset after applying alert labels"):
        instances_by_key([INSTANCE, INSTANCE])


def test_limits_count_active_alerts() -> None:
    _, alerts = run(Rule("up", alert="A"), "x")
    check_limit(alerts, 0)
    check_limit(alerts, 1)
    other = {**alerts, (): alerts[KEY]}
    with pytest.raises(RuleError, match="^exceeded limit of 1 with 2 alerts$"):
        check_limit(other, 1)
    _, resolved = run(Rule("up", alert="A"), "x.")
    check_limit({**resolved, (): alerts[KEY]}, 1)


def test_the_state_of_a_rule_is_its_highest() -> None:
    _, pending = run(Rule("up", alert="A", for_ms=MINUTE), "x")
    _, firing = run(Rule("up", alert="A"), "x")
    _, resolved = run(Rule("up", alert="A"), "x.")
    assert state_of({}) is state_of(resolved) is State.INACTIVE
    assert state_of(pending) is State.PENDING
    assert state_of({**pending, (): firing[KEY]}) is State.FIRING


def test_series() -> None:
    _, alerts = run(Rule("up", alert="A", for_ms=10 * MINUTE), "x.xx", 1500)
    rows = series_of(alerts, {"gone": "{{ nothing }}", "empty": "", "job": "template"})
    base = {"alertname": "A", "job": "x", "gone": "{{ nothing }}"}
    assert rows == [
        Row({**base, "__name__": "ALERTS", "alertstate": "pending"}, 1.0),
        Row({**base, "__name__": "ALERTS_FOR_STATE"}, 3.0),
    ]
    _, resolved = run(Rule("up", alert="A"), "x.")
    assert series_of(resolved, {}) == []


@pytest.mark.parametrize(
    ("interval_ms", "times"),
    [(15_000, [0, 75_000, 150_000]), (30_000, [0, 90_000]), (60_000, [0, 120_000])],
)
def test_resending(interval_ms: int, times: list[int]) -> None:
    """The delay is a strict bound on slots, so that a minute of both means every second slot."""
    alerts = advance(Rule("up", alert="A"), {}, {KEY: INSTANCE}, 0)
    sent = []
    for ts_ms in range(0, 160_000, interval_ms):
        alerts, notices = noticed(alerts, ts_ms, interval_ms, 60_000)
        sent += [ts_ms for _ in notices]
    assert sent == times
    assert alerts[KEY].valid_until_ms == times[-1] + 4 * 60_000


def test_what_is_sent() -> None:
    pending = run(Rule("up", alert="A", for_ms=MINUTE), "x")[1][KEY]
    assert not needs_notice(pending, 0, 0)
    alerts, notices = noticed(run(Rule("up", alert="A"), "x")[1], 0, MINUTE, MINUTE)
    assert [alert.fired_ms for alert in notices] == [0]
    resolved = advance(Rule("up", alert="A"), alerts, {}, MINUTE)
    assert needs_notice(resolved[KEY], MINUTE, MINUTE)
    resolved, _ = noticed(resolved, MINUTE, MINUTE, MINUTE)
    assert not needs_notice(resolved[KEY], 2 * MINUTE, MINUTE)
    assert needs_notice(resolved[KEY], 3 * MINUTE, MINUTE)
