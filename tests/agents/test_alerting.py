"""The whole way of an alert: rules over HTTP, samples, the ruler, a real Alertmanager, a kill."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from compose.processes import Server, free_ports
from compose.scene import Client, alertmanager_server, cupola_server
from tests.agents.webhook import Webhook, need_alertmanager, until
from tests.makers.bodies.v1 import HEADERS, encode

TENANT = "edge"
GROUP = """
name: health
interval: 1s
rules:
- record: job:healthy:min
  expr: min by (job) (healthy)
- alert: Unhealthy
  expr: job:healthy:min == 0
  for: 2s
  labels: {severity: page}
  annotations: {summary: "{{ $labels.job }} is unhealthy"}
"""


def request(url: str, body: bytes, headers: dict[str, str]) -> None:
    sent = urllib.request.Request(url, body, headers | {"X-Scope-OrgID": TENANT}, method="POST")
    with urllib.request.urlopen(sent, timeout=60) as response:
        assert response.status in (202, 204)


class Writer(threading.Thread):
    """Writes one series again and again, whether the server is there or not."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.value = 1.0
        self._url = f"{url}/api/v1/write"
        self._stopping = threading.Event()

    def run(self) -> None:
        labels = {"__name__": "healthy", "job": "api", "instance": "a"}
        while not self._stopping.wait(0.2):
            body = encode([(labels, [(time.time_ns() // 1_000_000, self.value)])])
            with suppress(OSError, HTTPException):
                request(self._url, body, HEADERS)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@dataclass(frozen=True)
class Scene:
    """Everything."""

    cupola: Server
    alertmanager: Server
    webhook: Webhook
    writer: Writer

    @property
    def client(self) -> Client:
        return Client(self.cupola.url, TENANT)

    def configure(self) -> None:
        url = f"{self.cupola.url}/prometheus/config/v1/rules/team"
        request(url, GROUP.encode(), {"Content-Type": "application/yaml"})

    def rule(self) -> dict[str, Any]:
        """The alerting rule as the API shows it."""
        (group,) = self.client.get("rules", type="alert")["groups"]
        return dict(group["rules"][0])

    def state(self) -> str:
        groups = self.client.get("rules", type="alert")["groups"]
        return str(groups[0]["rules"][0]["state"]) if groups else ""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """All but the Alertmanager is started. What was sent is not sent again for an hour."""
    need_alertmanager()
    port, manager_port, webhook_port = free_ports(0, 0, 0)
    webhook_url = f"http://127.0.0.1:{webhook_port}/"
    manager = alertmanager_server(tmp_path, webhook=webhook_url, port=manager_port)
    flags = (f"--rules.alertmanagers.urls={manager.url}", "--rules.alert.resend-delay=1h")
    cupola = cupola_server(tmp_path, *flags, "--rules.alertmanagers.drain-timeout=0", port=port)
    writer = Writer(cupola.url)
    with manager, cupola.start(), Webhook(webhook_port) as webhook:
        cupola.wait_ready()
        writer.start()
        try:
            yield Scene(cupola, manager, webhook, writer)
        finally:
            writer.stop()


def test_an_alert_that_was_not_delivered_is_sent_after_a_restart(scene: Scene) -> None:
    scene.writer.value = 0.0
    scene.configure()
    until(lambda: scene.state() == "firing", scene.cupola.log_tail)
    (before,) = scene.rule()["alerts"]
    assert scene.cupola.stop(120) == 0
    assert scene.webhook.got == []
    scene.alertmanager.start().wait_ready()
    scene.cupola.start().wait_ready()
    until(lambda: scene.webhook.got == [("firing", "Unhealthy")], scene.cupola.log_tail)
    (after,) = scene.rule()["alerts"]
    assert after["activeAt"] == before["activeAt"]


def test_an_alert_that_fires_is_notified_once_also_over_a_kill(scene: Scene) -> None:
    scene.alertmanager.start().wait_ready()
    scene.configure()
    until(lambda: scene.state() == "inactive", scene.cupola.log_tail)
    assert scene.webhook.got == []
    scene.writer.value = 0.0
    until(lambda: scene.webhook.got == [("firing", "Unhealthy")], scene.cupola.log_tail)
    until(lambda: scene.state() == "firing", scene.cupola.log_tail)
    (before,) = scene.rule()["alerts"]
    assert before["labels"] == {"alertname": "Unhealthy", "job": "api", "severity": "page"}
    assert before["annotations"] == {"summary": "api is unhealthy"}

    scene.cupola.kill()
    killed_s = time.time()
    scene.cupola.start().wait_ready()
    until(lambda: scene.state() == "firing", scene.cupola.log_tail)
    until(lambda: evaluated_after(scene, killed_s + 3), scene.cupola.log_tail)
    (after,) = scene.rule()["alerts"]
    assert after["activeAt"] == before["activeAt"]
    assert scene.webhook.got == [("firing", "Unhealthy")]

    scene.writer.value = 1.0
    until(lambda: len(scene.webhook.got) > 1, scene.cupola.log_tail)
    assert scene.webhook.got == [("firing", "Unhealthy"), ("resolved", "Unhealthy")]


def evaluated_after(scene: Scene, seconds: float) -> bool:
    """Whether the alert's samples say that it was evaluated then."""
    found = scene.client.query("timestamp(ALERTS_FOR_STATE)")
    return any(float(row["value"][1]) > seconds for row in found)
