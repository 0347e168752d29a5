"""Metrics of OpenTelemetry as remote write requests.

What cannot be translated is refused by reason and counted in data points; the rest goes on.

Deltas are refused: a series here is the sum since a start, and adding up what came would need to
know that nothing comes twice, and nothing out of order.
"""

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    ResourceMetrics,
)

from receiver.otlp.body import metrics_of, points_of
from receiver.otlp.labels import LabelMaker, RefusedPoint, ResourceLabels, named
from receiver.otlp.names import STRATEGIES, metric_name, unit_name
from receiver.otlp.points import (
    LE,
    NS_PER_MS,
    QUANTILE,
    Target,
    add_custom_histogram,
    add_exponential,
    add_histogram,
    add_number,
    add_summary,
)
from receiver.settings.options import OtlpOptions
from receiver.wire.v2.writer import RequestWriter
from storage.batch import Reject
from storage.catalog.metadata import COUNTER, GAUGE, HISTOGRAM, SUMMARY, UNKNOWN, Description

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
# Attributes that would be taken for labels which the series of these types have.
RESERVED = {"histogram": (LE,), "summary": (QUANTILE,)}
NAME_CHARS_MAX = 100
TARGET_INFO = "target_info"
TARGET_ABOUT = Description(GAUGE, "Target metadata", "")
# Half of the time that a query looks back, so that target_info has no holes between.
TARGET_INTERVAL_MS = 150_000
TARGET_SAMPLES_MAX = 1_000


@dataclass(slots=True)
class Refusals:
    """Refused data points by reason, with the first of each."""

    counts: dict[str, int] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, count: int, message: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + count
        self.messages.setdefault(reason, message)

    def rejects(self) -> tuple[Reject, ...]:
        return tuple(
            Reject(reason, count, self.messages[reason]) for reason, count in self.counts.items()
        )


@dataclass(frozen=True, slots=True)
class Translated:
    """A remote write 2.0 request, uncompressed, and what is not in it. points: those that are."""

    body: bytes
    points: int
    rejects: tuple[Reject, ...]


def translate(request: ExportMetricsServiceRequest, options: OtlpOptions) -> Translated:
    """Make one remote write request of one OpenTelemetry request."""
    translation = Translation(options)
    for resource in request.resource_metrics:
        translation.add_resource(resource)
    return Translated(translation.writer.body(), translation.points, translation.refusals.rejects())


class Translation:
    """The translation of one request."""

    def __init__(self, options: OtlpOptions) -> None:
        self.writer = RequestWriter()
        self.refusals = Refusals()
        self.points = 0
        self._options = options
        self._strategy = STRATEGIES[options.translation_strategy]
        self._maker = LabelMaker(options)

    def add_resource(self, resource: ResourceMetrics) -> None:
        """Translate all metrics of a resource."""
        try:
            labels = ResourceLabels(self._maker, resource.resource, self._options)
        except RefusedPoint as error:
            count = sum(len(points_of(metric)) for metric in metrics_of(resource))
            self.refusals.add(INVALID, count, f"data points refused: {error}")
            return
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                try:
                    of_scope = self._maker.of_scope(scope.scope, scope.schema_url)
                    self._add_metric(metric, labels, of_scope)
                except RefusedPoint as error:
                    self._refuse(INVALID, len(points_of(metric)), metric, str(error))
        self._add_target(resource, labels)

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
        ignored = RESERVED.get(metric.WhichOneof("data") or "", ())
        for point in points:
            try:
                of_point = labels.of_point(point.attributes, of_scope, ignored)
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
        about = Description(kind, metric.description, unit_name(metric.unit))
        return Target(self.writer, name, about)

    def _add_point(
        self, target: Target, metric: Metric, labels: dict[str, str], point: Any
    ) -> None:
        """Raises RefusedPoint."""
        match metric.WhichOneof("data"):
            case "gauge":
                add_number(target, labels, point, counts=False)
            case "sum":
                add_number(target, labels, point, counts=metric.sum.is_monotonic)
            case "histogram" if self._options.histograms_to_custom:
                add_custom_histogram(target, labels, point)
            case "histogram":
                add_histogram(target, labels, point)
            case "exponential_histogram":
                add_exponential(target, labels, point)
            case "summary":
                add_summary(target, labels, point)

    def _add_target(self, resource: ResourceMetrics, labels: ResourceLabels) -> None:
        """Tell the attributes of a resource for the time that its points are of."""
        times = [
            point.time_unix_nano // NS_PER_MS
            for metric in metrics_of(resource)
            for point in points_of(metric)
            if point.time_unix_nano
        ]
        if not times:
            return
        try:
            of_target = labels.of_target()
        except RefusedPoint as error:
            self.refusals.add(INVALID, 1, f"{TARGET_INFO} refused: {error}")
            return
        if of_target is None:
            return
        series = self.writer.series(named(of_target, TARGET_INFO), TARGET_ABOUT)
        first, last = min(times), max(times)
        first = max(first, last - TARGET_SAMPLES_MAX * TARGET_INTERVAL_MS)
        for time_ms in range(first, last, TARGET_INTERVAL_MS):
            self.writer.sample(series, time_ms, 1.0)
        self.writer.sample(series, last, 1.0)

    def _refuse(self, reason: str, count: int, metric: Metric, text: str) -> None:
        name = ascii(metric.name[:NAME_CHARS_MAX])
        self.refusals.add(reason, count, f"data point refused: metric {name}: {text}")


def temporality_of(metric: Metric) -> int:
    """That of a sum or histogram; other types have none, which is as good as cumulative."""
    data = getattr(metric, metric.WhichOneof("data") or "gauge")
    return int(getattr(data, "aggregation_temporality", CUMULATIVE))
