"""Bodies of OpenTelemetry's export requests: what they are, and the messages in them.

    Content-Type       application/x-protobuf or application/json
    Content-Encoding   none or gzip

A message takes several times the memory of its bytes, so their number is limited before it is made.
"""

import base64
import binascii
import copy
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.json_format import ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics

from receiver.errors import CorruptBody, TooLarge, UnsupportedMedia
from receiver.otlp.damage import mark_for, mended_json, mended_message
from receiver.otlp.salvage import Salvage, parse

PROTOBUF, JSON = "application/x-protobuf", "application/json"
IDENTITY, GZIP = "identity", "gzip"
# zlib's number for a gzip stream with the largest window.
GZIP_WINDOW = 31
GZIP_MAGIC = b"\x1f\x8b"


def media_type_of(content_type: str | None) -> str:
    """PROTOBUF or JSON. Raises UnsupportedMedia."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in (PROTOBUF, JSON):
        raise UnsupportedMedia(
            f"unsupported Content-Type {ascii(media_type[:100])}; allowed are {PROTOBUF} and {JSON}"
        )
    return media_type


def check_encoding(content_encoding: str | None) -> None:
    """Raises UnsupportedMedia for an encoding that is never undone."""
    encoding = (content_encoding or "").strip().lower() or IDENTITY
    if encoding not in (IDENTITY, GZIP):
        raise UnsupportedMedia(
            f"unsupported Content-Encoding {ascii(encoding[:100])}; allowed is {GZIP}, or none"
        )


def plain_body(payload: bytes, bytes_max: int) -> bytes:
    """The uncompressed body. Whether it is compressed is seen from its first bytes: no message
    begins like a gzip file, and headers are often set by others than who compresses. Raises
    TooLarge or CorruptBody."""
    body = ungzip(payload, bytes_max) if payload.startswith(GZIP_MAGIC) else payload
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    return body


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request as a message, and what could not be read of it.

    damage: the character that stands for bytes which were no UTF-8; "": there are none. refused:
    data points that are not in the message; fault: what was wrong with the first.
    """

    message: ExportMetricsServiceRequest
    damage: str = ""
    refused: int = 0
    fault: str = ""
    warnings: tuple[str, ...] = ()


def read_request(media_type: str, body: bytes) -> ReadRequest:
    """The message of an uncompressed body. Raises CorruptBody."""
    return read_json(body) if media_type == JSON else read_protobuf(body)


def read_protobuf(body: bytes) -> ReadRequest:
    """Raises CorruptBody."""
    try:
        return ReadRequest(ExportMetricsServiceRequest.FromString(body))
    except DecodeError as error:
        # The parser does not say whether it was for a text.
        mark = mark_for(body)
        try:
            mended = mended_message(body, ExportMetricsServiceRequest, mark)
            return ReadRequest(ExportMetricsServiceRequest.FromString(mended), mark)
        except (DecodeError, CorruptBody):
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


def read_json(body: bytes) -> ReadRequest:
    """Raises CorruptBody."""
    try:
        document, damage = load_json(body)
        if not isinstance(document, dict):
            raise ValueError("no JSON object")
        salvage = Salvage()
        request = parsed_json(document, salvage)
        bad_ids = sum(drop_bad_ids(point) for point in exemplified(request))
    except (ParseError, ValueError, TypeError, RecursionError) as error:
        raise CorruptBody(f"corrupt body: {error}") from error
    warnings = []
    if salvage.others:
        warnings.append(f"{salvage.others} unreadable parts left out: {salvage.fault}")
    if bad_ids:
        warnings.append(f"{bad_ids} exemplars left out: a trace or span id is not hexadecimal")
    return ReadRequest(request, damage, salvage.points, salvage.fault, tuple(warnings))


def load_json(body: bytes) -> tuple[Any, str]:
    """The document of a body, and the character that stands for damage, if there is some. A number
    that is too large is left to the message that has no room for it. Raises ValueError or
    RecursionError."""
    try:
        return orjson.loads(body), ""
    except orjson.JSONDecodeError as error:
        mark = mark_for(body)
        try:
            document, is_damaged = mended_json(body, mark)
        except ValueError:
            raise error from None
        return document, mark if is_damaged else ""


def parsed_json(document: dict[str, Any], salvage: Salvage) -> ExportMetricsServiceRequest:
    """The message of a document, or of what of it can be read. Raises ParseError, ValueError or
    TypeError if there is nothing."""
    request = ExportMetricsServiceRequest()
    try:
        parse(document, request)
    except (ParseError, ValueError, TypeError):
        request = ExportMetricsServiceRequest()
        parse(salvage.sift(document) or {}, request)
        resources = request.resource_metrics
        if not any(points_of(metric) for part in resources for metric in metrics_of(part)):
            raise
    return request


def drop_bad_ids(point: Any) -> int:
    """Read the ids of a point's exemplars from hexadecimal; returns how many exemplars could not
    be kept for theirs."""
    sound = []
    for exemplar in point.exemplars:
        try:
            exemplar.trace_id = unhex(exemplar.trace_id)
            exemplar.span_id = unhex(exemplar.span_id)
            sound.append(exemplar)
        except ValueError:
            continue
    dropped = len(point.exemplars) - len(sound)
    if dropped:
        kept = [copy.copy(exemplar) for exemplar in sound]
        del point.exemplars[:]
        point.exemplars.extend(kept)
    return dropped


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


def exemplified(request: ExportMetricsServiceRequest) -> Iterator[Any]:
    """The data points that have exemplars."""
    for resource in request.resource_metrics:
        for metric in metrics_of(resource):
            for point in points_of(metric):
                if getattr(point, "exemplars", ()):
                    yield point
