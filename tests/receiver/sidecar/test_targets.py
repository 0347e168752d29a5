"""The targets of a Prometheus, as a sidecar serves them."""

from __future__ import annotations

import pytest

from api.endpoints.handler import Call, Slot
from api.forms import Params
from api.thanos.errors import Incomplete
from receiver.sidecar.targets import PrometheusTargets
from tests.makers.bodies.rich import integer
from tests.makers.bodies.v1 import fields_of
from tests.makers.sources.fake_prometheus import FakePrometheus
from tests.makers.thanos.client import read_labels
from tests.receiver.sidecar.test_beside import EU, beside_of

UP = {
    "discoveredLabels": {"__address__": "x:1", "job": "j"}, "labels": {"job": "j"},
    "scrapePool": "p", "scrapeUrl": "http://x:1/metrics", "globalUrl": "http://g:1/metrics",
    "lastError": "", "lastScrape": "2026-12-01T00:00:01.5Z", "lastScrapeDuration": 0.25,
    "health": "up",
}  # fmt: skip
NEVER = {"discoveredLabels": {}, "labels": {}, "lastScrape": "0001-01-01T00:00:00Z"}


def asked(targets: PrometheusTargets, body: bytes = b"") -> list[bytes]:
    job = targets.targets(Call(Params.parse(""), ("t",), {}, body))
    assert not isinstance(job, bytes)
    return [bytes(block) for block in job.run(Slot(1_000, 0.0, lambda: False))]


def labels(content: bytes) -> dict[str, str]:
    return dict(read_labels(value) for _, value in fields_of(content))


def test_targets_have_external_labels() -> None:
    with FakePrometheus(EU).serving() as fake:
        fake.answers["targets"] = {
            "activeTargets": [UP, NEVER], "droppedTargets": [{"discoveredLabels": {"a": "b"}}],
        }  # fmt: skip
        beside = beside_of(fake)
        beside.ask()
        (frame,) = asked(PrometheusTargets(beside), integer(1, 1))
        assert fake.asked[-1] == ("/api/v1/targets", {"state": ["active"]})
        ((number, content),) = fields_of(frame)
        first, second, dropped = fields_of(content)
        own = dict(fields_of(first[1]))
        assert number == 1 and (first[0], second[0], dropped[0]) == (1, 1, 2)
        assert labels(own[1]) == {"__address__": "x:1", "job": "j", **EU}
        assert labels(own[2]) == {"job": "j", **EU}
        assert (own[3], own[4], own[9]) == (b"p", b"http://x:1/metrics", 1)
        assert dict(fields_of(own[7])) == {1: 1_796_083_201, 2: 500_000_000}
        never = dict(fields_of(second[1]))
        assert 7 not in never and never[9] == 2
        assert labels(dict(fields_of(dropped[1]))[1]) == {"a": "b", **EU}


def test_one_that_does_not_answer_is_a_warning_or_an_error() -> None:
    with FakePrometheus(EU).serving() as fake:
        beside = beside_of(fake)
        fake.is_down = True
        ((number, content),) = fields_of(asked(PrometheusTargets(beside))[0])
        assert number == 2 and b"answers 503" in content
        with pytest.raises(Incomplete):
            asked(PrometheusTargets(beside), integer(2, 1))
