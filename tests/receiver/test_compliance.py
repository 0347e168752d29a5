"""The cases of the receiver suite of prometheus/compliance, against the whole program.

The suite tolerates a 400 nearly everywhere. Here every case that may succeed has to: 204 and the
exact counts, twice, the second time with later samples. Names of tests follow the suite's.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from receiver.server import DATABASE, build_app
from receiver.settings.config import build
from receiver.write.handler import WRITTEN_HEADERS
from storage.kernels.stale import STALE_NAN
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_1, body_2, compress

VERSION_1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
VERSION_2 = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
HOUR_MS = 3_600_000
Answer = tuple[int, Mapping[str, str]]


class Program:
    """The program in a loop of its own thread, so that the cases are plain functions."""

    def __init__(self, directory: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._client = self._run(self._open(directory))
        self._last_ms = 0

    def now_ms(self) -> int:
        """The time, and later at each call."""
        self._last_ms = max(self._last_ms + 10, time.time_ns() // 1_000_000)
        return self._last_ms

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self._run(self._post(body, headers))

    def close(self) -> None:
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    async def _open(self, directory: str) -> TestClient[Any, Any]:
        app = build_app(build({"storage.path": directory, "storage.shards": "1"}))
        server = TestServer(app)
        await server.start_server(auto_decompress=False)
        client: TestClient[Any, Any] = TestClient(server)
        await app[DATABASE].opened()
        return client

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        request = self._client.post("/api/v1/write", data=body, headers=headers)
        async with request as response:
            await response.read()
            return response.status, dict(response.headers)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    running = Program(str(tmp_path_factory.mktemp("compliance")))
    yield running
    running.close()


def written(headers: Mapping[str, str]) -> tuple[int, ...]:
    return tuple(int(headers.get(name, 0)) for name in WRITTEN_HEADERS)


def up(name: str = "test_metric", **labels: str) -> dict[str, str]:
    # Not sorted: receivers have to do that.
    return {"job": "test", "instance": "localhost:9090"} | labels | {"__name__": name}


PLAIN = WireHistogram(
    count=175,
    sum=100.0,
    zero_threshold=0.001,
    zero_count=5,
    negative_spans=[(0, 2)],
    negative=[10, 10],
    positive_spans=[(0, 3), (1, 2)],
    positive=[10, 20, -5, 10, -5],
)
CUSTOM = WireHistogram(
    count=180,
    sum=100.0,
    schema=-53,
    positive_spans=[(0, 4)],
    positive=[10, 20, 30, 20],
    custom_values=[0.1, 0.5, 1.0],
)
POSITIVE = WireHistogram(count=60, sum=1.0, positive_spans=[(0, 2)], positive=[20, 20])
NEGATIVE = WireHistogram(count=60, sum=-1.0, negative_spans=[(0, 2)], negative=[20, 20])
ZERO_ONLY = WireHistogram(count=10, sum=0.0, zero_threshold=0.001, zero_count=10)
# 10 + 20 negative, 10 + 30 + 25 + 35 + 30 + 5 in the others.
PLAIN = replace(PLAIN, count=30 + 130 + 5)

Make = Callable[[int], list[WireSeries]]
CASES: dict[str, tuple[Make, tuple[int, int, int]]] = {}


def add(name: str, counts: tuple[int, int, int], make: Make) -> None:
    assert name not in CASES
    CASES[name] = (make, counts)


VALUES = {"1": 1.0, "stale": float(STALE_NAN), "nan": math.nan, "+inf": math.inf, "-inf": -math.inf}
LABELS = {
    "simple": {"__name__": "up"},
    "labels": up(),
    "newlines in value": up(text="a\nb\n"),
    "dots in names": {"__name__": "test.metric", "a.label": "x"},
    "spaces in names": {"__name__": "test metric", "a label": "x"},
}
for value_name, value in VALUES.items():
    for labels_name, labels in LABELS.items():
        add(
            f"SingleMetric/{value_name}/{labels_name}",
            (1, 0, 0),
            lambda t, labels=labels, value=value: [
                WireSeries({**labels, "v": str(value)}, [(t, value)])
            ],
        )
add(
    "MultipleMetrics",
    (4, 0, 0),
    lambda t: [WireSeries(up(f"many_{i}"), [(t, float(i))]) for i in range(4)],
)
add(
    "CounterWithCreatedTimestamp",
    (1, 0, 0),
    lambda t: [WireSeries(up("c_total"), [(t, 1.0)], created=t - HOUR_MS)],
)
add(
    "CounterMetadataWithCreatedTimestamp",
    (1, 0, 0),
    lambda t: [
        WireSeries(up("d_total"), [(t, 1.0)], metadata=(1, "help", ""), created=t - HOUR_MS)
    ],
)
add(
    "ExemplarWithCreatedTimestamp",
    (1, 0, 1),
    lambda t: [
        WireSeries(
            up("e_total"), [(t, 1.0)], exemplars=[({"trace_id": "a"}, 1.0, t)], created=t - HOUR_MS
        )
    ],
)
add(
    "HistogramWithCreatedTimestamp",
    (0, 1, 0),
    lambda t: [WireSeries(up("h"), histograms=[replace(PLAIN, timestamp=t)], created=t - HOUR_MS)],
)
for name, histogram in {
    "basic": PLAIN,
    "custom buckets": CUSTOM,
    "positive only": POSITIVE,
    "negative only": NEGATIVE,
    "minimal": ZERO_ONLY,
}.items():
    add(
        f"Histograms/{name}",
        (0, 1, 0),
        lambda t, name=name, h=histogram: [
            WireSeries(up("hist", kind=name), histograms=[replace(h, timestamp=t)])
        ],
    )


def histograms(t: int, name: str, **more: Any) -> WireSeries:
    return WireSeries(up(name), histograms=[replace(PLAIN, timestamp=t)], **more)


def trace(t: int, **labels: str) -> list[tuple[dict[str, str], float, int]]:
    return [(labels or {"trace_id": "abc"}, 2.0, t)]


HELP = (3, "A histogram", "seconds")
add("MultipleHistograms", (0, 3, 0), lambda t: [histograms(t, f"mh{i}") for i in range(3)])
add(
    "EmptyHistogram",
    (0, 1, 0),
    lambda t: [WireSeries(up("eh"), histograms=[WireHistogram(timestamp=t)])],
)
add("HistogramWithMetadata", (0, 1, 0), lambda t: [histograms(t, "hm", metadata=HELP)])
add("HistogramWithExemplar", (0, 1, 1), lambda t: [histograms(t, "he", exemplars=trace(t))])
add(
    "HistogramWithMetadataAndExemplar",
    (0, 1, 1),
    lambda t: [histograms(t, "hme", metadata=HELP, exemplars=trace(t))],
)
add(
    "MultipleHistogramsWithMetadata",
    (0, 2, 0),
    lambda t: [histograms(t, f"mhm{i}", metadata=HELP) for i in range(2)],
)
add(
    "CustomBucketsHistogramWithExemplar",
    (0, 1, 1),
    lambda t: [
        WireSeries(up("cbe"), histograms=[replace(CUSTOM, timestamp=t)], exemplars=trace(t))
    ],
)
EXEMPLARS: dict[str, dict[str, str]] = {
    "trace_id": {"trace_id": "abc123"},
    "span_id": {"trace_id": "abc123", "span_id": "def"},
    "no labels": {},
    "special characters": {"trace_id": 'a"b\\c\n'},
    "unicode": {"trace_id": "\u8ddf\u8e2a-\U0001f680"},
}
for name, own in EXEMPLARS.items():
    add(
        f"Exemplars/{name}",
        (1, 0, 1),
        lambda t, name=name, own=own: [
            WireSeries(up("ex_total", kind=name), [(t, 1.0)], exemplars=[(own, 1.0, t)])
        ],
    )
add("Exemplars/none", (1, 0, 0), lambda t: [WireSeries(up("ex_none_total"), [(t, 1.0)])])
add(
    "Exemplars/multiple",
    (1, 0, 2),
    lambda t: [
        WireSeries(
            up("ex_two_total"),
            [(t, 1.0)],
            exemplars=[({"trace_id": "a"}, 1.0, t - 5), ({"trace_id": "b"}, 2.0, t)],
        )
    ],
)
add(
    "MultipleExemplars",
    (3, 0, 3),
    lambda t: [WireSeries(up(f"me_{i}_total"), [(t, 1.0)], exemplars=trace(t)) for i in range(3)],
)
add(
    "ExemplarTimestamps",
    (3, 0, 3),
    lambda t: [
        WireSeries(up("et_total"), [(t - ago, 1.0)], exemplars=trace(t - ago))
        for ago in (HOUR_MS, 60_000, 0)
    ],
)
add(
    "ExemplarSpecialValues",
    (7, 0, 7),
    lambda t: [
        WireSeries(up("es_total"), [(t + i, 1.0)], exemplars=[({"trace_id": "s"}, value, t + i)])
        for i, value in enumerate((0.0, -1.5, 1e10, 1e-10, math.nan, math.inf, -math.inf))
    ],
)
METADATA = {
    "counter": (1, "help", ""),
    "gauge": (2, "help", ""),
    "histogram": (3, "help", "seconds"),
    "gaugehistogram": (4, "help", ""),
    "summary": (5, "help", "bytes"),
    "info": (6, "help", ""),
    "stateset": (7, "help", ""),
    "unspecified": (0, "help", ""),
    "no help": (1, "", "seconds"),
    "special characters": (2, 'a "b" \\ \n \u03c0', "m/s\u00b2"),
}
for name, told in METADATA.items():
    add(
        f"Metadata/{name}",
        (1, 0, 0),
        lambda t, name=name, told=told: [
            WireSeries(up("md_" + name.replace(" ", "_")), [(t, 1.0)], metadata=told)
        ],
    )
add(
    "MetadataWithSamples",
    (2, 0, 0),
    lambda t: [WireSeries(up("mws_total"), [(t - 5, 1.0), (t, 2.0)], metadata=(1, "h", ""))],
)
add(
    "MultipleMetadata",
    (3, 0, 0),
    lambda t: [WireSeries(up(f"mm{i}"), [(t, 1.0)], metadata=(i, "h", "")) for i in range(3)],
)
add(
    "MetadataWithComplexLabels",
    (1, 0, 0),
    lambda t: [
        WireSeries(up("mcl", **{"a.b": "c d", "\u03c0": "3"}), [(t, 1.0)], metadata=(2, "h", "u"))
    ],
)
add(
    "SamplesWithMetadataAndExemplars",
    (1, 0, 1),
    lambda t: [WireSeries(up("sme_total"), [(t, 1.0)], exemplars=trace(t), metadata=(1, "h", ""))],
)
add(
    "HistogramsWithMetadataAndExemplars",
    (0, 1, 1),
    lambda t: [histograms(t, "hsme", metadata=HELP, exemplars=trace(t))],
)
add(
    "ComplexSamplesRequest",
    (2, 0, 1),
    lambda t: [
        WireSeries(up("csr_total"), [(t, 1.0)], exemplars=trace(t), metadata=(1, "h", "")),
        WireSeries(up("csr"), [(t, -1.0)], metadata=(2, "h", "")),
    ],
)
add(
    "ComplexHistogramsRequest",
    (0, 2, 1),
    lambda t: [histograms(t, "chr1", exemplars=trace(t), metadata=HELP), histograms(t, "chr2")],
)
add(
    "MultipleMetricFamiliesSamples",
    (2, 0, 1),
    lambda t: [
        WireSeries(up("mmf_total"), [(t, 1.0)], exemplars=trace(t), metadata=(1, "h", "")),
        WireSeries(up("mmf_gauge"), [(t, 1.0)], metadata=(2, "h", "")),
    ],
)
add(
    "MultipleMetricFamiliesHistograms",
    (0, 2, 1),
    lambda t: [
        histograms(t, "mmfh1", exemplars=trace(t), metadata=HELP),
        WireSeries(up("mmfh2"), histograms=[replace(CUSTOM, timestamp=t)], metadata=HELP),
    ],
)
add(
    "ManySamples",
    (50, 0, 50),
    lambda t: [WireSeries(up(f"ms{i}_total"), [(t, 1.0)], exemplars=trace(t)) for i in range(50)],
)
add(
    "ManyHistograms",
    (0, 50, 50),
    lambda t: [histograms(t, f"mah{i}", exemplars=trace(t)) for i in range(50)],
)
add(
    "SpecialCharactersCombined",
    (1, 0, 1),
    lambda t: [
        WireSeries(
            {"__name__": "a.b c", "l\u00e4bel": 'v"\\\n\U0001f680'},
            [(t, 1.0)],
            exemplars=trace(t, trace_id='\U0001f680"'),
            metadata=(2, '"\\\n', "\u00b5s"),
        )
    ],
)
add(
    "EdgeCaseCombinations/metadata_without_data",
    (0, 0, 0),
    lambda t: [WireSeries(up("mwd"), metadata=(1, "h", ""))],
)
add(
    "EdgeCaseCombinations/exemplars_without_data",
    (0, 0, 1),
    lambda t: [WireSeries(up("ewd_total"), exemplars=trace(t))],
)
add(
    "EdgeCaseCombinations/mixed_timestamp_data",
    (2, 0, 1),
    lambda t: [
        WireSeries(
            up("mtd_total"),
            [(t - HOUR_MS, 1.0), (t, 2.0)],
            exemplars=trace(t - HOUR_MS // 2),
        )
    ],
)


@pytest.mark.parametrize("name", CASES)
def test_a_case_that_may_succeed_does(program: Program, name: str) -> None:
    make, counts = CASES[name]
    for _ in range(2):
        body = compress(body_2(make(program.now_ms())))
        status, headers = program.post(body, VERSION_2)
        assert (status, written(headers)) == (204, counts)
        assert {*WRITTEN_HEADERS} <= {*headers}


NAMELESS = {"job": "test"}
EMPTY_NAME = {"__name__": "", "job": "test"}
GOOD = up("good")
# What must fail, and how many samples, histograms and exemplars of it are good.
FAILING: dict[str, tuple[Make, tuple[int, int, int]]] = {
    "SingleMetric/no name": (lambda t: [WireSeries(NAMELESS, [(t, 1.0)])], (0, 0, 0)),
    "SingleMetric/no labels": (lambda t: [WireSeries({}, [(t, 1.0)])], (0, 0, 0)),
    "MultipleMetrics/no names": (
        lambda t: [WireSeries(NAMELESS | {"i": str(i)}, [(t, 1.0)]) for i in range(4)],
        (0, 0, 0),
    ),
    "MultipleMetrics/one without a name": (
        lambda t: [WireSeries(NAMELESS if i == 1 else up(f"mp{i}"), [(t, 1.0)]) for i in range(4)],
        (3, 0, 0),
    ),
    "Histograms/bad_count": (
        lambda t: [WireSeries(up("bad"), histograms=[replace(PLAIN, count=1, timestamp=t)])],
        (0, 0, 0),
    ),
    "ExemplarValidation/no name": (
        lambda t: [WireSeries(NAMELESS, [(t, 1.0)], exemplars=trace(t))],
        (0, 0, 0),
    ),
    "ExemplarValidation/empty name": (
        lambda t: [WireSeries(EMPTY_NAME, [(t, 1.0)], exemplars=trace(t))],
        (0, 0, 0),
    ),
    "MetadataValidation/no name": (
        lambda t: [WireSeries(NAMELESS, [(t, 1.0)], metadata=(1, "h", ""))],
        (0, 0, 0),
    ),
    "MetadataValidation/empty name": (
        lambda t: [WireSeries(EMPTY_NAME, metadata=(1, "h", ""))],
        (0, 0, 0),
    ),
    "duplicate label": (
        lambda t: [WireSeries([*up().items(), ("job", "x")], [(t, 1.0)])],
        (0, 0, 0),
    ),
    "good and bad histogram": (
        lambda t: [
            WireSeries(
                up("mixed"),
                [(t, 1.0)],
                [replace(PLAIN, timestamp=t + 1), replace(PLAIN, count=0, timestamp=t + 2)],
            )
        ],
        (1, 1, 0),
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_case_that_must_fail_does_and_the_rest_is_written(program: Program, name: str) -> None:
    make, counts = FAILING[name]
    for _ in range(2):
        status, headers = program.post(compress(body_2(make(program.now_ms()))), VERSION_2)
        assert (status, written(headers)) == (400, counts)


@pytest.mark.parametrize("content_type", ["application/json", "image/png"])
def test_bad_content_types(program: Program, content_type: str) -> None:
    answer = program.post(b"0damaged", VERSION_2 | {"Content-Type": content_type})
    assert answer[0] == 415


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bad_content_encodings(program: Program, encoding: str) -> None:
    answer = program.post(b"0damaged", VERSION_2 | {"Content-Encoding": encoding})
    assert answer[0] == 415


@pytest.mark.parametrize("headers", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("first", [b"0", b"\xff"])
def test_corrupt_request_body(program: Program, headers: dict[str, str], first: bytes) -> None:
    body = compress(body_2([WireSeries(up(), [(program.now_ms(), 1.0)])]))
    assert program.post(first + body[1:], headers)[0] == 400


def test_rw1_basic_compatibility(program: Program) -> None:
    t = program.now_ms()
    body = body_1([WireSeries(up(f"rw1_{i}"), [(t, 1.0)]) for i in range(2)])
    status, headers = program.post(compress(body), VERSION_1)
    assert status == 204
    assert not {*WRITTEN_HEADERS} & {*headers}
