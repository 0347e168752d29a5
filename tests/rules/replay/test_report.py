"""The document of a replay, and its lines."""

from typing import Any

import pytest

from rules.replay.report import clean, document_of, time_text
from rules.replay.tables import lines
from tests.makers.rules.replays import group_of, replayed

RULES = (
    {"record": "job:m:sum", "expr": "sum by (job) (m)", "labels": {"team": "t"}},
    {
        "alert": "High", "expr": "job:m:sum > 2", "for": "1m", "keep_firing_for": "1m",
        "annotations": {"summary": "{{ $value }} of {{ $labels.job }}"},
    },
    {"alert": "Never", "expr": "job:m:sum > 3", "for": "10m"},
    {"record": "bad", "expr": "m[5m]"},
)  # fmt: skip
SERIES = {'m{job="a",i="1"}': "1+1x5", 'm{job="a",i="2"}': "0x10"}


@pytest.fixture(scope="module")
def document() -> Any:
    return document_of(replayed(group_of(*RULES), SERIES, minutes=5))


def test_the_summary(document: Any) -> None:
    summary = document["summary"]
    assert {name: summary[name] for name in summary if name != "seconds"} == {
        "evaluations": 24,
        "failedEvaluations": 6,
        "alerts": 2,
        "firings": 1,
        "flaps": 0,
        "firingSeconds": 180.0,
        "pendingSeconds": 240.0,
        "notifications": 2,
        "series": 1,
        "samples": 6,
        "queries": 3,
    }


def test_groups_and_rules(document: Any) -> None:
    (group,) = document["groups"]
    rules = group["rules"]
    assert {name: group[name] for name in group if name != "rules"} == {
        "name": "g", "file": "rules.yml", "interval": 60.0, "queryOffset": 0.0, "limit": 0,
        "evaluations": 6, "firstEvaluation": "1970-01-01T00:00:00Z",
    }  # fmt: skip
    assert rules[0] == {
        "name": "job:m:sum", "query": "sum by (job) (m)", "labels": {"team": "t"}, "failures": [],
        "warnings": [], "queries": 1, "series": 1, "samples": 6, "type": "recording",
    }  # fmt: skip
    (failure,) = rules[3]["failures"]
    assert failure == {
        "first": "1970-01-01T00:00:00Z", "last": "1970-01-01T00:05:00Z", "evaluations": 6,
        "error": "rule result is not a vector or scalar",
    }  # fmt: skip
    (alert,) = rules[1]["alerts"]
    assert (rules[1]["duration"], rules[1]["keepFiringFor"]) == (60.0, 60.0)
    assert alert["labels"] == {"alertname": "High", "job": "a", "team": "t"}
    assert alert["changes"] == [
        {
            "time": f"1970-01-01T00:0{at}:00Z", "state": state, "value": value,
            "annotations": {"summary": f"{value} of a"},
        }
        for at, state, value in [(2, "pending", "3"), (3, "firing", "4")]
    ]  # fmt: skip


def test_lines(document: Any) -> None:
    shown = list(lines(document))
    assert shown[0] == "rules.yml; g: 6 evaluations every 1m from 1970-01-01T00:00:00Z on"
    assert "  record job:m:sum: 1 series, 6 samples" in shown
    assert "  alert High, for 1m, keeps firing for 1m: 1 alert" in shown
    own = '    {alertname="High", job="a", team="t"}: fired 1 time, for 3m, 2 notifications'
    at = shown.index(own)
    assert shown[at + 1 : at + 4] == [
        "      1970-01-01T00:02:00Z  pending   3",
        "      1970-01-01T00:03:00Z  firing    4",
        "          summary: 4 of a",
    ]
    assert '    {alertname="Never", job="a", team="t"}: did not fire, pending for 3m' in shown
    when = "1970-01-01T00:00:00Z to 1970-01-01T00:05:00Z, 6 evaluations"
    assert f"    failed at {when}: rule result is not a vector or scalar" in shown
    assert shown[-3] == "2 alerts: fired 1 time, for 3m in all, 0 flaps, 2 notifications"
    assert shown[-2] == "recorded: 1 series, 6 samples"
    assert shown[-1].startswith("24 evaluations, 6 failed, 3 queries, ")


def test_much_is_cut_for_people() -> None:
    rule = {"alert": "A", "expr": "m", "labels": {"v": "{{ $value }}"}}
    document = document_of(replayed(group_of(rule), {"m": "1+1x150"}, minutes=120))
    assert sum("fired 1 time" in line for line in lines(document)) == 100
    assert "    21 more; --format=json shows all" in list(lines(document))


def test_texts() -> None:
    assert time_text(1_500) == "1970-01-01T00:00:01.500Z"
    assert clean("a\udcffb") == "a\ufffdb"
