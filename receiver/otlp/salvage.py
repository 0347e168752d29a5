"""JSON requests of which some part does not fit the protocol, without the loss of the others.

Parts are looked at from the innermost outwards: exemplars, data points, metrics, scopes, resources.
One that cannot be read is left out, with all that is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

DEPTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Part:
    """A message of the protocol, and those in it that can be left out, by their names in JSON.
    is_repeated: it is in a list."""

    message: type[Message]
    inner: Mapping[str, "Part"] = field(default_factory=dict)
    is_point: bool = False
    is_repeated: bool = True


def both(name: str, other: str, part: Part) -> dict[str, Part]:
    """JSON may name a field in either way."""
    return {name: part, other: part}


EXEMPLARS = {"exemplars": Part(pb.Exemplar)}
DATA = {
    pb.Gauge: pb.NumberDataPoint,
    pb.Sum: pb.NumberDataPoint,
    pb.Histogram: pb.HistogramDataPoint,
    pb.ExponentialHistogram: pb.ExponentialHistogramDataPoint,
    pb.Summary: pb.SummaryDataPoint,
}
GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY = (
    Part(
        data,
        both("dataPoints", "data_points", Part(point, EXEMPLARS, is_point=True)),
        is_repeated=False,
    )
    for data, point in DATA.items()
)
METRIC = Part(
    pb.Metric,
    {"gauge": GAUGE, "sum": SUM, "histogram": HISTOGRAM, "summary": SUMMARY}
    | both("exponentialHistogram", "exponential_histogram", EXPONENTIAL),
)
SCOPE = Part(pb.ScopeMetrics, {"metrics": METRIC})
RESOURCE = Part(pb.ResourceMetrics, both("scopeMetrics", "scope_metrics", SCOPE))
REQUEST = Part(ExportMetricsServiceRequest, both("resourceMetrics", "resource_metrics", RESOURCE))


def parse(document: Any, message: Message) -> None:
    """Read a document into a message. Raises ParseError, ValueError or TypeError."""
    ParseDict(document, message, ignore_unknown_fields=True, max_recursion_depth=DEPTH_MAX)


@dataclass(slots=True)
class Salvage:
    """What was left out of a document: data points, and others without any; and what was wrong
    with the first."""

    points: int = 0
    others: int = 0
    fault: str = ""

    def sift(self, document: Any, part: Part = REQUEST) -> dict[str, Any] | None:
        """What of a document can be read, None if none of it can."""
        if not isinstance(document, dict):
            self._leave_out(part, None, f"{part.message.DESCRIPTOR.name} is no JSON object")
            return None
        plain = dict(document)
        kept: dict[str, Any] = {}
        for name, inner in part.inner.items():
            content = plain.pop(name, None)
            if content is None:
                continue
            if inner.is_repeated != isinstance(content, list):
                self._leave_out(inner, None, f"{name} is {'no' if inner.is_repeated else 'a'} list")
            elif isinstance(content, list):
                found = (self.sift(element, inner) for element in content)
                kept[name] = [element for element in found if element is not None]
            else:
                kept[name] = self.sift(content, inner)
        try:
            parse(plain, part.message())
        except (ParseError, ValueError, TypeError) as error:
            self._leave_out(part, kept, str(error))
            return None
        return plain | {name: content for name, content in kept.items() if content is not None}

    def _leave_out(self, part: Part, kept: Mapping[str, Any] | None, fault: str) -> None:
        points = 1 if part.is_point else points_in(kept, part)
        self.points += points
        self.others += not points
        self.fault = self.fault or fault


def points_in(document: Any, part: Part) -> int:
    """The data points of a document that was sifted."""
    if isinstance(document, list):
        return sum(points_in(element, part) for element in document)
    if not isinstance(document, dict):
        return 0
    if part.is_point:
        return 1
    return sum(points_in(document.get(name), inner) for name, inner in part.inner.items())
