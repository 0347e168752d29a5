"""Remote read beside Prometheus: as its client, and as another server of the same data.

Debian's Prometheus reads samples, and floats only; so histograms are compared in the chunks that
both servers return.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import snappy
import yaml

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from storage.histograms.histograms import Parts
from tests.makers.bodies.remote_read import (
    CHUNKS,
    HEADERS,
    SAMPLES,
    Frame,
    Labels,
    Matcher,
    points_of,
    query,
    read_frames,
    request,
)
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1
from tests.makers.bodies.v1 import HEADERS as WRITE_HEADERS

PROMETHEUS = "prometheus"
STEP_MS = 15_000
COUNT = 300


@dataclass(slots=True)
class Scene:
    """Cupola with data that end at end_ms."""

    cupola: Server
    directory: Path
    end_ms: int

    @property
    def times(self) -> list[int]:
        return [self.end_ms - STEP_MS * (COUNT - 1 - n) for n in range(COUNT)]


def body(times: list[int]) -> bytes:
    """A counter, a gauge with holes, and a native histogram with a negative and a zero bucket."""
    counter = [(time_ms, float(n)) for n, time_ms in enumerate(times)]
    gauge = [(time_ms, (n * 37 % 101) / 7) for n, time_ms in enumerate(times) if n % 50 > 9]
    histograms = [
        WireHistogram(
            time_ms, 4 * n + 4, n / 3, 1, 0.001, n + 1,
            [(-1, 1)], [n + 1], [(0, 1), (2, 1)], [n + 1, 0],
        )
        for n, time_ms in enumerate(times)
    ]  # fmt: skip
    return body_v1(
        [
            WireSeries({"__name__": "read_total", "job": "a", "odd": 'ä"\\'}, samples=counter),
            WireSeries({"__name__": "level", "job": "a"}, samples=gauge),
            WireSeries({"__name__": "level", "job": "b"}, samples=gauge[::2]),
            WireSeries({"__name__": "latency", "job": "a"}, histograms=histograms),
        ]
    )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("remote-read")
    (port,) = free_ports(0)
    cupola = cupola_server(directory, port=port)
    with cupola.start():
        cupola.wait_ready()
        made = Scene(cupola, directory, int(time.time()) * 1000 - 60_000)
        post(f"{cupola.url}/api/v1/write", snappy.compress(body(made.times)))
        yield made


def post(url: str, content: bytes) -> bytes:
    headers = HEADERS | WRITE_HEADERS
    asked = urllib.request.Request(url, data=content, headers=headers, method="POST")
    with urllib.request.urlopen(asked, timeout=60) as response:
        answer: bytes = response.read()
    return answer


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def ask(url: str, text: str, time_s: float) -> list[dict[str, Any]]:
    words = urllib.parse.urlencode({"query": text, "time": f"{time_s:.3f}"})
    with urllib.request.urlopen(f"{url}/api/v1/query?{words}", timeout=60) as response:
        result: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return sorted(result, key=lambda series: sorted(series["metric"].items()))


@pytest.fixture(scope="module")
def prometheus(scene: Scene) -> Iterator[Server]:
    """One with nothing of its own but what it reads."""
    need(PROMETHEUS)
    file = scene.directory / "reader.yml"
    reading = [{"url": f"{scene.cupola.url}/api/v1/read", "read_recent": True}]
    file.write_text(yaml.safe_dump({"remote_read": reading}))
    (port,) = free_ports(0)
    command = [
        PROMETHEUS,
        "--enable-feature=native-histograms",
        f"--config.file={file}",
        f"--storage.tsdb.path={scene.directory / 'reader'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = scene.directory / "reader.log"
    url = f"http://127.0.0.1:{port}"
    server = Server(PROMETHEUS, command, url=url, ready="/-/ready", log=log)
    with server.start():
        yield server.wait_ready()


QUERIES = [
    "read_total",
    '{job=~"a|b", __name__!="latency"}',
    "read_total[90m]",
    "level[90m]",
    "rate(read_total[5m])",
    "sum by (job) (level)",
    'sum(count_over_time({__name__!="", __name__!="latency", job!="b"}[2h]))',
    'level{job!~"a.*"}',
    "nothing",
]


@pytest.mark.parametrize("text", QUERIES)
def test_prometheus_answers_over_what_it_reads(scene: Scene, prometheus: Server, text: str) -> None:
    """Off the samples' times, so that windows that are open to the left make no difference."""
    time_s = scene.end_ms / 1000 + 1
    found = ask(prometheus.url, text, time_s)
    assert found == ask(scene.cupola.url, text, time_s)
    assert bool(found) == (text != "nothing")


@pytest.fixture(scope="module")
def twin(scene: Scene) -> Iterator[Server]:
    """A Prometheus that was sent the same data."""
    need(PROMETHEUS)
    file = scene.directory / "twin.yml"
    file.write_text("{}")
    (port,) = free_ports(0)
    command = [
        PROMETHEUS,
        "--enable-feature=native-histograms",
        "--web.enable-remote-write-receiver",
        f"--config.file={file}",
        f"--storage.tsdb.path={scene.directory / 'twin'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url, log = f"http://127.0.0.1:{port}", scene.directory / "twin.log"
    server = Server("twin", command, url=url, ready="/-/ready", log=log)
    with server.start():
        post(f"{server.wait_ready().url}/api/v1/write", snappy.compress(body(scene.times)))
        yield server


def plain(frames: list[Frame]) -> dict[Labels, list[object]]:
    """The points of each series; floats by their bits, and histograms without their hints."""
    return {
        labels: [
            (when, replace(value, hint=0) if isinstance(value, Parts) else value.hex())
            for when, value in points
        ]
        for labels, points in points_of(frames).items()
    }


@pytest.mark.parametrize(
    "matchers",
    [
        [("__name__", "=~", ".+")],
        [("__name__", "=", "latency")],
        [("job", "!=", "a"), ("__name__", "!=", "")],
        [("__name__", "=", "nothing")],
    ],
)
def test_chunks_hold_what_those_of_prometheus_hold(
    scene: Scene, twin: Server, matchers: list[Matcher]
) -> None:
    """Its frames are read by the same reader: only what is in them can differ."""
    wanted = request([query(matchers, scene.times[0], scene.end_ms)], [CHUNKS, SAMPLES])
    own, other = (
        read_frames(post(f"{server.url}/api/v1/read", wanted)) for server in (scene.cupola, twin)
    )
    assert [frame.labels for frame in own] == [frame.labels for frame in other]
    assert plain(own) == plain(other)
    assert bool(own) == (matchers[0][2] != "nothing")
