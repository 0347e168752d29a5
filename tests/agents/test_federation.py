"""Federation by a real scraper: Debian's Prometheus scrapes Cupola in text and in protobuf."""

from __future__ import annotations

import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import snappy
import yaml

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1
from tests.makers.bodies.v1 import HEADERS

PROMETHEUS = "prometheus"
FEATURES = {"text": "exemplar-storage", "protobuf": "native-histograms"}
SERIES = 40
PATIENCE_S = 60


@dataclass(slots=True)
class Scene:
    """Cupola and two scrapers of it; sent: the times of samples that it was sent, in ms."""

    cupola: Server
    scrapers: dict[str, Server]
    sent: list[int]


def body(now_ms: int) -> bytes:
    gauges = [
        WireSeries({"__name__": "level", "n": str(n), "ö": 'ä"\\'}, samples=[(now_ms, n / 7)])
        for n in range(SERIES)
    ]
    native = WireHistogram(now_ms, 9, 2.5, 3, 0.001, 2, [(-1, 1)], [1], [(1, 2)], [4, -2])
    named = WireSeries({"__name__": "up", "job": "j", "instance": "i"}, samples=[(now_ms, 1.0)])
    histogram = WireSeries({"__name__": "latency", "job": "j"}, histograms=[native])
    return snappy.compress(body_v1([*gauges, named, histogram]))


def scraper(directory: Path, form: str, address: str, port: int) -> Server:
    file = directory / f"{form}.yml"
    job = {
        "job_name": "federate",
        "honor_labels": True,
        "metrics_path": "/federate",
        "params": {"match[]": ['{__name__=~"level|latency"}', "up"]},
        "static_configs": [{"targets": [address]}],
    }
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    file.write_text(yaml.safe_dump(config))
    command = [
        PROMETHEUS,
        f"--enable-feature={FEATURES[form]}",
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / form}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = directory / f"{form}.log"
    return Server(form, command, url=f"http://127.0.0.1:{port}", ready="/-/ready", log=log)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Samples go on being sent while the tests ask."""
    if shutil.which(PROMETHEUS) is None:
        pytest.skip("Debian's package prometheus is not installed")
    directory = tmp_path_factory.mktemp("federation")
    port, *ports = free_ports(0, 0, 0)
    cupola = cupola_server(directory, port=port)
    ending, sent = threading.Event(), list[int]()

    def send() -> None:
        while not ending.wait(0.5):
            sent.append(time.time_ns() // 1_000_000)
            url, content = f"{cupola.url}/api/v1/write", body(sent[-1])
            request = urllib.request.Request(url, data=content, headers=HEADERS, method="POST")
            urllib.request.urlopen(request, timeout=60).close()

    with cupola.start(), ExitStack() as stack:
        cupola.wait_ready()
        sender = threading.Thread(target=send)
        sender.start()
        stack.callback(sender.join)
        stack.callback(ending.set)
        scrapers = {}
        for form, own in zip(FEATURES, ports, strict=True):
            scrapers[form] = scraper(directory, form, f"127.0.0.1:{port}", own)
            stack.enter_context(scrapers[form].start()).wait_ready()
        yield Scene(cupola, scrapers, sent)


def wait_for(client: Client, query: str, count: int) -> list[dict[str, object]]:
    """The series of a range selector, once there are so many, with two samples each."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = client.query(query)
        full = [s for s in found if len(s.get("values", s.get("histograms", []))) > 1]
        if len(full) == count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


@pytest.mark.parametrize("form", FEATURES)
def test_every_series_is_scraped_with_its_timestamps(scene: Scene, form: str) -> None:
    client = Client(scene.scrapers[form].url, "default")
    found = wait_for(client, "level[10m]", SERIES)
    labels = {"__name__": "level", "job": "federate", "_": 'ä"\\'}
    for series in found:
        metric, values = series["metric"], series["values"]
        assert isinstance(metric, dict)
        assert isinstance(values, list)
        number = metric.pop("n")
        assert metric == labels
        assert {float(text) for _, text in values} == {int(number) / 7}
        assert {round(when * 1000) for when, _ in values} <= set(scene.sent)


def test_labels_of_a_series_are_its_own(scene: Scene) -> None:
    client = Client(scene.scrapers["text"].url, "default")
    (series,) = wait_for(client, 'up{job="j"}[10m]', 1)
    assert series["metric"] == {"__name__": "up", "job": "j", "instance": "i"}


def test_native_histograms_come_in_protobuf(scene: Scene) -> None:
    client = Client(scene.scrapers["protobuf"].url, "default")
    (own,) = Client(scene.cupola.url, "default").query("latency[10m]")
    (series,) = wait_for(client, "latency[10m]", 1)
    assert series["metric"] == {"__name__": "latency", "job": "j"}
    histograms = series["histograms"]
    assert isinstance(histograms, list)
    assert {str(content) for _, content in histograms} == {str(own["histograms"][0][1])}
    assert {round(when * 1000) for when, _ in histograms} <= set(scene.sent)
