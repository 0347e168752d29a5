"""Spans of requests, as a collector gets them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.settings.tracing import TracingOptions
from receiver.tracing.recording import check_tracing, recorder_of
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.real_api import started_api

ID, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER_KIND = 2


class Collector:
    """Takes OTLP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        body = ExportTraceServiceRequest.FromString(await request.read())
        for resource in body.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(about["service.name"])
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return web.Response(body=b"", content_type="application/x-protobuf")


def attributes_of(span: Any) -> dict[str, Any]:
    document = MessageToDict(span)
    return {
        each["key"]: next(iter(each["value"].values())) for each in document.get("attributes", ())
    }


async def ask(client: Any, method: str, path: str, trace: str = "", **more: Any) -> int:
    headers = more.pop("headers", {}) | ({"traceparent": trace} if trace else {})
    async with client.request(method, path, headers=headers, **more) as response:
        await response.read()
        return int(response.status)


def recorded(directory: Path, per_thousand: int) -> tuple[Collector, str]:
    """What a collector gets of some requests, and the metrics after them."""
    collector = Collector()

    async def main() -> str:
        app = web.Application()
        app.router.add_post("/v1/traces", collector.take)
        async with TestServer(app) as server:
            settings = {
                "tracing__endpoint": str(server.make_url("/v1/traces")),
                "tracing__sampled_per_thousand": str(per_thousand),
            }
            async with started_api(directory, **settings) as api:
                client = api.client
                body = encode([({"__name__": "up"}, [(1_000, 1.0)])])
                assert await ask(client, "POST", "/api/v1/write", data=body, headers=HEADERS) == 204
                query = "/api/v1/query?query=up&time=1"
                assert await ask(client, "GET", query, f"00-{ID}-{CALLER}-01") == 200
                assert await ask(client, "GET", query, f"00-{ID[::-1]}-{CALLER}-00") == 200
                assert await ask(client, "GET", "/api/v1/label/job/values") == 200
                assert await ask(client, "GET", "/nowhere") == 404
                assert await ask(client, "GET", "/-/ready") == 200
                accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
                async with client.get("/metrics", headers=accept) as response:
                    text = await response.text()
            # All that waits was sent when the program ended.
        return text

    return collector, asyncio.run(main())


def test_requests_are_spans_of_their_traces(tmp_path: Path) -> None:
    collector, metrics = recorded(tmp_path, 1_000)
    spans = {span.name: span for span in collector.spans}
    assert len(collector.spans) == len(spans)
    assert set(spans) == {
        "POST /api/v1/write",
        "GET /api/v1/query",
        "GET /api/v1/label/{name}/values",
        "GET",
    }
    assert collector.services == {"cupola"}
    assert {span.kind for span in collector.spans} == {SERVER_KIND}
    query = spans["GET /api/v1/query"]
    assert (query.trace_id.hex(), query.parent_span_id.hex()) == (ID, CALLER)
    assert attributes_of(query)["http.response.status_code"] == "200"
    assert attributes_of(spans["GET"])["http.response.status_code"] == "404"
    assert attributes_of(spans["GET /api/v1/label/{name}/values"])["url.path"] == (
        "/api/v1/label/job/values"
    )
    # Traces that began here are exemplars as those that came with requests.
    for span in (query, spans["POST /api/v1/write"], spans["GET /api/v1/label/{name}/values"]):
        assert f'trace_id="{span.trace_id.hex()}"' in metrics
    assert f'trace_id="{ID[::-1]}"' not in metrics


def test_what_belongs_to_no_trace_is_sampled(tmp_path: Path) -> None:
    collector, _ = recorded(tmp_path, 0)
    assert [span.name for span in collector.spans] == ["GET /api/v1/query"]


def test_without_an_endpoint_nothing_is_recorded() -> None:
    check_tracing(TracingOptions())
    assert recorder_of(TracingOptions()) is None


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://a/b", "http://", "/v1/traces"])
def test_endpoints_that_are_none(endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"^tracing\.endpoint: got '.*'; allowed is a URL such as"):
        check_tracing(replace(TracingOptions(), endpoint=endpoint))


def test_the_libraries_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if it were not installed: None in the table of modules stops an import.
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ValueError, match=r"is not installed; install cupola\[tracing\]$"):
        check_tracing(replace(TracingOptions(), endpoint="http://localhost:4318/v1/traces"))
