"""The endpoint for metrics of OpenTelemetry: requests are translated and go the way of all writes.

    200   everything is durable, or all but what partial_success says; it counts data points
    400   nothing was kept, and the same again would fare no better
    503   the same request may succeed later

Answers have the type of the request, and their bodies are those of the protocol: an
ExportMetricsServiceResponse, empty if there is nothing to report, or a Status for a failure.
"""

import orjson
import snappy
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from receiver.errors import WriteError, status_of
from receiver.metrics import ReceiverMetrics
from receiver.otlp.body import (
    JSON,
    PROTOBUF,
    check_encoding,
    media_type_of,
    plain_body,
    read_request,
)
from receiver.otlp.translation import Rules, Translated, translate
from receiver.tenant_header import PREFIXES
from receiver.wire.messages import message_field, number_field
from receiver.write.admission import Ticket
from receiver.write.handler import (
    ANSWER_CHARS_MAX,
    WriteHandler,
    reject_text,
    set_retry_after,
)
from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY, Outcome
from storage.errors import StorageError

# As Prometheus, Mimir and Thanos name it.
PATHS = ("/api/v1/otlp/v1/metrics", "/otlp/v1/metrics", "/api/v1/otlp")
# About what messages and series take, in sizes of the bytes they are made of.
MESSAGE_FACTOR = 4
# Of google.rpc.Code.
INVALID_ARGUMENT, UNAVAILABLE = 3, 14


class OtlpHandler:
    """Serves export requests; what they become is written by the write handler."""

    def __init__(self, writes: WriteHandler, rules: Rules, metrics: ReceiverMetrics) -> None:
        self._writes = writes
        self._rules = rules
        self._metrics = metrics

    def add_routes(self, app: web.Application) -> None:
        for prefix in PREFIXES:
            for path in PATHS:
                app.router.add_post(prefix + path, self.post)

    async def post(self, request: web.Request) -> web.Response:
        """Answer one export request."""
        return await self._writes.serve(request, self._write, failure_response)

    async def _write(self, tenant: str, request: web.Request, ticket: Ticket) -> web.Response:
        headers = request.headers
        media_type = media_type_of(headers.get("Content-Type"))
        check_encoding(headers.get("Content-Encoding"))
        payload = await self._writes.read_body(request, ticket)
        bytes_max = self._rules.options.decoded_bytes_max
        body = await self._writes.threads.run(plain_body, payload, bytes_max)
        ticket.add(MESSAGE_FACTOR * len(body))
        translated = await self._writes.threads.run(self._translate, media_type, body)
        payload = snappy.compress(translated.body)
        kind, numbers = KIND_REMOTE_WRITE_2_SNAPPY, translated.numbers
        outcome = await self._writes.take(tenant, kind, payload, ticket, points=numbers)
        for reject in translated.rejects:
            self._metrics.otlp_refused.labels(reject.reason).inc(reject.count)
        self._writes.note_refused(tenant, request, outcome, translated.rejects)
        return answer(media_type, translated, outcome)

    def _translate(self, media_type: str, body: bytes) -> Translated:
        return translate(read_request(media_type, body), self._rules)


def answer(media_type: str, translated: Translated, outcome: Outcome) -> web.Response:
    """The answer to a request that was taken, in whole or in part."""
    kept = translated.points - outcome.refused_points
    refused = sum(reject.count for reject in translated.rejects) + outcome.refused_points
    text = report(translated, outcome)
    if refused and not (kept or outcome.exemplars):
        return status_response(media_type, 400, text)
    message = ExportMetricsServiceResponse()
    if text:
        message.partial_success.rejected_data_points = refused
        message.partial_success.error_message = text
    is_json = media_type == JSON
    body = orjson.dumps(json_of(message)) if is_json else message.SerializeToString()
    return web.Response(body=body, content_type=media_type)


def report(translated: Translated, outcome: Outcome) -> str:
    """What was refused and left out, for people; "" if nothing was."""
    rejects = (*translated.rejects, *outcome.rejects)
    refused = reject_text(outcome.accepted, rejects) if rejects else ""
    lines = "".join(f"{warning}\n" for warning in translated.warnings)
    return (refused + lines)[:ANSWER_CHARS_MAX]


def json_of(message: ExportMetricsServiceResponse) -> dict[str, dict[str, str]]:
    """The response in protobuf's JSON, where 64-bit numbers are texts."""
    partial = message.partial_success
    if not partial.error_message:
        return {}
    return {
        "partialSuccess": {
            "rejectedDataPoints": str(partial.rejected_data_points),
            "errorMessage": partial.error_message,
        }
    }


def failure_response(request: web.Request, error: WriteError | StorageError) -> web.Response:
    """The answer to a request of which nothing was kept."""
    media_type = JSON if request.content_type == JSON else PROTOBUF
    response = status_response(media_type, status_of(error), f"{error}\n")
    set_retry_after(response, error)
    return response


def status_response(media_type: str, status: int, text: str) -> web.Response:
    """An answer with a google.rpc.Status."""
    text = text[:ANSWER_CHARS_MAX]
    code = UNAVAILABLE if status in (429, 503) else INVALID_ARGUMENT
    if media_type == JSON:
        body = orjson.dumps({"code": code, "message": text})
    else:
        body = number_field(1, code) + message_field(2, text.encode())
    return web.Response(status=status, body=body, content_type=media_type)
