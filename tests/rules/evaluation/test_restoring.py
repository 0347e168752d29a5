"""What is made of ALERTS_FOR_STATE after a restart."""

import pytest

from rules.evaluation.alerts import Alert, State
from rules.evaluation.restoring import ForState, is_restored, matchers_of, restored
from rules.evaluation.rows import key_of
from rules.groups import Rule

MINUTE = 60_000
LABELS = {"alertname": "A"}
KEY = key_of(LABELS)
NOW = 100 * MINUTE
GRACE = 10 * MINUTE
RULE = Rule("up", alert="A", for_ms=30 * MINUTE)
ALERT = Alert(LABELS, {}, 1.0, State.PENDING, NOW - MINUTE)


@pytest.mark.parametrize(
    ("stored", "active_ms"),
    [
        (ForState(90 * MINUTE, 20 * MINUTE), 20 * MINUTE),  # was firing
        (ForState(90 * MINUTE, 60 * MINUTE), 60 * MINUTE),  # just so
        (ForState(90 * MINUTE, 65 * MINUTE), NOW + GRACE - 30 * MINUTE),  # fires after the grace
        (ForState(90 * MINUTE, 80 * MINUTE), 90 * MINUTE),  # the outage is not counted
        (None, NOW - MINUTE),
    ],
)
def test_since_when_it_is_active(stored: ForState | None, active_ms: int) -> None:
    known = {} if stored is None else {KEY: stored}
    assert restored(RULE, {KEY: ALERT}, known, NOW, GRACE)[KEY].active_ms == active_ms


def test_resolved_alerts_stay_as_they_are() -> None:
    gone = Alert(LABELS, {}, 1.0, State.INACTIVE, 5, resolved_ms=NOW)
    assert restored(RULE, {KEY: gone}, {KEY: ForState(0, 0)}, NOW, GRACE) == {KEY: gone}


def test_which_rules_and_which_series() -> None:
    assert is_restored(RULE, GRACE)
    assert not is_restored(Rule("up", alert="A", for_ms=MINUTE), GRACE)
    assert not is_restored(Rule("up", record="a"), 0)
    wanted = matchers_of(RULE, {"severity": "page", "t": "{{ $value }}"})
    assert {matcher.name: matcher.value for matcher in wanted} == {
        "__name__": "ALERTS_FOR_STATE",
        "alertname": "A",
        "severity": "page",
    }
    assert {matcher.op for matcher in wanted} == {"="}
