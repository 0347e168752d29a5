"""What becomes of export requests, as lines like those of Prometheus' text format.

name{label="text"} 1.5            a float; `stale` is a stale marker
name{} 1 since 400                with its start, in ms
name{} schema 0 count 3 ...       a native histogram
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from receiver.otlp.body import ReadRequest
from receiver.otlp.translation import Rules, translate
from receiver.settings.options import OtlpOptions
from tests.makers.bodies.otlp import attributes, request
from tests.makers.bodies.v2_reader import ReadSeries, read_body

AT_MS = 1_000


def lines_of(*metrics: pb.Metric, **how: Any) -> list[str]:
    """The lines of a request at AT_MS, sorted; what was refused is `refused` with its reason.

    how: resource, scope (a message), type_and_unit, and settings.
    """
    resource = how.pop("resource", {})
    scope = how.pop("scope", None)
    type_and_unit = how.pop("type_and_unit", False)
    message = request(*metrics, resource={}, scope=scope)
    message.resource_metrics[0].resource.CopyFrom(
        resource if isinstance(resource, Resource) else Resource(attributes=attributes(resource))
    )
    rules = Rules(replace(OtlpOptions(), **how), type_and_unit=type_and_unit)
    result = translate(ReadRequest(message), rules)
    found = [
        line
        for labels, series in read_body(result.body).items()
        for line in series_lines(labels, series)
    ]
    refused = [f"refused {reject.reason} {reject.count}" for reject in result.rejects]
    return sorted(found) + refused


def series_lines(labels: tuple[tuple[str, str], ...], series: ReadSeries) -> list[str]:
    texts = dict(labels)
    name = texts.pop("__name__")
    inner = ",".join(f'{label}="{text}"' for label, text in texts.items())
    head = f"{name}{{{inner}}}" if inner else name
    floats = [f"{head} {shown(v)}{since(t, start)}" for t, v, start in series.samples]
    natives = [f"{head} {native(fields)}" for fields in series.histograms]
    exemplars = [f"{head} # {marks} {shown(v)} @{t}" for t, v, marks in series.exemplars]
    return floats + natives + exemplars


def shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def since(time_ms: int, start_ms: int) -> str:
    at = "" if time_ms == AT_MS else f" @{time_ms}"
    return at + (f" since {start_ms}" if start_ms else "")


def native(fields: dict[int, Any]) -> str:
    """schema, count, sum, then what else there is."""
    parts = [f"schema {fields.get(4, 0)} count {fields[1]} sum {shown(fields[3])}"]
    if fields.get(6):
        parts.append(f"zero {fields[6]}")
    if fields[5] not in (0.0, 1e-128):
        parts.append(f"threshold {fields[5]:g}")
    for sign, spans, counts in (("-", 8, 9), ("+", 11, 12)):
        if spans in fields:
            ((first, _),) = fields[spans]
            parts.append(f"{sign}{first}:{fields[counts]}".replace(" ", ""))
    if 16 in fields:
        parts.append(f"bounds {fields[16]}".replace(", ", ","))
    return " ".join(parts) + since(fields[15], fields.get(17, 0))


def listed(*values: object) -> AnyValue:
    array = AnyValue(array_value=ArrayValue())
    for value in values:
        array.array_value.values.append(
            value if isinstance(value, AnyValue) else attributes({"x": value})[0].value
        )
    return array


def with_attributes(point: Any, pairs: list[tuple[str, object]]) -> Any:
    """A point with attributes that a mapping cannot have: twice the same, or values of any kind."""
    for key, value in pairs:
        known = value if isinstance(value, AnyValue) else attributes({"x": value})[0].value
        point.attributes.append(KeyValue(key=key, value=known))
    return point


def scope_of(name: str = "lib", version: str = "", /, **values: object) -> InstrumentationScope:
    return InstrumentationScope(name=name, version=version, attributes=attributes(values))
