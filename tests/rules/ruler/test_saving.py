"""Alerts come back exactly as they were, and what need not be kept does not count."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.alerts import Alert, State
from rules.evaluation.rows import key_of
from rules.groups import Group, Rule
from rules.ruler.saving import decode, encode, essence, fingerprints

TIMES = st.none() | st.integers(0, 1 << 50)
TEXTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
ALERTS = st.lists(
    st.builds(
        Alert,
        TEXTS,
        TEXTS,
        st.floats(allow_nan=False),
        st.sampled_from([State.PENDING, State.FIRING, State.INACTIVE]),
        st.integers(0, 1 << 50),
        *[TIMES] * 5,
    ),
    max_size=4,
).map(lambda alerts: {key_of(alert.labels): alert for alert in alerts})


@given(ALERTS)
def test_alerts_come_back(alerts: dict) -> None:
    assert decode(encode(alerts)) == alerts
    assert bool(encode(alerts)) == bool(alerts)


@pytest.mark.parametrize("content", [b"\x93", b"\x92\x02\x90", b"\x92\x01\x91\x01"])
def test_what_was_not_kept_by_us(content: bytes) -> None:
    with pytest.raises(ValueError, match="alerts"):
        decode(content)


ALERT = Alert({"a": "b"}, {"s": "t"}, 1.0, State.FIRING, 1, 2, None, None, 3, 4)


def of(alert: Alert) -> dict:
    return {key_of(alert.labels): alert}


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"value": 2.0}, False),
        ({"annotations": {}}, False),
        ({"state": State.PENDING}, True),
        ({"labels": {"a": "c"}}, True),
        *(({f"{name}_ms": 9}, True) for name in (
            "active", "fired", "resolved", "keep_firing", "last_sent", "valid_until"
        )),
    ],
)  # fmt: skip
def test_what_has_to_be_kept(changes: dict, counts: bool) -> None:
    assert (essence(of(ALERT)) != essence(of(replace(ALERT, **changes)))) == counts


def test_a_histogram_is_not_kept() -> None:
    (alert,) = decode(encode(of(replace(ALERT, value=object())))).values()
    assert math.isnan(alert.value)
    assert replace(alert, value=1.0) == ALERT


def test_rules_are_known_by_name_and_labels() -> None:
    down = Rule("up == 0", alert="Down", labels={"a": "1", "b": "2"})
    others = [
        down,
        replace(down, expr="up < 1", for_ms=5, annotations={"s": "t"}),
        replace(down, labels={"b": "2", "a": "1"}),
        replace(down, labels={"a": "1"}),
        replace(down, alert="Up"),
        Rule("x", record="Down", labels={"a": "1", "b": "2"}),
    ]
    marks = [fingerprints(Group("g", rules=(rule,)))[0] for rule in others]
    assert marks[0] == marks[1] == marks[2]
    assert len(set(marks)) == 4
    assert fingerprints(Group("g", labels={"b": "2"}, rules=(others[3],))) == [marks[0]]
    assert len(set(fingerprints(Group("g", rules=(down, down))))) == 2
    assert all(len(mark) <= 64 for mark in marks)
