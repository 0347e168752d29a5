"""The endpoint for OpenTelemetry over the whole program, through HTTP."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from prometheus_client import CollectorRegistry

from receiver.metrics import ReceiverMetrics
from receiver.otlp.body import JSON, PROTOBUF
from receiver.otlp.handler import PATHS, OtlpHandler
from receiver.otlp.translation import Rules
from receiver.settings.options import OtlpOptions, WriteOptions
from receiver.tenant_header import PREFIXES
from receiver.wire.decoder import WriteDecoder
from receiver.write.handler import WriteHandler
from storage.errors import Overloaded
from storage.refusals.ledger import RejectLedger
from tests.makers.bodies.otlp import (
    DELTA,
    MS,
    SERVICE,
    buckets,
    exemplar,
    exponential,
    gauge,
    histogram,
    number,
    request,
    total,
)
from tests.makers.real_api import RealApi, run_real_api
from tests.makers.write_scene import FakeDatabase

PATH = PATHS[0]
UP = request(gauge("up", number(3, 5000, labels={"zone": "a"})))
UP_JSON = (
    b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"up","gauge":{"dataPoints":'
    b'[{"asInt":"3","timeUnixNano":"5000000000"}]}}]}]}]}'
)


async def post(
    api: RealApi,
    message: ExportMetricsServiceRequest | bytes,
    headers: Mapping[str, str] | None = None,
    path: str = PATH,
) -> tuple[int, str, bytes]:
    """Status, type and body of the answer."""
    body = message if isinstance(message, bytes) else message.SerializeToString()
    sent = {"Content-Type": PROTOBUF, "X-Scope-OrgID": "t"} | dict(headers or {})
    async with api.client.post(path, data=body, headers=sent) as response:
        return response.status, response.content_type, await response.read()


def play(directory: Path, scenario: Callable[[RealApi], Awaitable[None]], **settings: str) -> None:
    run_real_api(directory, scenario, **settings)


def test_a_good_request_is_answered_with_an_empty_message_on_every_path(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        for path in [prefix + path for prefix in PREFIXES for path in PATHS]:
            assert await post(api, UP, path=path) == (200, PROTOBUF, b"")
        compressed = gzip.compress(UP.SerializeToString())
        assert (await post(api, compressed, {"Content-Encoding": "gzip"}))[0] == 200
        assert await post(api, UP_JSON, {"Content-Type": JSON}) == (200, JSON, b"{}")
        found = await api.query("up", time="6")
        assert {tuple(series["metric"].items()): series["value"] for series in found} == {
            (("__name__", "up"),): [6, "3"],
            (
                ("__name__", "up"), ("instance", "i-1"), ("job", "prod/shop"), ("zone", "a"),
            ): [6, "3"],
        }  # fmt: skip
        assert await post(api, b"") == (200, PROTOBUF, b""), "nothing is well done, too"

    play(tmp_path, scenario)


def test_all_types_are_queryable(tmp_path: Path) -> None:
    times = {"time_unix_nano": 5000 * MS, "start_time_unix_nano": 1000 * MS}
    trace = bytes(range(16))
    metrics = [
        total("requests", number(7, 5000, exemplars=[exemplar(2, 4000, trace_id=trace)]),
              unit="1", description="What?"),
        histogram("wait", pb.HistogramDataPoint(
            count=3, sum=4.5, bucket_counts=[1, 2], explicit_bounds=[0.5], **times), unit="s"),
        exponential("size", pb.ExponentialHistogramDataPoint(
            count=4, sum=9, scale=1, zero_count=1, positive=buckets(0, [1, 2]), **times),
            unit="By"),
    ]  # fmt: skip

    async def scenario(api: RealApi) -> None:
        message = request(*metrics, resource=SERVICE | {"host.name": "h"})
        assert (await post(api, message))[0] == 200
        (count,) = await api.query("requests_total", time="6")
        assert count["value"] == [6, "7"]
        found = await api.query('wait_seconds_bucket{job="prod/shop"}', time="6")
        assert {s["metric"]["le"]: s["value"][1] for s in found} == {"0.5": "1", "+Inf": "3"}
        (info,) = await api.query("target_info", time="6")
        assert info["metric"]["host_name"] == "h"
        _, metadata = await api.get("metadata")
        assert metadata == {
            "requests_total": [{"type": "counter", "help": "What?", "unit": ""}],
            "size_bytes": [{"type": "histogram", "help": "", "unit": "bytes"}],
            "target_info": [{"type": "gauge", "help": "Target metadata", "unit": ""}],
            "wait_seconds": [{"type": "histogram", "help": "", "unit": "seconds"}],
        }
        _, native = await api.get("series", **{"match[]": "size_bytes"})
        assert len(native) == 1
        _, exemplars = await api.get("query_exemplars", query="requests_total")
        assert exemplars[0]["exemplars"] == [
            {"labels": {"trace_id": trace.hex()}, "value": "2", "timestamp": 4}
        ]

    play(tmp_path, scenario)


def test_what_is_refused_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        delta = total("d", number(1), number(2), temporality=DELTA)
        status, media_type, body = await post(api, request(delta, gauge("a", number(1, 5000))))
        assert (status, media_type) == (200, PROTOBUF)
        told = ExportMetricsServiceResponse.FromString(body).partial_success
        assert told.rejected_data_points == 2
        assert told.error_message.startswith("otlp_temporality 2: data point refused: metric 'd'")
        assert len(await api.query("a", time="6")) == 1
        status, _, body = await post(api, request(delta))
        assert status == 400
        assert b"otlp_temporality 2" in body
        late = request(gauge("a", number(9, 5000)))
        status, _, body = await post(api, late)
        assert status == 400
        assert b"duplicate 1" in body
        json = UP_JSON.replace(b'"gauge":', b'"sum":')
        status, media_type, body = await post(api, json, {"Content-Type": JSON})
        assert (status, media_type) == (400, JSON)
        assert body.startswith(b'{"code":3,"message":"otlp_temporality 1: ')
        text = await (await api.client.get("/metrics")).text()
        assert 'cupola_otlp_refused_points_total{reason="otlp_temporality"} 5.0' in text

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("body", "headers", "status", "text"),
    [
        (b"x", {}, 400, b"corrupt body"),
        (b"x", {"Content-Encoding": "gzip"}, 400, b"corrupt body"),
        (UP.SerializeToString(), {"Content-Type": "text/plain"}, 415, b"Content-Type"),
        (UP.SerializeToString(), {"Content-Encoding": "snappy"}, 415, b"Content-Encoding"),
        (UP.SerializeToString(), {"X-Scope-OrgID": "a|b"}, 400, b"tenant"),
        (bytes(200), {}, 413, b"otlp.max-decoded-bytes"),
        (
            gzip.compress(bytes(200), mtime=0),
            {"Content-Encoding": "gzip"},
            413,
            b"otlp.max-decoded-bytes",
        ),
    ],
)
def test_failures(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int, text: bytes
) -> None:
    async def scenario(api: RealApi) -> None:
        for media_type in (PROTOBUF, JSON):
            found = await post(api, body, {"Content-Type": media_type} | headers)
            assert found[0] == status
            assert text in found[2]

    settings: dict[str, Any] = {"otlp__max_decoded_bytes": "150B"}
    play(tmp_path, scenario, **settings)


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_what_may_succeed_later_is_answered_503(media_type: str) -> None:
    async def main() -> None:
        database = FakeDatabase(Overloaded("too much waits"))
        metrics = ReceiverMetrics(CollectorRegistry())
        ledger = RejectLedger(entries_max=10)
        writes = WriteHandler(database, WriteDecoder(), WriteOptions(), metrics, ledger)
        app = web.Application()
        OtlpHandler(writes, Rules(OtlpOptions()), metrics).add_routes(app)
        body = UP.SerializeToString() if media_type == PROTOBUF else UP_JSON
        async with TestClient(TestServer(app)) as client:
            headers = {"Content-Type": media_type}
            async with client.post(PATH, data=body, headers=headers) as response:
                assert (response.status, response.content_type) == (503, media_type)
                assert 1 <= int(response.headers["Retry-After"]) <= 5
                text = await response.read()
        expected = {PROTOBUF: b"\x08\x0e\x12\x0ftoo much waits\n",
                    JSON: b'{"code":14,"message":"too much waits\\n"}'}  # fmt: skip
        assert text == expected[media_type]
        writes.close()

    asyncio.run(main())


NOW_MS = 1_700_000_000_000
LATE_HISTOGRAM = pb.HistogramDataPoint(
    count=6, sum=7.5, bucket_counts=[1, 2, 3], explicit_bounds=[1, 2], time_unix_nano=9 * MS
)


@pytest.mark.parametrize(
    ("message", "status", "refused", "text"),
    [
        (request(gauge("a", number(1, NOW_MS)), histogram("h", LATE_HISTOGRAM)), 200, 1,
         "too_old 5: "),
        (request(gauge("a", number(1, NOW_MS), number(1, 9), number(2, 8))), 200, 2, "too_old 2: "),
        (request(gauge("a", number(1, NOW_MS)), gauge("b", number(1, 9)),
                 resource=SERVICE | {"host.name": "h"}), 200, 1, "too_old "),
        (request(gauge("a", number(1, NOW_MS), number(2, NOW_MS))), 200, 1, "duplicate 1: "),
        (request(gauge("a", number(1, NOW_MS)), total("d", number(1), temporality=DELTA),
                 histogram("h", LATE_HISTOGRAM)), 200, 2, "otlp_temporality 1, too_old 5: "),
        (request(gauge("a", number(1, NOW_MS)), exponential("e", pb.ExponentialHistogramDataPoint(
            count=9, positive=buckets(0, [1]), time_unix_nano=NOW_MS * MS))), 200, 1,
         "histogram_invalid 1: "),
        (request(gauge("a", number(1, NOW_MS, labels={"x": "y" * 70_000})),
                 histogram("h", LATE_HISTOGRAM), resource=SERVICE | {"host.name": "h"}),
         400, 2, ""),
        (request(gauge("a", number(1, NOW_MS)), total("d", temporality=DELTA)), 200, 0, ""),
        (request(gauge("a", number(1, NOW_MS)),
                 resource=SERVICE | {f"a{k}": "x" for k in range(1_001)}), 200, 0, "target_info"),
    ],
)  # fmt: skip
def test_data_points_are_counted(
    tmp_path: Path, message: ExportMetricsServiceRequest, status: int, refused: int, text: str
) -> None:
    """Of a histogram all samples are one point, and target_info is none."""

    async def scenario(api: RealApi) -> None:
        got, _, body = await post(api, message)
        assert got == status
        if status == 200:
            partial = ExportMetricsServiceResponse.FromString(body).partial_success
            assert partial.rejected_data_points == refused
            assert partial.error_message.startswith(text)
            assert bool(partial.error_message) == bool(text)

    # A year before the oldest that is accepted.
    settings = {"storage__retention": f"{(time.time_ns() // MS - NOW_MS) // 86_400_000 + 30}d"}
    play(tmp_path, scenario, **settings)


@pytest.mark.parametrize("header", [None, "identity", "gzip"])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_the_first_bytes_tell_the_encoding(
    tmp_path: Path, header: str | None, is_compressed: bool
) -> None:
    async def scenario(api: RealApi) -> None:
        headers = {} if header is None else {"Content-Encoding": header}
        for media_type, body in ((PROTOBUF, UP.SerializeToString()), (JSON, UP_JSON)):
            sent = gzip.compress(body) if is_compressed else body
            assert (await post(api, sent, {"Content-Type": media_type} | headers))[0] == 200
        assert len(await api.query("up", time="6")) == 2

    play(tmp_path, scenario)


def test_settings_of_queries_are_obeyed(tmp_path: Path) -> None:
    points = [number(1, 1_000 * k) for k in range(1, 121, 10)]

    async def scenario(api: RealApi) -> None:
        message = request(gauge("a", *points), resource=SERVICE | {"host.name": "h"})
        assert (await post(api, message))[0] == 200
        for k in range(1, 112, 10):
            assert await api.query("target_info", time=str(k)), k
        (found,) = await api.query("a", time="1")
        assert found["metric"]["__type__"] == "gauge"

    settings = {"query__lookback_delta": "15s", "enable_feature": "type-and-unit-labels"}
    play(tmp_path, scenario, **settings)
