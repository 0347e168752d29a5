"""Rules, alerts and Alertmanagers over HTTP: shapes, every parameter, pages, tenants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.sources.rules import AlertFacts, GroupFacts, RuleFacts
from tests.makers.fake_store import Running, run_api

AT = 1_700_000_000
ALERT = AlertFacts(
    {"alertname": "Down", "job": "x"}, {"summary": "x is down"}, "firing", AT * 1000 + 50, None, 0.5
)
KEPT = AlertFacts({"alertname": "Down", "job": "y"}, {}, "firing", AT * 1000, AT * 1000 + 1, 1e9)
DOWN = RuleFacts(
    True, "Down", "up == 0", {"severity": "page"}, "ok", "", 0.25, AT + 0.5, 4, 40,
    "firing", 300.0, 60.0, {"summary": "{{ $labels.job }} is down"}, (ALERT, KEPT),
)  # fmt: skip
NEVER = RuleFacts(True, "Never", "vector(1)", {}, "unknown", state="unknown")
SUM = RuleFacts(False, "job:up:sum", "sum by (job) (up)", {"team": "a"}, "ok")
BAD = RuleFacts(False, "bad", "up * on () up", {"team": "b", "t": "{{ 1 }}"}, "err", "many matches")
GROUPS = [
    GroupFacts("b.yml", "two", 30.0, 5, 60.0, ("t", "u"), (SUM, BAD), 0.5, AT, 3),
    GroupFacts("b.yml", "one", 60.0, rules=(DOWN,)),
    GroupFacts("a.yml", "two", 60.0, rules=(NEVER, SUM)),
    GroupFacts("a.yml", "empty", 60.0),
]


@dataclass
class Book:
    """A rule book of tenants."""

    found: dict[str, Sequence[GroupFacts]] = field(default_factory=lambda: {"t": GROUPS})

    def groups(self, tenant: str) -> Sequence[GroupFacts]:
        return self.found.get(tenant, ())

    def alertmanagers(self, tenant: str) -> tuple[Sequence[str], Sequence[str]]:
        return (["http://all/x", f"http://{tenant}/x"], ["http://dropped/x"])


def ask(*paths: str, tenant: str = "t", book: Book | None = None) -> list[Any]:
    """The data of answers; of errors their text."""
    found: list[Any] = []

    async def scenario(running: Running) -> None:
        for path in paths:
            headers = {"X-Scope-OrgID": tenant}
            async with running.client.get(f"/api/v1/{path}", headers=headers) as response:
                answer = json.loads(await response.read())
                found.append(answer.get("data", answer.get("error")))

    run_api(scenario, rules=book or Book())
    return found


def names(data: Any) -> list[str]:
    """file/group: rule, rule of each group."""
    return [
        f"{group['file']}/{group['name']}: " + ", ".join(rule["name"] for rule in group["rules"])
        for group in data["groups"]
    ]


def test_groups_have_prometheus_shape() -> None:
    (data,) = ask("rules?file[]=b.yml")
    one, two = data["groups"]
    assert list(one)[:7] == [
        "name", "file", "rules", "interval", "limit", "evaluationTime", "lastEvaluation",
    ]  # fmt: skip
    assert two | {"rules": []} == {
        "name": "two", "file": "b.yml", "rules": [], "interval": 30.0, "limit": 5,
        "evaluationTime": 0.5, "lastEvaluation": "2023-11-14T22:13:20Z", "queryOffset": 60.0,
        "missedEvaluations": 3, "sourceTenants": ["t", "u"],
    }  # fmt: skip
    assert one["lastEvaluation"] == "0001-01-01T00:00:00Z"
    assert "sourceTenants" not in one
    assert two["rules"] == [
        {
            "name": "job:up:sum", "query": "sum by (job) (up)", "labels": {"team": "a"},
            "health": "ok", "evaluationTime": 0.0, "lastEvaluation": "0001-01-01T00:00:00Z",
            "type": "recording", "seriesRead": 0, "samplesRead": 0,
        },
        {
            "name": "bad", "query": "up * on () up", "labels": {"team": "b", "t": "{{ 1 }}"},
            "health": "err", "lastError": "many matches", "evaluationTime": 0.0,
            "lastEvaluation": "0001-01-01T00:00:00Z", "type": "recording", "seriesRead": 0,
            "samplesRead": 0,
        },
    ]  # fmt: skip


def test_alerting_rules_have_their_alerts() -> None:
    with_them, without = ask("rules?rule_name[]=Down", "rules?rule_name[]=Down&exclude_alerts=true")
    (rule,) = with_them["groups"][0]["rules"]
    assert list(rule) == [
        "state", "name", "query", "duration", "keepFiringFor", "labels", "annotations", "alerts",
        "health", "evaluationTime", "lastEvaluation", "type", "seriesRead", "samplesRead",
    ]  # fmt: skip
    assert rule["alerts"] == [
        {
            "labels": {"alertname": "Down", "job": "x"}, "annotations": {"summary": "x is down"},
            "state": "firing", "activeAt": "2023-11-14T22:13:20.05Z", "value": "5e-01",
        },
        {
            "labels": {"alertname": "Down", "job": "y"}, "annotations": {}, "state": "firing",
            "activeAt": "2023-11-14T22:13:20Z", "keepFiringSince": "2023-11-14T22:13:20.001Z",
            "value": "1e+09",
        },
    ]  # fmt: skip
    assert (rule["duration"], rule["keepFiringFor"], rule["state"]) == (300.0, 60.0, "firing")
    assert rule["lastEvaluation"] == "2023-11-14T22:13:20.5Z"
    assert without["groups"][0]["rules"][0] == rule | {"alerts": None}


ALL = ["a.yml/two: Never, job:up:sum", "b.yml/one: Down", "b.yml/two: job:up:sum, bad"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ("", ALL),
        ("type=alert", ["a.yml/two: Never", "b.yml/one: Down"]),
        ("type=RECORD", ["a.yml/two: job:up:sum", "b.yml/two: job:up:sum, bad"]),
        ("rule_name[]=bad&rule_name[]=Never", ["a.yml/two: Never", "b.yml/two: bad"]),
        ("rule_name=bad", ["b.yml/two: bad"]),
        ("rule_name=bad&rule_name[]=Never", ["a.yml/two: Never"]),
        ("rule_group[]=two", [ALL[0], ALL[2]]),
        ("file[]=a.yml&rule_group[]=one", []),
        ("file[]=a.yml&file[]=b.yml&type=alert&rule_name[]=Down", ["b.yml/one: Down"]),
        ("match[]={team='a'}", ["a.yml/two: job:up:sum", "b.yml/two: job:up:sum"]),
        ("match[]={team=~'.%2B',team!='a'}&match[]={severity='page'}", [ALL[1], "b.yml/two: bad"]),
        ("match[]={t=~'.*1.*'}", ["b.yml/two: bad"]),
        ("match[]={t='1'}", []),
        ("group_limit=10", ALL),
    ],
)
def test_parameters_choose_rules(params: str, found: list[str]) -> None:
    (data,) = ask(f"rules?{params}")
    assert names(data) == found
    assert "groupNextToken" not in data


@pytest.mark.parametrize("more", ["", "&type=alert", "&rule_group[]=two"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_are_all_groups_once(limit: int, more: str) -> None:
    (whole,) = ask(f"rules?{more}")
    pages: list[str] = []
    token = ""
    for _ in range(4):
        following = f"&group_next_token={token}" if token else ""
        (page,) = ask(f"rules?group_limit={limit}{following}{more}")
        assert len(page["groups"]) <= limit
        pages += names(page)
        token = page.get("groupNextToken", "")
        if not token:
            break
    assert pages == names(whole)


def test_a_token_is_the_hash_of_file_and_group() -> None:
    (page,) = ask("rules?group_limit=1")
    wanted = "d0c8de1b71abeb92ba49bdfdbd475757bba62bd10fb29260952160daaa92c226"  # of b.yml;one
    assert page["groupNextToken"] == wanted


def test_a_group_that_went_ends_the_pages() -> None:
    (error,) = ask(f"rules?group_limit=1&group_next_token={'0' * 64}")
    assert error == (
        f"invalid parameter \"group_next_token\": invalid group_next_token '{'0' * 64}'. were rule "
        "groups changed?"
    )


def test_alerts_are_those_of_all_rules() -> None:
    (data,) = ask("alerts")
    assert [alert["labels"]["job"] for alert in data["alerts"]] == ["x", "y"]


def test_tenants_see_their_own() -> None:
    other = GroupFacts("a.yml", "two", 60.0, rules=(DOWN,))
    book = Book({"t": GROUPS[2:], "u": [other]})
    rules, alerts, managers = ask("rules", "alerts", "alertmanagers", tenant="v", book=book)
    assert (rules, alerts) == ({"groups": []}, {"alerts": []})
    assert managers == {
        "activeAlertmanagers": [{"url": "http://all/x"}, {"url": "http://v/x"}],
        "droppedAlertmanagers": [{"url": "http://dropped/x"}],
    }
    (one,) = ask("rules", tenant="u", book=book)
    assert names(one) == ["a.yml/two: Down"]
    assert "tenant" not in one["groups"][0]


def test_several_tenants_see_theirs_side_by_side() -> None:
    other = GroupFacts("a.yml", "two", 60.0, rules=(DOWN,))
    book = Book({"t": GROUPS[2:], "u": [other]})
    both, page, managers = ask(
        "rules", "rules?group_limit=1", "alertmanagers", tenant="t|u", book=book
    )
    assert [group["tenant"] for group in both["groups"]] == ["t", "u"]
    (rest,) = ask(
        f"rules?group_limit=1&group_next_token={page['groupNextToken']}", tenant="t|u", book=book
    )
    assert [group["tenant"] for group in rest["groups"]] == ["u"]
    urls = [each["url"] for each in managers["activeAlertmanagers"]]
    assert urls == ["http://all/x", "http://t/x", "http://u/x"]
