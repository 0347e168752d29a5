"""A real Alertmanager at the other end: alerts arrive, resolve, and arrive late if they have to."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from compose.processes import Server, free_ports
from compose.scene import alertmanager_server
from rules.notifying.alertmanagers import of_urls
from rules.notifying.metrics import NotifyMetrics
from rules.notifying.notifier import AlertNotifier
from rules.notifying.options import AlertmanagerOptions
from tests.agents.webhook import Webhook, need_alertmanager, until
from tests.makers.rules.alertmanager import firing, resolved

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Scene:
    """A notifier, a real Alertmanager, not started, and whom that notifies."""

    notifier: AlertNotifier
    alertmanager: Server
    webhook: Webhook

    def alerts(self) -> list[dict[str, Any]]:
        """What the Alertmanager has, those that ended aside."""
        with urllib.request.urlopen(f"{self.alertmanager.url}/api/v2/alerts", timeout=30) as found:
            return list(orjson.loads(found.read()))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    need_alertmanager()
    port, webhook_port = free_ports(0, 0)
    server = alertmanager_server(tmp_path, webhook=f"http://127.0.0.1:{webhook_port}/", port=port)
    options = AlertmanagerOptions(backoff_ms_max=100, drain_ms=0)
    notifier = AlertNotifier(options, NotifyMetrics(CollectorRegistry()), user_agent="Cupola/test")
    notifier.configure(of_urls([server.url], 30_000))
    notifier.start()
    try:
        with Webhook(webhook_port) as webhook:
            yield Scene(notifier, server, webhook)
    finally:
        notifier.drain()
        if server.running:
            server.stop()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_alerts_arrive_and_resolve(scene: Scene) -> None:
    scene.alertmanager.start().wait_ready()
    now = now_ms()
    notice = firing("Down", sent_ms=now, until_ms=now + 60 * MINUTE_MS, job="x")
    scene.notifier.send("t", [notice])
    until(lambda: scene.webhook.got == [("firing", "Down")], scene.alertmanager.log_tail)
    (alert,) = scene.alerts()
    assert alert["labels"] == {"alertname": "Down", "job": "x"}
    assert alert["annotations"] == {"summary": "Down fires"}
    assert alert["generatorURL"] == notice.generator_url
    scene.notifier.send("t", [notice])  # again, which notifies no one
    scene.notifier.send("t", [resolved("Down", end_ms=now_ms(), job="x")])
    until(lambda: ("resolved", "Down") in scene.webhook.got, scene.alertmanager.log_tail)
    assert scene.webhook.got == [("firing", "Down"), ("resolved", "Down")]


def test_alerts_of_a_time_without_alertmanager_arrive_afterwards(scene: Scene) -> None:
    now = now_ms()
    for minute in range(5):
        sent_ms = now + minute
        scene.notifier.send(
            "t",
            [
                firing(f"A{i}", sent_ms=sent_ms, until_ms=sent_ms + 60 * MINUTE_MS)
                for i in range(100)
            ],
        )
    assert len(scene.notifier.undelivered("t")) == 100
    scene.alertmanager.start().wait_ready()
    wanted = {("firing", f"A{i}") for i in range(100)}
    until(lambda: set(scene.webhook.got) == wanted, scene.alertmanager.log_tail)
    assert len(scene.webhook.got) == 100
    until(lambda: not scene.notifier.undelivered("t"), scene.alertmanager.log_tail)


def test_a_killed_alertmanager_is_served_again(scene: Scene) -> None:
    scene.alertmanager.start().wait_ready()
    now = now_ms()
    scene.notifier.send("t", [firing("A", sent_ms=now, until_ms=now + 60 * MINUTE_MS)])
    until(lambda: ("firing", "A") in scene.webhook.got, scene.alertmanager.log_tail)
    scene.alertmanager.kill()
    scene.notifier.send("t", [firing("B", sent_ms=now, until_ms=now + 60 * MINUTE_MS)])
    scene.alertmanager.start().wait_ready()
    until(lambda: ("firing", "B") in scene.webhook.got, scene.alertmanager.log_tail)
