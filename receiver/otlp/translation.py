"""Metrics of OpenTelemetry as remote write requests.

What cannot be translated is refused by reason and counted in data points; the rest goes on.

Deltas are refused: a series here is the sum since a start, and adding up what came would need to
know that nothing comes twice, and nothing out of order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    ResourceMetrics,
    ScopeMetrics,
)

from receiver.otlp.body import ReadRequest, metrics_of, points_of
from receiver.otlp.labels import (
    TYPE,
    UNIT,
    LabelMaker,
    MetricLabels,
    RefusedPoint,
    ResourceLabels,
    named,
)
from receiver.otlp.names import STRATEGIES, metric_name, unit_name
from receiver.otlp.points import (
    NS_PER_MS,
    Target,
    add_custom_histogram,
    add_exponential,
    add_histogram,
    add_number,
    add_summary,
)
from receiver.settings.options import OtlpOptions
from receiver.wire.v2.writer import RequestWriter
from storage.batch import NO_POINT, Reject
from storage.catalog.metadata import COUNTER, GAUGE, HISTOGRAM, SUMMARY, UNKNOWN, Description
from storage.kernels.arrays import Int64s
from storage.labels.matchers import METRIC_NAME

TEMPORALITY = "otlp_temporality"
INVALID = "otlp_invalid"
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
KINDS = {
    "gauge": GAUGE,
    "sum": COUNTER,
    "histogram": HISTOGRAM,
    "exponential_histogram": HISTOGRAM,
    "summary": SUMMARY,
}
KIND_NAMES = {COUNTER: "counter", GAUGE: "gauge", HISTOGRAM: "histogram", SUMMARY: "summary"}
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
NAME_CHARS_MAX = 100
TARGET_INFO = "target_info"
TARGET_ABOUT = Description(GAUGE, "Target metadata", "")
TARGET_SAMPLES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Rules:
    """How requests are translated. lookback_ms: how far queries look back; type_and_unit: whether
    series get the labels __type__ and __unit__."""

    options: OtlpOptions
    lookback_ms: int = 300_000
    type_and_unit: bool = False


@dataclass(slots=True)
class Refusals:
    """Refused data points by reason, with the first of each."""

    counts: dict[str, int] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, count: int, message: str) -> None:
        """Count data points; a metric without any is none."""
        if count:
            self.counts[reason] = self.counts.get(reason, 0) + count
            self.messages.setdefault(reason, message)

    def rejects(self) -> tuple[Reject, ...]:
        return tuple(
            Reject(reason, count, self.messages[reason]) for reason, count in self.counts.items()
        )


@dataclass(frozen=True, slots=True)
class Translated:
    """A remote write 2.0 request, uncompressed, and what is not in it.

    points: how many data points are. numbers: of which of them each sample is a part, or NO_POINT.
    warnings: what was left out beside data points.
    """

    body: bytes
    points: int
    numbers: Int64s
    rejects: tuple[Reject, ...] = ()
    warnings: tuple[str, ...] = ()


def translate(read: ReadRequest, rules: Rules) -> Translated:
    """Make one remote write request of one OpenTelemetry request."""
    translation = Translation(rules, read.damage)
    translation.refusals.add(INVALID, read.refused, f"data points refused: {read.fault}")
    for resource in read.message.resource_metrics:
        translation.add_resource(resource)
    writer = translation.writer
    return Translated(
        writer.body(),
        translation.points,
        writer.points(),
        translation.refusals.rejects(),
        (*read.warnings, *translation.warnings),
    )


class Translation:
    """The translation of one request. damage: as in LabelMaker."""

    def __init__(self, rules: Rules, damage: str = "") -> None:
        self.writer = RequestWriter()
        self.refusals = Refusals()
        self.points = 0
        self._rules = rules
        self._strategy = STRATEGIES[rules.options.translation_strategy]
        self._damage = damage
        self._maker = LabelMaker(rules.options, damage)
        self.warnings = self._maker.warnings

    def add_resource(self, resource: ResourceMetrics) -> None:
        """Translate all metrics of a resource."""
        try:
            labels = ResourceLabels(self._maker, resource.resource, self._rules.options)
        except RefusedPoint as error:
            for metric in metrics_of(resource):
                self._refuse(INVALID, len(points_of(metric)), metric, str(error))
            return
        for scope in resource.scope_metrics:
            self._add_scope(scope, labels)
        self._add_target(resource, labels)

    def _add_scope(self, scope: ScopeMetrics, labels: ResourceLabels) -> None:
        try:
            of_scope = self._maker.of_scope(scope.scope, scope.schema_url)
        except RefusedPoint as error:
            for metric in scope.metrics:
                self._refuse(INVALID, len(points_of(metric)), metric, str(error))
            return
        for metric in scope.metrics:
            try:
                self._add_metric(metric, labels, of_scope)
            except RefusedPoint as error:
                self._refuse(INVALID, len(points_of(metric)), metric, str(error))

    def _add_metric(self, metric: Metric, labels: ResourceLabels, of_scope: dict[str, str]) -> None:
        """Raises RefusedPoint if none of its points can be translated."""
        points = points_of(metric)
        temporality = temporality_of(metric)
        if temporality != CUMULATIVE:
            got = "delta" if temporality == DELTA else "none"
            text = f"aggregation temporality is {got}; allowed is cumulative"
            self._refuse(TEMPORALITY, len(points), metric, text)
            return
        target = self._target(metric)
        in_common = MetricLabels(of_scope, self._about_labels(target.about))
        for point in points:
            try:
                of_point = labels.of_point(point.attributes, in_common)
                self.writer.point = self.points
                self._add_point(target, metric, of_point, point)
                self.points += 1
            except RefusedPoint as error:
                self._refuse(INVALID, 1, metric, str(error))

    def _target(self, metric: Metric) -> Target:
        """Raises RefusedPoint if the metric has no name."""
        kind = KINDS.get(metric.WhichOneof("data") or "", UNKNOWN)
        if kind == COUNTER and not metric.sum.is_monotonic:
            kind = GAUGE
        suffix = "total" if kind == COUNTER else ""
        if metric.HasField("gauge") and metric.unit == "1":
            suffix = "ratio"
        name = metric_name(self._strategy, metric.name, metric.unit, suffix)
        if not name:
            raise RefusedPoint("its name has nothing that a name may have")
        self._maker.check({METRIC_NAME: name})
        about = Description(kind, self._shown(metric.description), unit_name(metric.unit))
        return Target(self.writer, name, about, self._is_sound)

    def _about_labels(self, about: Description) -> dict[str, str]:
        """The labels that say what a metric is, if that is configured."""
        if not self._rules.type_and_unit:
            return {}
        labels = {TYPE: KIND_NAMES.get(about.kind, ""), UNIT: about.unit}
        return {name: text for name, text in labels.items() if text}

    def _is_sound(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels of an exemplar are; warns if not."""
        try:
            self._maker.check(labels)
        except RefusedPoint as error:
            self.warnings[f"exemplar left out: {error}"] = None
            return False
        return True

    def _add_point(
        self, target: Target, metric: Metric, labels: dict[str, str], point: Any
    ) -> None:
        """Raises RefusedPoint."""
        match metric.WhichOneof("data"):
            case "gauge":
                add_number(target, labels, point, counts=False)
            case "sum":
                add_number(target, labels, point, counts=metric.sum.is_monotonic)
            case "histogram" if self._rules.options.histograms_to_custom:
                add_custom_histogram(target, labels, point)
            case "histogram":
                add_histogram(target, labels, point)
            case "exponential_histogram":
                add_exponential(target, labels, point)
            case "summary":
                add_summary(target, labels, point)

    def _add_target(self, resource: ResourceMetrics, labels: ResourceLabels) -> None:
        """Write the attributes of a resource for the time that its points are of, twice in the time
        that a query looks back, so that it finds them everywhere."""
        times_ns = [
            point.time_unix_nano
            for metric in metrics_of(resource)
            for point in points_of(metric)
            if point.time_unix_nano
        ]
        if not times_ns:
            return
        try:
            of_target = labels.of_target()
        except RefusedPoint as error:
            self.warnings[f"{TARGET_INFO} left out: {error}"] = None
            return
        if of_target is None:
            return
        self.writer.point = NO_POINT
        series = self.writer.series(named(of_target, TARGET_INFO), TARGET_ABOUT)
        step_ns = max(1, self._rules.lookback_ms * NS_PER_MS // 2)
        first_ns, last_ns = min(times_ns), max(times_ns)
        first_ns = max(first_ns, last_ns - TARGET_SAMPLES_MAX * step_ns)
        for time_ns in range(first_ns, last_ns, step_ns):
            self.writer.sample(series, time_ns // NS_PER_MS, 1.0)
        self.writer.sample(series, last_ns // NS_PER_MS, 1.0)

    def _refuse(self, reason: str, count: int, metric: Metric, text: str) -> None:
        name = ascii(self._shown(metric.name[:NAME_CHARS_MAX]))
        self.refusals.add(reason, count, f"data point refused: metric {name}: {text}")

    def _shown(self, text: str) -> str:
        """A text that is no label, with the usual character for what is no UTF-8."""
        return text.replace(self._damage, REPLACEMENT) if self._damage else text


def temporality_of(metric: Metric) -> int:
    """That of a sum or histogram; other types have none, which is as good as cumulative."""
    data = getattr(metric, metric.WhichOneof("data") or "gauge")
    return int(getattr(data, "aggregation_temporality", CUMULATIVE))
