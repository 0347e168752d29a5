"""One evaluation of a rule: what is written, what becomes stale, what fails."""

import pytest

from rules.errors import FunctionError
from rules.evaluation.alerts import State
from rules.evaluation.rows import Row, key_of
from rules.evaluation.steps import Health, Moment, RuleState, evaluate, failed
from rules.groups import Group, Rule
from rules.templates.values import QueryResult, Sample, StringMap

A, B = {"__name__": "up", "job": "a"}, {"__name__": "up", "job": "b"}
RECORDING = Rule("up", record="r", labels={"team": "x", "gone": ""})
ALERTING = Rule(
    "up",
    alert="Down",
    labels={"job": "{{ $labels.job }}!", "where": "{{ .Labels.nope }}"},
    annotations={"s": "{{ $value }} of {{ $labels.__name__ }}{{ len (query `up`) }}"},
)


def moment(ts_ms: int = 0) -> Moment:
    return Moment(ts_ms, lambda _: QueryResult([Sample(StringMap(), 1.0)]))


def labels_of(rows: list[Row]) -> list[dict[str, str]]:
    return [dict(row.labels) for row in rows]


def test_recording() -> None:
    group = Group("g", labels={"team": "y", "zone": "z"})
    rows = [Row({**A, "gone": "1"}, 1.0), Row({}, 2.0)]
    step = evaluate(group, RECORDING, RuleState(), rows, moment())
    assert labels_of(step.rows) == [
        {"__name__": "r", "job": "a", "team": "x", "zone": "z"},
        {"__name__": "r", "team": "x", "zone": "z"},
    ]
    assert [row.value for row in step.rows] == [1.0, 2.0]
    assert (step.state.health, step.stale, step.notices) == (Health.GOOD, [], [])


def test_series_that_vanish_become_stale() -> None:
    group, plain = Group("g"), Rule("up", record="r")
    first = evaluate(group, plain, RuleState(), [Row(A, 1.0), Row(B, 1.0)], moment())
    second = evaluate(group, plain, first.state, [Row(B, 1.0)], moment())
    assert second.stale == [key_of({"__name__": "r", "job": "a"})]
    # A failure between keeps them, and says nothing.
    between = failed(first.state, "no luck")
    assert (between.stale, between.state.health) == ([], Health.BAD)
    assert between.state.last_error == "no luck"
    third = evaluate(group, plain, between.state, [Row(B, 1.0)], moment())
    assert third.stale == second.stale
    assert third.state.last_error == ""


@pytest.mark.parametrize(
    ("group", "rule", "rows", "error"),
    [
        (
            Group("g"),
            Rule("up", record="r", labels={"job": "same"}),
            [Row(A, 1.0), Row(B, 1.0)],
            "vector contains metrics with the same labelset after applying rule labels",
        ),
        (
            Group("g"),
            Rule("up", alert="D", labels={"job": "same"}),
            [Row(A, 1.0), Row(B, 1.0)],
            "vector contains metrics with the same labelset after applying alert labels",
        ),
        (
            Group("g", limit=1),
            Rule("up", record="r"),
            [Row(A, 1.0), Row(B, 1.0)],
            "exceeded limit of 1 with 2 series",
        ),
        (
            Group("g", limit=1),
            Rule("up", alert="D"),
            [Row(A, 1.0), Row(B, 1.0)],
            "exceeded limit of 1 with 2 alerts",
        ),
    ],
)
def test_failures(group: Group, rule: Rule, rows: list[Row], error: str) -> None:
    step = evaluate(group, rule, RuleState(is_restored=True), rows, moment())
    assert (step.state.last_error, step.state.health) == (error, Health.BAD)
    assert (step.rows, step.stale, step.notices) == ([], [], [])


def test_above_the_limit_all_alerts_are_dropped_and_equal_labels_keep_them() -> None:
    rule, group = Rule("up", alert="D"), Group("g", limit=1)
    before = evaluate(group, rule, RuleState(), [Row(A, 1.0)], moment()).state
    assert len(before.alerts) == 1
    above = evaluate(group, rule, before, [Row(A, 1.0), Row(B, 1.0)], moment())
    assert above.state.alerts == {}
    twins = evaluate(group, rule, before, [Row(A, 1.0), Row(A, 2.0)], moment())
    assert twins.state.alerts == before.alerts


def test_alerting() -> None:
    step = evaluate(Group("g"), ALERTING, RuleState(), [Row(A, 1.5)], moment(60_000))
    (alert,) = step.notices
    assert alert.labels == {"job": "a!", "alertname": "Down"}
    assert alert.annotations == {"s": "1.5 of up1"}
    assert step.rows == []  # until it is restored
    assert step.state.state is State.FIRING
    assert RuleState().state is State.UNKNOWN
    again = evaluate(
        Group("g"), ALERTING, RuleState(is_restored=True), [Row(A, 1.5)], moment(60_000)
    )
    assert labels_of(again.rows) == [
        {
            "__name__": "ALERTS",
            "alertstate": "firing",
            "alertname": "Down",
            "job": "a!",
            "where": "{{ .Labels.nope }}",
        },
        {
            "__name__": "ALERTS_FOR_STATE",
            "alertname": "Down",
            "job": "a!",
            "where": "{{ .Labels.nope }}",
        },
    ]
    assert [row.value for row in again.rows] == [1.0, 60.0]


def test_the_pending_series_ends_when_the_alert_fires() -> None:
    rule = Rule("up", alert="D", for_ms=60_000)
    before = RuleState(is_restored=True)
    first = evaluate(Group("g"), rule, before, [Row(A, 1.0)], moment(0))
    second = evaluate(Group("g"), rule, first.state, [Row(A, 1.0)], moment(60_000))
    assert [dict(key)["alertstate"] for key in second.stale] == ["pending"]


def test_texts_that_fail_do_not_end_the_alert() -> None:
    def no_query(_: str) -> QueryResult:
        raise FunctionError("no luck")

    rule = Rule("up", alert="D", annotations={"a": "{{ query `x` }}", "b": "fine"})
    step = evaluate(Group("g"), rule, RuleState(), [Row(A, 1.0)], Moment(0, no_query))
    (alert,) = step.notices
    assert "error calling query: no luck" in alert.annotations["a"]
    assert (alert.annotations["b"], step.state.failed_texts) == ("fine", 1)
