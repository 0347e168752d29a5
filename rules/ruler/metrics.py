"""The metrics of rules, read from the groups when they are asked for: with a group, its metrics go.

Labels are `tenant` and `rule_group`, which is the file and the name of the group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rules.ruler.group import RunningGroup

LABELS = ("tenant", "rule_group")
BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Kind:
    """A metric of each group. counts: whether it is a counter, whose name goes on with _total."""

    name: str
    help: str
    value: Callable[[RunningGroup], float]
    counts: bool = False


KINDS = (
    Kind(
        "prometheus_rule_evaluations",
        "Evaluations of rules, by tenant and group.",
        lambda group: group.counts.evaluations,
        counts=True,
    ),
    Kind(
        "prometheus_rule_evaluation_failures",
        "Evaluations of rules that failed, by tenant and group.",
        lambda group: group.counts.failures,
        counts=True,
    ),
    Kind(
        "prometheus_rule_group_iterations",
        "Iterations over the rules of a group, by tenant and group.",
        lambda group: group.counts.iterations,
        counts=True,
    ),
    Kind(
        "prometheus_rule_group_iterations_missed",
        "Iterations that did not take place at their time, by tenant and group; those made up for "
        "afterwards included.",
        lambda group: group.counts.missed,
        counts=True,
    ),
    Kind(
        "prometheus_template_text_expansion_failures",
        "Labels and annotations of alerts that could not be expanded, by tenant and group.",
        lambda group: group.counts.failed_texts,
        counts=True,
    ),
    Kind(
        "prometheus_rule_group_interval_seconds",
        "Interval of a group, by tenant and group.",
        lambda group: group.interval_ms / 1000,
    ),
    Kind(
        "prometheus_rule_group_last_evaluation_timestamp_seconds",
        "When the latest iteration began, by tenant and group.",
        lambda group: (group.counts.last_ms or 0) / 1000,
    ),
    Kind(
        "prometheus_rule_group_last_duration_seconds",
        "Time of the latest iteration, by tenant and group.",
        lambda group: group.counts.seconds,
    ),
    Kind(
        "prometheus_rule_group_last_rule_duration_sum_seconds",
        "Time of the latest evaluations of all rules, by tenant and group.",
        lambda group: group.counts.rules_seconds,
    ),
    Kind(
        "prometheus_rule_group_last_restore_duration_seconds",
        "Time it took to restore alerts from their series, by tenant and group.",
        lambda group: group.counts.restore_seconds,
    ),
    Kind(
        "prometheus_rule_group_last_evaluation_samples",
        "Samples that the latest iteration gave, by tenant and group.",
        lambda group: group.counts.samples,
    ),
    Kind(
        "prometheus_rule_group_rules",
        "Rules of a group, by tenant and group.",
        lambda group: len(group.rules),
    ),
)


class GroupCollector(Collector):
    """Reads the metrics of all groups there are."""

    def __init__(self, groups: Callable[[], Sequence[RunningGroup]]) -> None:
        self._groups = groups

    def collect(self) -> Iterable[Metric]:
        groups = self._groups()
        for kind in KINDS:
            family: CounterMetricFamily | GaugeMetricFamily
            if kind.counts:
                family = CounterMetricFamily(kind.name, kind.help, labels=LABELS)
            else:
                family = GaugeMetricFamily(kind.name, kind.help, labels=LABELS)
            for group in groups:
                family.add_metric([group.tenant, group.group.key], kind.value(group))
            yield family


class RulerMetrics:
    """How long evaluations take, and what is read from the groups."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.rule_seconds = Histogram(
            "prometheus_rule_evaluation_duration_histogram_seconds",
            "Time of the evaluation of a rule.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.group_seconds = Histogram(
            "prometheus_rule_group_duration_histogram_seconds",
            "Time of an iteration over the rules of a group.",
            buckets=BUCKETS_S,
            registry=registry,
        )

    def show(self, groups: Callable[[], Sequence[RunningGroup]]) -> None:
        """Read the metrics of these groups from now on."""
        self._registry.register(GroupCollector(groups))
