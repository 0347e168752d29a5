"""Bodies of OpenTelemetry's export requests: what they are, and the messages in them.

    Content-Type       application/x-protobuf or application/json
    Content-Encoding   none or gzip

A message takes several times the memory of its bytes, so their number is limited before it is made.
"""

import base64
import binascii
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric, ResourceMetrics

from receiver.errors import CorruptBody, TooLarge, UnsupportedMedia

PROTOBUF, JSON = "application/x-protobuf", "application/json"
IDENTITY, GZIP = "identity", "gzip"
# zlib's number for a gzip stream with the largest window.
GZIP_WINDOW = 31
DEPTH_MAX = 100


def media_type_of(content_type: str | None) -> str:
    """PROTOBUF or JSON. Raises UnsupportedMedia."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in (PROTOBUF, JSON):
        raise UnsupportedMedia(
            f"unsupported Content-Type {ascii(media_type[:100])}; allowed are {PROTOBUF} and {JSON}"
        )
    return media_type


def encoding_of(content_encoding: str | None) -> str:
    """IDENTITY or GZIP. Raises UnsupportedMedia."""
    encoding = (content_encoding or "").strip().lower() or IDENTITY
    if encoding not in (IDENTITY, GZIP):
        raise UnsupportedMedia(
            f"unsupported Content-Encoding {ascii(encoding[:100])}; allowed is {GZIP}, or none"
        )
    return encoding


def plain_body(encoding: str, payload: bytes, bytes_max: int) -> bytes:
    """The uncompressed body. Raises TooLarge or CorruptBody."""
    body = ungzip(payload, bytes_max) if encoding == GZIP else payload
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    return body


def read_request(media_type: str, body: bytes) -> ExportMetricsServiceRequest:
    """The message of an uncompressed body. Raises CorruptBody."""
    if media_type == JSON:
        return read_json(body)
    try:
        return ExportMetricsServiceRequest.FromString(body)
    except DecodeError as error:
        raise CorruptBody(f"corrupt body: {error}") from error


def ungzip(payload: bytes, bytes_max: int) -> bytes:
    """The contents of all members of a gzip file. Raises TooLarge or CorruptBody."""
    parts: list[bytes] = []
    left = bytes_max
    while payload or not parts:
        member = zlib.decompressobj(GZIP_WINDOW)
        try:
            parts.append(member.decompress(payload, left + 1))
        except zlib.error as error:
            raise CorruptBody(f"corrupt body: {error}") from error
        left -= len(parts[-1])
        if left < 0:
            raise too_large(bytes_max)
        if not member.eof:
            raise CorruptBody("corrupt body: the gzip stream is cut off")
        payload = member.unused_data
    return b"".join(parts)


def too_large(bytes_max: int) -> TooLarge:
    return TooLarge(
        f"body of more than {bytes_max} bytes uncompressed; allowed are {bytes_max} "
        "(otlp.max-decoded-bytes)"
    )


def read_json(body: bytes) -> ExportMetricsServiceRequest:
    """The message of a JSON body. Raises CorruptBody."""
    try:
        document = orjson.loads(body)
        if not isinstance(document, dict):
            raise CorruptBody("corrupt body: no JSON object")
        request = ParseDict(
            document,
            ExportMetricsServiceRequest(),
            ignore_unknown_fields=True,
            max_recursion_depth=DEPTH_MAX,
        )
        for exemplar in exemplars_of(request):
            exemplar.trace_id = unhex(exemplar.trace_id)
            exemplar.span_id = unhex(exemplar.span_id)
    except (ParseError, ValueError, RecursionError) as error:
        if isinstance(error, CorruptBody):
            raise
        raise CorruptBody(f"corrupt body: {error}") from error
    return request


def unhex(content: bytes) -> bytes:
    """What hexadecimal digits stand for that were taken for base64: bytes in JSON are base64, but
    for the ids of OpenTelemetry. Raises ValueError."""
    digits = base64.b64encode(content).decode()
    try:
        return bytes.fromhex(digits)
    except (ValueError, binascii.Error):
        raise ValueError("a trace or span id is not hexadecimal") from None


def metrics_of(resource: ResourceMetrics) -> Iterator[Metric]:
    for scope in resource.scope_metrics:
        yield from scope.metrics


def points_of(metric: Metric) -> Sequence[Any]:
    """The data points of a metric, whatever their type."""
    kind = metric.WhichOneof("data")
    points: Sequence[Any] = getattr(metric, kind).data_points if kind else ()
    return points


def exemplars_of(request: ExportMetricsServiceRequest) -> Iterator[Exemplar]:
    for resource in request.resource_metrics:
        for metric in metrics_of(resource):
            for point in points_of(metric):
                yield from getattr(point, "exemplars", ())
