"""The rules of a Prometheus, as the rule book of a sidecar."""

from __future__ import annotations

from receiver.sidecar.rules import PrometheusRules
from tests.makers.sources.fake_prometheus import FakePrometheus
from tests.receiver.sidecar.test_beside import EU, beside_of

ALERT = {
    "state": "firing", "name": "Down", "query": "up == 0", "duration": 60, "keepFiringFor": 5,
    "labels": {"severity": "page", "cluster": "own"}, "annotations": {"summary": "It is down"},
    "alerts": [{
        "labels": {"alertname": "Down", "severity": "page"}, "annotations": {},
        "state": "firing", "activeAt": "2026-12-01T00:00:00.5Z", "value": "1e+00",
    }],
    "health": "ok", "evaluationTime": 0.25, "lastEvaluation": "2026-12-01T00:00:01Z",
    "type": "alerting",
}  # fmt: skip
RECORDING = {
    "name": "a:b", "query": "b", "health": "err", "lastError": "no", "type": "recording",
    "evaluationTime": 0, "lastEvaluation": "0001-01-01T00:00:00Z",
}  # fmt: skip
GROUP = {
    "name": "g", "file": "f.yml", "interval": 15, "limit": 3, "rules": [ALERT, RECORDING],
    "evaluationTime": 0.5, "lastEvaluation": "2026-12-01T01:00:00+01:00",
}  # fmt: skip


def test_groups_with_external_labels() -> None:
    with FakePrometheus(EU).serving() as fake:
        fake.answers["rules"] = {"groups": [GROUP]}
        beside = beside_of(fake)
        beside.ask()
        (group,) = PrometheusRules(beside).groups("any")
        assert (group.file, group.name, group.interval_seconds, group.limit) == (
            "f.yml",
            "g",
            15,
            3,
        )
        assert group.last_evaluation == 1_796_083_200.0
        alert, recording = group.rules
        assert alert.is_alerting and alert.labels == {"severity": "page", "cluster": "eu"}
        assert (alert.for_seconds, alert.keep_firing_seconds, alert.state) == (60, 5, "firing")
        (active,) = alert.alerts
        assert active.labels == {"alertname": "Down", "severity": "page", "cluster": "eu"}
        assert (active.active_ms, active.value) == (1_796_083_200_500, 1.0)
        assert not recording.is_alerting and recording.labels == EU
        assert (recording.health, recording.last_error) == ("err", "no")
        assert recording.last_evaluation is None


def test_of_one_that_does_not_answer_there_are_none() -> None:
    with FakePrometheus(EU).serving() as fake:
        beside = beside_of(fake)
        fake.answers["rules"] = {"groups": [{"name": "g"}]}
        assert PrometheusRules(beside).groups("any") == ()
        fake.is_down = True
        assert PrometheusRules(beside).groups("any") == ()
        assert PrometheusRules(beside).alertmanagers("any") == ((), ())
