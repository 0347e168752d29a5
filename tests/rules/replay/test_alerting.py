"""What becomes of alerts in a replay."""

import pytest

from rules.replay.outcome import AlertHistory
from tests.makers.rules.replays import changes, group_of, replayed, shown

UP = {"up{i='1'}".replace("'", '"'): "1 0 0 0 1 1 0 0 1 1 1"}


def alert(expr: str = "up == 0", **more: object) -> dict[str, object]:
    return {"alert": "A", "expr": expr, **more}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {},
            [(1, "firing"), (4, "resolved"), (6, "firing"), (8, "resolved")],
        ),
        (
            {"for": "2m"},
            [(1, "pending"), (3, "firing"), (4, "resolved"), (6, "pending"), (8, "inactive")],
        ),
        (
            {"keep_firing_for": "1m"},
            [(1, "firing"), (5, "resolved"), (6, "firing"), (9, "resolved")],
        ),
        ({"for": "1m", "keep_firing_for": "5m"}, [(1, "pending"), (2, "firing")]),
    ],
)
def test_states(more: dict[str, object], expected: list[tuple[float, str]]) -> None:
    found = changes(replayed(group_of(alert(**more)), UP))
    assert [(at, became) for at, became, _ in found["i=1"]] == expected


def history(*rules: dict[str, object], **more: object) -> AlertHistory:
    (found,) = replayed(group_of(*rules, **more), UP).alerts()
    return found


def test_totals_of_an_alert() -> None:
    found = history(alert())
    assert (found.firing_ms, found.pending_ms, found.flaps) == (300_000, 0, 1)
    # Sent as it fires and is resolved, and again after more than a minute: 1, 3, 4, 6, 8, 10.
    assert found.notices == 6
    found = history(alert(**{"for": "2m"}))
    assert (found.firing_ms, found.pending_ms, found.flaps) == (60_000, 240_000, 0)
    # One that goes on lasts as long as its last evaluation.
    found = history(alert(**{"for": "1m", "keep_firing_for": "5m"}))
    assert found.firing_ms == 9 * 60_000


def test_series_of_alerts() -> None:
    labels = {"severity": "page", "none": "{{ $labels.nothing }}"}
    rule = alert(labels=labels, **{"for": "2m"})
    (found,) = replayed(group_of(rule), UP, minutes=5).each()
    base = "{alertname=A,alertstate=%s,i=1,none={{ $labels.nothing }},severity=page}"
    assert shown(found.recorded) == {
        "ALERTS" + base.replace("%s", "pending"): {1: 1.0, 2: 1.0, 3: "stale"},
        "ALERTS" + base.replace("%s", "firing"): {3: 1.0, 4: "stale"},
        "ALERTS_FOR_STATE" + base.replace("alertstate=%s,", ""): {
            1: 60.0, 2: 60.0, 3: 60.0, 4: "stale",
        },
    }  # fmt: skip


def test_texts_are_those_of_the_evaluation() -> None:
    texts = {"said": "{{ $labels.i }} {{ $value }} {{ now }}"}
    found = history(alert("up + 1 < 2", labels={"x": "{{ $labels.i }}!"}, annotations=texts))
    assert found.labels == {"alertname": "A", "i": "1", "x": "1!"}
    assert [change.annotations["said"] for change in found.changes] == [
        "1 1 60", "1 1 180", "1 1 360", "1 1 420",
    ]  # fmt: skip


def test_labels_with_a_value_make_other_alerts() -> None:
    rule = alert("m > 1", labels={"v": "{{ $value }}"}, **{"for": "1m"})
    outcome = replayed(group_of(rule), {"m": "1 2 2 2 3 3 1"}, minutes=6)
    assert changes(outcome) == {
        "v=2": [(1, "pending", 2.0), (2, "firing", 2.0), (4, "resolved", 2.0)],
        "v=3": [(4, "pending", 3.0), (5, "firing", 3.0), (6, "resolved", 3.0)],
    }
    assert outcome.queries == 1
    (found,) = outcome.each()
    assert shown(found.recorded)["ALERTS{alertname=A,alertstate=firing,v=2}"] == {
        2: 1.0, 3: 1.0, 4: "stale",
    }  # fmt: skip


def test_more_alerts_than_the_limit_are_dropped() -> None:
    series = {'m{i="1"}': "1 1 1 1 1 1", 'm{i="2"}': "0 0 1 0 0 0"}
    outcome = replayed(group_of(alert("m == 1"), limit=1), series, minutes=5)
    assert changes(outcome) == {
        "i=1": [(0, "firing", 1.0), (2, "dropped", 1.0), (3, "firing", 1.0)]
    }
    (found,) = outcome.each()
    assert [(f.count, f.error) for f in found.failures] == [
        (1, "exceeded limit of 1 with 2 alerts")
    ]
    firing = shown(found.recorded)["ALERTS{alertname=A,alertstate=firing,i=1}"]
    assert list(firing) == [0, 1, 3, 4, 5]


def test_alerts_that_become_one_fail() -> None:
    series = {'m{i="1"}': "1 1 1 1", 'm{i="2"}': "0 1 0 0"}
    outcome = replayed(group_of(alert("m == 1", labels={"i": ""})), series, minutes=3)
    assert changes(outcome) == {"": [(0, "firing", 1.0)]}
    (found,) = outcome.each()
    texts = "vector contains metrics with the same labelset after applying alert labels"
    assert [(f.first_ms, f.error) for f in found.failures] == [(60_000, texts)]


def test_the_value_of_a_histogram() -> None:
    series = {"m": "{{schema:0 count:3 sum:4 buckets:[1 2]}}x3"}
    outcome = replayed(group_of(alert("m", annotations={"v": "{{ $value }}"})), series, minutes=2)
    ((found,),) = [[*outcome.alerts()]]
    assert found.changes[0].annotations == {"v": "{count:3, sum:4, (0.5,1]:1, (1,2]:2}"}


def test_rules_that_read_each_other_see_the_evaluation_before() -> None:
    rules = [
        {"record": "r", "expr": "count(ALERTS) or vector(0)"},
        alert("r < 2", labels={"x": "y"}),
    ]
    outcome = replayed(group_of(*rules), {}, minutes=3)
    first, second = outcome.each()
    assert shown(first.recorded) == {"r{}": {0: 0.0, 1: 1.0, 2: 1.0, 3: 1.0}}
    assert changes(outcome) == {"x=y": [(0, "firing", 0.0)]}
    assert first.queries == second.queries == 4
