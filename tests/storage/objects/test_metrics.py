"""Requests to two kinds of buckets are counted apart."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from storage.objects.metrics import OWN, THANOS, ObjectMetrics


def test_kinds_share_a_registry() -> None:
    registry = CollectorRegistry()
    own, thanos = ObjectMetrics(registry), ObjectMetrics(registry, THANOS)
    own.requests.labels("put").inc()
    thanos.requests.labels("list").inc(2)
    lines = generate_latest(registry).decode().splitlines()
    assert f'{OWN.prefix}_requests_total{{operation="put"}} 1.0' in lines
    assert f'{THANOS.prefix}_requests_total{{operation="list"}} 2.0' in lines
    assert f'{OWN.prefix}_requests_total{{operation="list"}} 0.0' in lines
    # What is only read has no metrics of writing.
    assert not [
        line for line in lines if THANOS.prefix in line and ("written" in line or "put" in line)
    ]
    # A store that writes nothing may be given them all the same.
    thanos.written_bytes.inc(1)
