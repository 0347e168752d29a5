"""The notifier beside Alertmanagers that answer by script: who gets what, and when again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from rules.evaluation.rows import key_of
from rules.notifying.alertmanagers import Alerting, of_document, of_urls
from rules.notifying.metrics import NotifyMetrics
from rules.notifying.notifier import AlertNotifier
from rules.notifying.options import AlertmanagerOptions
from tests.makers.rules.alertmanager import ScriptedAlertmanager, firing, resolved

QUICK = {"backoff_ms_max": 20}


class Scene:
    """A notifier and its metrics."""

    def __init__(self, options: AlertmanagerOptions, now_ms: int = 2_000_000) -> None:
        self.registry = CollectorRegistry()
        self.notifier = AlertNotifier(
            options,
            NotifyMetrics(self.registry),
            user_agent="Cupola/test",
            external_labels=lambda tenant: {"region": "eu", "tenant": tenant},
            now_ms=lambda: now_ms,
        )

    def metric(self, name: str, url: str, tenant: str = "t") -> float | None:
        labels = {"alertmanager": f"{url}/api/v2/alerts", "tenant": tenant}
        return self.registry.get_sample_value(f"prometheus_notifications_{name}", labels)


@contextmanager
def running(scene: Scene) -> Iterator[AlertNotifier]:
    scene.notifier.start()
    try:
        yield scene.notifier
    finally:
        scene.notifier.drain()


def of(*managers: ScriptedAlertmanager) -> Alerting:
    return of_urls([manager.url for manager in managers], 60_000)


def file_of(**fields: Any) -> Alerting:
    return of_document(fields, Path(), 60_000)[0]


def targets(manager: ScriptedAlertmanager, **fields: Any) -> dict[str, Any]:
    return {"static_configs": [{"targets": [f"127.0.0.1:{manager.port}"]}], **fields}


@pytest.fixture
def managers() -> Iterator[Callable[..., ScriptedAlertmanager]]:
    with ExitStack() as stack:
        yield lambda **fields: stack.enter_context(ScriptedAlertmanager(**fields))


Managers = Callable[..., ScriptedAlertmanager]


def test_every_alertmanager_gets_every_alert_with_external_labels(managers: Managers) -> None:
    here, there = managers(), managers()
    scene = Scene(AlertmanagerOptions(batch_items_max=2))
    scene.notifier.configure(of(here, there))
    with running(scene) as notifier:
        notifier.send("t", [firing("A", region="us"), firing("B"), resolved("C")])
        for manager in (here, there):
            manager.wait(lambda m=manager: len(m.taken) == 3)
    for manager in (here, there):
        first, second = manager.requests
        assert (first.names, second.names, first.path) == (["A", "B"], ["C"], "/api/v2/alerts")
        assert first.headers["content-type"] == "application/json"
        assert first.headers["user-agent"] == "Cupola/test"
        assert first.headers["x-scope-orgid"] == "t"
        assert [alert["labels"]["region"] for alert in first.alerts] == ["us", "eu"]
        assert scene.metric("sent_total", manager.url) == 3
        assert scene.metric("errors_total", manager.url) == 0
        assert scene.metric("queue_length", manager.url) == 0


def test_alerts_that_were_not_taken_arrive_afterwards(managers: Managers) -> None:
    manager = managers(answers=[500, 503, 404, 429])
    scene = Scene(AlertmanagerOptions(**QUICK))
    scene.notifier.configure(of(manager))
    with running(scene) as notifier:
        notifier.send("t", [firing("A")])
        manager.wait(lambda: manager.taken == ["A"])
    assert [request.status for request in manager.requests] == [500, 503, 404, 429, 200]
    assert scene.metric("errors_total", manager.url) == 4
    assert scene.metric("sent_total", manager.url) == 5
    assert scene.metric("dropped_total", manager.url) == 0


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_refused_for_good_is_dropped(managers: Managers, status: int) -> None:
    manager = managers(answers=[status])
    scene = Scene(AlertmanagerOptions(batch_items_max=1, **QUICK))
    scene.notifier.configure(of(manager))
    with running(scene) as notifier:
        notifier.send("t", [firing("A"), firing("B")])
        manager.wait(lambda: len(manager.requests) == 2)
    assert manager.taken == ["B"]
    assert scene.metric("dropped_total", manager.url) == 1
    assert scene.metric("errors_total", manager.url) == 1


def test_one_that_is_away_gets_the_latest_of_each_alert_when_it_is_back(managers: Managers) -> None:
    away = ScriptedAlertmanager()
    here = managers()
    scene = Scene(AlertmanagerOptions(**QUICK))
    scene.notifier.configure(of(away, here))
    with running(scene) as notifier:
        for round_ in range(5):
            notifier.send("t", [firing("A", until_ms=3_000_000 + round_), firing("B")])
        notifier.send("t", [resolved("A")])
        here.wait(lambda: "B" in here.taken and latest(here, "A") == END)
        with away:
            away.wait(lambda: "B" in away.taken and latest(away, "A") == END)
    assert len(away.taken) < 5, "older notices were not sent one by one"


def test_whoever_sends_is_not_held_up_and_the_queue_is_bounded(managers: Managers) -> None:
    slow = managers()
    slow.hold()
    scene = Scene(AlertmanagerOptions(queue_items_max=10, batch_items_max=1, **QUICK))
    scene.notifier.configure(of(slow))
    with running(scene) as notifier:
        notifier.send("t", [firing("A")])
        slow.wait(lambda: slow.arrived == 1)
        notifier.send("t", [firing(f"B{i}") for i in range(25)])
        assert scene.metric("queue_length", slow.url) == 10
        assert scene.metric("dropped_total", slow.url) == 15
        slow.release()
        slow.wait(lambda: len(slow.taken) == 11)
    assert slow.taken == ["A", *(f"B{i}" for i in range(15, 25))]


def test_tenants_and_alertmanagers_have_queues_of_their_own(managers: Managers) -> None:
    slow, quick = managers(), managers()
    slow.hold()
    scene = Scene(AlertmanagerOptions(queue_items_max=5, batch_items_max=1, **QUICK))
    scene.notifier.configure(of(slow, quick))
    with running(scene) as notifier:
        notifier.send("loud", [firing(f"L{i}") for i in range(50)])
        notifier.send("calm", [firing("C")])
        quick.wait(lambda: "C" in quick.taken)
        assert scene.metric("dropped_total", slow.url, "calm") == 0
        slow.release()
        slow.wait(lambda: "C" in slow.taken)
    assert {request.headers["x-scope-orgid"] for request in slow.requests} == {"loud", "calm"}


def test_alerts_go_where_their_tenant_has_them_go(managers: Managers) -> None:
    everyone, some = managers(), managers()
    scene = Scene(AlertmanagerOptions())
    scene.notifier.configure(
        file_of(alertmanagers=[targets(everyone), targets(some, tenants=["a"])])
    )
    with running(scene) as notifier:
        notifier.send("a", [firing("A")])
        notifier.send("b", [firing("B")])
        everyone.wait(lambda: sorted(everyone.taken) == ["A", "B"])
        some.wait(lambda: some.taken == ["A"])
        assert notifier.urls("a")[0] == [f"{m.url}/api/v2/alerts" for m in (everyone, some)]
        assert notifier.urls("b") == ([f"{everyone.url}/api/v2/alerts"], [])
    assert some.taken == ["A"]


def test_relabelling_changes_and_drops_alerts_for_all_and_for_some(managers: Managers) -> None:
    everyone, pages = managers(), managers()
    scene = Scene(AlertmanagerOptions())
    scene.notifier.configure(
        file_of(
            alert_relabel_configs=[
                {"action": "labeldrop", "regex": "replica|tenant"},
                {"action": "drop", "source_labels": ["severity"], "regex": "none"},
            ],
            alertmanagers=[
                targets(everyone),
                targets(
                    pages,
                    alert_relabel_configs=[
                        {"action": "keep", "source_labels": ["severity"], "regex": "page"},
                        {"target_label": "to", "replacement": "pager"},
                    ],
                ),
            ],
        )
    )
    notices = [
        firing("A", severity="page", replica="1"),
        firing("A", severity="page", replica="2"),
        firing("B", severity="none"),
        firing("C", severity="info"),
    ]
    with running(scene) as notifier:
        notifier.send("t", notices)
        everyone.wait(lambda: len(everyone.requests) == 1)
        pages.wait(lambda: len(pages.requests) == 1)
    labels = {"region": "eu", "severity": "page", "alertname": "A"}
    found = [alert["labels"] for alert in everyone.requests[0].alerts]
    assert found == [labels, labels | {"alertname": "C", "severity": "info"}]
    assert [alert["labels"] for alert in pages.requests[0].alerts] == [labels | {"to": "pager"}]


def test_what_has_not_been_delivered_is_known(managers: Managers) -> None:
    slow, quick = managers(), managers()
    slow.hold()
    quick.hold()
    scene = Scene(AlertmanagerOptions())
    scene.notifier.configure(of(slow, quick))
    alerts = [firing("A", job="x"), firing("B")]
    keys = {key_of(notice.alert.labels) for notice in alerts}
    with running(scene) as notifier:
        assert notifier.undelivered("t") == frozenset()
        notifier.send("t", alerts)
        assert notifier.undelivered("t") == keys
        assert notifier.undelivered("other") == frozenset()
        quick.release()
        quick.wait(lambda: len(quick.taken) == 2)
        until(lambda: notifier.undelivered("t") == frozenset())
        slow.release()


def test_a_new_configuration_keeps_what_waits_for_those_that_stay(managers: Managers) -> None:
    stays, goes, comes = managers(status=500), managers(status=500), managers()
    scene = Scene(AlertmanagerOptions(**QUICK))
    scene.notifier.configure(of(stays, goes))
    with running(scene) as notifier:
        notifier.send("t", [firing("A")])
        for manager in (stays, goes):
            manager.wait(lambda m=manager: len(m.requests) > 1)
        header = {"http_headers": {"X-Own": {"values": ["1"]}}}
        notifier.configure(file_of(alertmanagers=[targets(stays, **header), targets(comes)]))
        until(lambda: scene.metric("errors_total", goes.url) is None)
        stays.status = goes.status = 200
        stays.wait(lambda: stays.taken == ["A"])
        notifier.send("t", [firing("B")])
        comes.wait(lambda: comes.taken == ["B"])
        assert stays.requests[-1].headers["x-own"] == "1"
    assert goes.taken == []


def test_alerts_sent_before_the_start_and_at_the_end_are_delivered(managers: Managers) -> None:
    manager = managers(answers=[500])
    scene = Scene(AlertmanagerOptions(drain_ms=60_000))
    scene.notifier.configure(of(manager))
    scene.notifier.send("t", [firing("A")])
    scene.notifier.start()
    scene.notifier.drain()
    assert manager.taken == ["A"]


def test_the_end_does_not_wait_for_one_that_is_away() -> None:
    away = ScriptedAlertmanager()
    scene = Scene(AlertmanagerOptions(drain_ms=1))
    scene.notifier.configure(of(away))
    scene.notifier.start()
    scene.notifier.send("t", [firing("A")])
    scene.notifier.drain()
    away.close()
    assert scene.notifier.undelivered("t") == {key_of({"alertname": "A"})}
    assert scene.metric("dropped_total", away.url) == 0


def test_what_is_too_old_is_dropped(managers: Managers) -> None:
    manager = managers()
    scene = Scene(AlertmanagerOptions(), now_ms=4_000_000_900_001)
    scene.notifier.configure(of(manager))
    with running(scene) as notifier:
        notifier.send("t", [resolved("A", end_ms=4_000_000_000_000), firing("B", until_ms=1 << 42)])
        manager.wait(lambda: manager.taken == ["B"])
    assert scene.metric("dropped_total", manager.url) == 1


def test_nothing_is_raised_for_alerts_that_cannot_be_sent(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(AlertmanagerOptions())
    scene.notifier.configure(of_urls(["http://127.0.0.1:9"], 1_000))
    broken: Any = object()
    scene.notifier.send("t", [broken])
    scene.notifier.drain()
    assert "alerts not queued tenant=t alerts=1" in caplog.text


END = "2096-10-02T07:06:40.000Z"


def latest(manager: ScriptedAlertmanager, name: str) -> str:
    """When the alert ends, by the last that was heard of it."""
    alerts = [alert for request in manager.requests for alert in request.alerts]
    ends = [alert["endsAt"] for alert in alerts if alert["labels"]["alertname"] == name]
    return ends[-1] if ends else ""


def until(is_true: Callable[[], bool]) -> None:
    """Wait for a state that nothing announces."""
    for _ in range(6_000):
        if is_true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("not within a minute")
