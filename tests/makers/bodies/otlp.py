"""Export requests of OpenTelemetry, made of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

MS = 1_000_000
CUMULATIVE = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
STALE_FLAG = pb.DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
SERVICE = {"service.name": "shop", "service.namespace": "prod", "service.instance.id": "i-1"}


def attributes(values: Mapping[str, object]) -> list[KeyValue]:
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return [
        KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value}))
        for key, value in values.items()
    ]


def request(
    *metrics: pb.Metric,
    resource: Mapping[str, object] = SERVICE,
    scope: InstrumentationScope | None = None,
) -> ExportMetricsServiceRequest:
    """A request of one resource with one scope."""
    scoped = pb.ScopeMetrics(metrics=metrics, scope=scope, schema_url="http://schema")
    of_resource = pb.ResourceMetrics(
        resource=Resource(attributes=attributes(resource)), scope_metrics=[scoped]
    )
    return ExportMetricsServiceRequest(resource_metrics=[of_resource])


def number(value: float, time_ms: int = 1000, *, start_ms: int = 0, **more: Any) -> Any:
    kind = "as_int" if isinstance(value, int) else "as_double"
    labels = more.pop("labels", {})
    return pb.NumberDataPoint(
        **{kind: value},
        time_unix_nano=time_ms * MS + 999,
        start_time_unix_nano=start_ms * MS,
        attributes=attributes(labels),
        **more,
    )


def gauge(name: str, *points: Any, **more: Any) -> pb.Metric:
    return pb.Metric(name=name, gauge=pb.Gauge(data_points=points), **more)


def total(
    name: str, *points: Any, monotonic: bool = True, temporality: Any = CUMULATIVE, **more: Any
) -> pb.Metric:
    data = pb.Sum(data_points=points, is_monotonic=monotonic, aggregation_temporality=temporality)
    return pb.Metric(name=name, sum=data, **more)


def histogram(name: str, *points: Any, temporality: Any = CUMULATIVE, **more: Any) -> pb.Metric:
    data = pb.Histogram(data_points=points, aggregation_temporality=temporality)
    return pb.Metric(name=name, histogram=data, **more)


def exponential(name: str, *points: Any, temporality: Any = CUMULATIVE, **more: Any) -> pb.Metric:
    data = pb.ExponentialHistogram(data_points=points, aggregation_temporality=temporality)
    return pb.Metric(name=name, exponential_histogram=data, **more)


def exemplar(value: float, time_ms: int, **more: Any) -> pb.Exemplar:
    labels: Mapping[str, object] = more.pop("labels", {})
    return pb.Exemplar(
        as_double=value,
        time_unix_nano=time_ms * MS,
        filtered_attributes=attributes(labels),
        **more,
    )


def buckets(offset: int, counts: Sequence[int]) -> Any:
    return pb.ExponentialHistogramDataPoint.Buckets(offset=offset, bucket_counts=counts)
