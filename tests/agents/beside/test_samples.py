"""The same remote-written samples in a Prometheus and in Cupola, the same requests to both, the
same answers: native histograms, stale markers, odd numbers, exemplars, limits, errors.

The Prometheus is that of CUPOLA_PROMETHEUS_BIN, else Debian's, which is of version 2.42: what only
later ones know, or answer otherwise, is asked of those only.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pytest

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1, compress
from tests.makers.bodies.v1 import HEADERS

PROMETHEUS = os.environ.get("CUPOLA_PROMETHEUS_BIN") or "prometheus"
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
SCRAPES, INTERVAL_MS = 41, 15_000
# Requests are for times off those of all samples: windows are open to the left since 3.0.
OFF_MS = 7_000


@dataclass(frozen=True, slots=True)
class Scene:
    """Two servers of the same data; now_ms: of the last samples."""

    prometheus: Server
    cupola: Server
    now_ms: int
    version: tuple[int, int]

    @property
    def times(self) -> dict[str, str]:
        end_ms = self.now_ms + OFF_MS
        return {"T": f"{end_ms / 1000}", "S": f"{(end_ms - 300_000) / 1000}"}


def histogram(time_ms: int, k: int, schema: int) -> WireHistogram:
    """One whose counts grow with k; the deltas of its buckets are counts added up once more."""
    positive, negative = [k + 1, 2, -1, k], [k + 1, 0]
    count = k + sum(accumulate(positive)) + sum(accumulate(negative))
    return WireHistogram(
        time_ms, count, 3.5 * k, schema, 0.001, k, [(1, 2)], negative, [(0, 3), (2, 1)], positive
    )


def written(now_ms: int) -> list[WireSeries]:
    """What both get. The reset of a counter and the stale marker are in the last five minutes."""
    times = [now_ms - (SCRAPES - 1 - k) * INTERVAL_MS for k in range(SCRAPES)]
    lot = random.Random(5)
    series = []
    for i in range(4):
        values = [float(k * (i + 1) * 3 if k < 30 or i != 2 else (k - 30) * 7) for k in range(41)]
        labels = {"__name__": "asked_total", "job": "api" if i < 3 else "web", "instance": f"h{i}"}
        exemplars = [({"trace_id": f"t{i}{k}"}, float(k), times[k]) for k in (5, 9, 30)]
        series.append(WireSeries(labels, list(zip(times, values, strict=True)), (), exemplars))
    ends = [(t, STALE if k == 35 else 1.0) for k, t in enumerate(times[:36])]
    series += [
        WireSeries({"__name__": "up", "job": "api"}, [(t, 1.0) for t in times]),
        WireSeries({"__name__": "up", "job": "web"}, ends),
        WireSeries({"__name__": "heat", "room": "é"}, [(t, lot.gauss(20, 3)) for t in times]),
    ]
    odd = [math.inf, -math.inf, -0.0, 1e-7, 1e21, 123456789.125, 5e-324, math.nan]
    labels = {"__name__": "odd", "k": 'a"\\\n'}
    series.append(WireSeries(labels, list(zip(times[-8:], odd, strict=True))))
    for le in ("0.1", "0.5", "1", "+Inf"):
        counts = [float(k * (1 + int(4 * float(le) if le != "+Inf" else 9))) for k in range(41)]
        labels = {"__name__": "took_bucket", "le": le}
        series.append(WireSeries(labels, list(zip(times, counts, strict=True))))
    for i in range(2):
        points = [histogram(t, k, 2 - i) for k, t in enumerate(times)]
        series.append(WireSeries({"__name__": "native", "instance": f"h{i}"}, (), points))
    return series


def post(url: str, series: WireSeries) -> None:
    body = compress(body_v1([series]))
    request = urllib.request.Request(f"{url}/api/v1/write", body, HEADERS)
    with urllib.request.urlopen(request, timeout=60):
        pass


def ask(url: str, path: str, params: Any) -> tuple[int, Any]:
    """Status and JSON."""
    target = f"{url}/api/v1/{path}?{urllib.parse.urlencode(params, doseq=True)}"
    try:
        with urllib.request.urlopen(target, timeout=120) as response:
            text = response.read()
            return response.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if shutil.which(PROMETHEUS) is None:
        pytest.skip("neither CUPOLA_PROMETHEUS_BIN nor Debian's package prometheus is there")
    directory = tmp_path_factory.mktemp("samples")
    config = directory / "prometheus.yml"
    config.write_text("global: {}\n")
    cupola_port, port = free_ports(0, 0)
    command = [
        PROMETHEUS,
        f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        "--web.enable-remote-write-receiver",
        "--enable-feature=native-histograms,exemplar-storage",
    ]
    url, log = f"http://127.0.0.1:{port}", directory / "prometheus.log"
    prometheus = Server("prometheus", command, url=url, ready="/-/ready", log=log)
    cupola = cupola_server(directory, port=cupola_port)
    with ExitStack() as stack:
        for each in (cupola, prometheus):
            stack.enter_context(each.start()).wait_ready()
        now_ms = int(time.time() * 1000) // INTERVAL_MS * INTERVAL_MS
        for series in written(now_ms):
            for each in (cupola, prometheus):
                post(each.url, series)
        _, built = ask(prometheus.url, "status/buildinfo", {})
        major, minor = built["data"]["version"].split(".")[:2]
        yield Scene(prometheus, cupola, now_ms, (int(major), int(minor)))


QUERIES = [
    *("up", "odd", "heat", "asked_total", "native", "nothing", "odd[2m]", "up[2m]", "native[1m]"),
    *("rate(asked_total[2m])", "increase(asked_total[2m])", "irate(asked_total[2m])"),
    *("resets(asked_total[5m])", "changes(heat[5m])", "delta(heat[2m])", "deriv(heat[2m])"),
    *("quantile_over_time(0.9, heat[5m])", "stddev_over_time(heat[5m])", "last_over_time(odd[2m])"),
    *("max_over_time(rate(asked_total[1m])[3m:30s])", "count_over_time(up[5m])", "heat offset 1m"),
    *("heat @ end()", "predict_linear(heat[2m], 60)", "histogram_quantile(0.9, took_bucket)"),
    *("histogram_quantile(0.5, rate(took_bucket[2m]))", "timestamp(up)", "-odd", "odd * 0"),
    *("asked_total * on(job) group_left() up", "asked_total unless on(job) up", "up or vector(1)"),
    *("topk(2, asked_total)", "count_values('v', up)", "count by (__name__) ({__name__=~'.+'})"),
    *("histogram_count(native)", "histogram_sum(native)", "count(native)", "native and native"),
    *("absent(native)", "present_over_time(native[1m])"),
    *("sum(native)", "native + native", "count_over_time(native[1m])"),
]
# What 2.42 does not know, or answers otherwise.
QUERIES_OF_3 = [
    *("rate(native[2m])", "increase(native[2m])", "histogram_quantile(0.9, rate(native[2m]))"),
    *("avg(native)", "histogram_avg(native)", "histogram_stddev(native)", "native - native"),
    *("native == native", "native > 1", "native + 1", "sum_over_time(native[1m])", "-native"),
    *("histogram_fraction(0, 1, native)", "histogram_fraction(0, 0.3, took_bucket)", "max(native)"),
    *("resets(native[5m])", "changes(native[5m])", "topk(1, native)", "rate(heat[1m])"),
    *('{"heat"}', "label_replace(up, 'a.b', '$1', 'job', '(.*)')", "heat[30s * 2]", "abs(native)"),
    *("histogram_quantile(1.5, took_bucket)", "histogram_quantile(0.9, native)"),
    *("native * 2", "native / 4"),
]


@pytest.mark.parametrize("query", [*QUERIES, *QUERIES_OF_3])
def test_queries(scene: Scene, query: str) -> None:
    if query in QUERIES_OF_3 and scene.version < (3, 14):
        pytest.skip("asked of Prometheus 3.14 only")
    compare(scene, "query", {"query": query, "time": "T"})
    if not query.endswith("]"):
        compare(scene, "query_range", {"query": query, "start": "S", "end": "T", "step": "30"})


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("series", {"match[]": "up", "start": "S", "end": "T"}),
    ("series", {"match[]": ["native", '{room="é"}']}),
    ("series", {"match[]": '{__name__!=""}'}),
    ("labels", {"match[]": ["odd", "took_bucket"]}),
    ("labels", {"start": "0", "end": "1"}),
    ("label/k/values", {}),
    ("label/le/values", {"match[]": '{__name__=~"took.*"}'}),
    ("label/instance/values", {"match[]": ["asked_total", "native"], "start": "S", "end": "T"}),
    ("query_exemplars", {"query": "asked_total", "start": "S", "end": "T"}),
    ("query_exemplars", {"query": "sum(rate(asked_total{job='web'}[5m])) / up"}),
    ("query_exemplars", {"query": "asked_total", "start": "T", "end": "S"}),
    ("query_exemplars", {"query": "nothing"}),
    ("metadata", {"metric": "asked_total"}),
    ("query_range", {"query": "up", "start": "S", "end": "T", "step": "7.5"}),
    ("query", {"query": "asked_total * on(job) up{job='nothing'}", "time": "T"}),
]
OTHERS_OF_3: list[tuple[str, dict[str, Any]]] = [
    *(
        (path, {"match[]": "asked_total", "limit": n})
        for path in ("series", "labels")
        for n in "13"
    ),
    ("label/instance/values", {"limit": "1"}),
    ("label/__name__/values", {"limit": "100"}),
    ("label/U__instance/values", {}),
    ("label/U__a_2e_b/values", {}),
    ("query", {"query": "asked_total", "time": "T", "limit": "2"}),
    ("query_range", {"query": "up", "start": "S", "end": "T", "step": "30", "limit": "1"}),
    ("query", {"query": "asked_total", "time": "T", "lookback_delta": "5s"}),
    ("query", {"query": "up", "time": "T", "stats": "nonsense"}),
    ("labels", {"limit": "-1"}),
    ("labels", {"limit": "x"}),
    ("label/job/values", {"match[]": "{}"}),
    ("series", {"match[]": "up{"}),
    ("format_query", {"query": "sum by(job,x)(rate(a{b='c',d!~'e'}[5m] offset 1h))/ignoring(y)c"}),
    ("rules", {"group_limit": "0"}),
    ("rules", {"exclude_alerts": "x"}),
    ("status/tsdb", {"limit": "10001"}),
    ("status/self_metrics", {"metric_name_pattern": "("}),
    ("targets/relabel_steps", {"scrapePool": "a"}),
    ("targets/relabel_steps", {"scrapePool": "a", "labels": '{"a":"b"}'}),
    *(
        (path, {"query": query})
        for query in (
            *("up{", "sum(", "rate(up)", "1 +", "foo{a=~'('}", "'abc", "topk(up)", "up[5m] + 1"),
            *("nosuch(up)", "1 and 1", "{}", "{a=~'.*'}", "up{__name__='x'}", "a b", "sum(up)[5m]"),
        )
        for path in ("query", "format_query", "parse_query")
    ),
    *(
        ("parse_query", {"query": query})
        for query in (
            *("-a + (b)", "topk(3, a) unless on() b", "a @ 123.5", "a[5m:1m] @ start()", "1e3"),
            *("sum without(x)(rate(a{b=~'c.*'}[5m] offset -1h)) / ignoring(y) group_left(z) b"),
            *("count_values('v', a)", "a > bool 3", "'text'", '{"a.b",c="d"}', "absent(a)"),
        )
    ),
]


@pytest.mark.parametrize("given", [*OTHERS, *OTHERS_OF_3], ids=str)
def test_other_endpoints(scene: Scene, given: tuple[str, dict[str, Any]]) -> None:
    if given in OTHERS_OF_3 and scene.version < (3, 14):
        pytest.skip("asked of Prometheus 3.14 only")
    compare(scene, *given)


def compare(scene: Scene, path: str, params: dict[str, Any]) -> None:
    params = {name: scene.times.get(str(value), value) for name, value in params.items()}
    own, other = (ask(each.url, path, params) for each in (scene.cupola, scene.prometheus))
    assert own[0] == other[0], (own, other)
    if own[0] == 204:
        return
    if own[0] != 200 and scene.version < (3, 14):
        assert own[1]["errorType"] == other[1]["errorType"]
        return
    if scene.version < (3, 14):
        own[1].pop("infos", None), own[1].pop("warnings", None), other[1].pop("warnings", None)
    assert own[1].keys() == other[1].keys()
    assert are_alike(comparable(own[1]), comparable(other[1])), (own[1], other[1])


def comparable(answer: Any) -> Any:
    """An answer with what has no order in one, and without what depends on the server."""
    data = answer.get("data")
    if isinstance(data, dict):
        data.pop("stats", None)
        if data.get("resultType") == "vector":
            data["result"].sort(key=lambda series: sorted(series["metric"].items()))
    if isinstance(data, list) and all(isinstance(one, dict) for one in data):
        data.sort(key=lambda one: json.dumps(one, sort_keys=True))
    for notes in ("warnings", "infos"):
        answer.get(notes, []).sort()
    return answer


def are_alike(a: Any, b: Any) -> bool:
    """Whether two answers are equal, numbers to twelve digits."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(are_alike(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(are_alike, a, b))
    if a == b or not isinstance(a, str | float) or not isinstance(b, str | float):
        return bool(a == b)
    try:
        return math.isclose(float(a), float(b), rel_tol=1e-12)
    except ValueError:
        return False
