"""Metrics of groups are there as long as the groups are."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rules.ruler.group import RunningGroup
from rules.ruler.metrics import RulerMetrics
from tests.makers.rules.ruling import MINUTE, World, every, recording, run_at


def values(registry: CollectorRegistry) -> dict[str, float]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        sample.name.removeprefix("prometheus_rule_"): sample.value
        for family in families
        for sample in family.samples
        if sample.labels == {"tenant": "t", "rule_group": "f.yml;g"}
    }


def test_metrics_of_a_group() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 9 * MINUTE))
    registry = CollectorRegistry()
    metrics = RulerMetrics(registry)
    groups: list[RunningGroup] = []
    metrics.show(lambda: groups)
    assert values(registry) == {}
    groups.append(world.group(recording(("a", "m"), ("b", "m + 1"))))
    run_at(world, groups[0], 1, 4, 4)
    found = values(registry)
    assert found.pop("group_last_duration_seconds") > 0
    assert found.pop("group_last_rule_duration_sum_seconds") > 0
    assert found == {
        "evaluations_total": 6.0,
        "evaluation_failures_total": 0.0,
        "group_iterations_total": 3.0,
        "group_iterations_missed_total": 2.0,
        "prometheus_template_text_expansion_failures_total": 0.0,
        "group_interval_seconds": 60.0,
        "group_last_evaluation_timestamp_seconds": world.now_ms / 1000,
        "group_last_restore_duration_seconds": 0.0,
        "group_last_evaluation_samples": 2.0,
        "group_rules": 2.0,
    }
    groups.clear()
    assert values(registry) == {}
