"""Prometheus as server and as agent, and vmagent: what they scraped is what arrives.

Prometheus sends exemplars and native histograms; vmagent sends what it can.
"""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from storage.labels.matchers import Matcher
from tests.agents.numbered_target import FORMS, NumberedTarget, expected_histogram
from tests.makers.databases import opened, read_mixed
from tests.makers.histograms import Plain
from tests.makers.stored_samples import stored

TENANT = "default"  # Debian's Prometheus sends no tenant
PROMETHEUS, VMAGENT = "prometheus", "vmagent"
PROGRAMS = {"server": PROMETHEUS, "agent": PROMETHEUS, "vmagent": VMAGENT}
FEATURES = {
    "server": "exemplar-storage,native-histograms",
    "agent": "agent,exemplar-storage,native-histograms",
}
SCRAPES_MIN = 6
PATIENCE_S = 60


@dataclass(slots=True)
class Scene:
    """What is left when all senders have stopped."""

    cupola: Server
    target: NumberedTarget
    data: Path

    @property
    def client(self) -> Client:
        return Client(self.cupola.url, TENANT)

    def scraped(self, sender: str, form: str) -> int:
        """The number of the last scrape."""
        return self.target.scrapes[f"/{sender}/{form}"]


def scrape_config(sender: str, target: NumberedTarget, forms: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "job_name": form,
            "metrics_path": f"/{sender}/{form}",
            "static_configs": [{"targets": [target.address]}],
        }
        for form in forms
    ]


def prometheus(
    directory: Path, sender: str, target: NumberedTarget, write_url: str, port: int
) -> Server:
    config = {
        "global": {"scrape_interval": "1s", "external_labels": {"sender": sender}},
        "scrape_configs": scrape_config(sender, target, list(FORMS)),
        "remote_write": [
            {
                "url": write_url,
                "send_exemplars": True,
                "send_native_histograms": True,
                "metadata_config": {"send_interval": "1s"},
                "queue_config": {"batch_send_deadline": "1s"},
            }
        ],
    }
    file = directory / f"{sender}.yml"
    file.write_text(yaml.safe_dump(config))
    storage = "agent" if sender == "agent" else "tsdb"
    command = [
        PROMETHEUS,
        f"--enable-feature={FEATURES[sender]}",
        f"--config.file={file}",
        f"--storage.{storage}.path={directory / sender}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    return Server(sender, command, url=url, ready="/-/ready", log=directory / f"{sender}.log")


def vmagent(directory: Path, target: NumberedTarget, write_url: str, port: int) -> Server:
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": scrape_config("vmagent", target, ["text"]),
    }
    file = directory / "vmagent.yml"
    file.write_text(yaml.safe_dump(config))
    command = [
        VMAGENT,
        f"-promscrape.config={file}",
        f"-remoteWrite.url={write_url}",
        f"-remoteWrite.tmpDataPath={directory / 'vmagent'}",
        "-remoteWrite.label=sender=vmagent",
        f"-httpListenAddr=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    return Server("vmagent", command, url=url, ready="/health", log=directory / "vmagent.log")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """All senders that are installed have scraped the target for a while, and were stopped."""
    if shutil.which(PROMETHEUS) is None and shutil.which(VMAGENT) is None:
        pytest.skip("neither prometheus nor vmagent (Debian's victoria-metrics) is installed")
    directory = tmp_path_factory.mktemp("senders")
    target_port, cupola_port, *ports = free_ports(0, 0, 0, 0, 0)
    cupola = cupola_server(directory, port=cupola_port)
    write_url = f"{cupola.url}/api/v1/write"
    with NumberedTarget(target_port) as target, cupola.start():
        cupola.wait_ready()
        with ExitStack() as stack:
            for (sender, program), port in zip(PROGRAMS.items(), ports, strict=True):
                if shutil.which(program) is None:
                    continue
                if sender == "vmagent":
                    server = vmagent(directory, target, write_url, port)
                else:
                    server = prometheus(directory, sender, target, write_url, port)
                stack.enter_context(server.start()).wait_ready()
            wait_for_scrapes(target)
        yield Scene(cupola, target, directory / "data")


def wait_for_scrapes(target: NumberedTarget) -> None:
    """Wait until every path that is scraped was scraped often enough."""
    paths = [f"/{s}/text" for s, program in PROGRAMS.items() if shutil.which(program)]
    deadline = time.monotonic() + PATIENCE_S
    while any(target.scrapes[path] <= SCRAPES_MIN for path in paths):
        assert time.monotonic() < deadline, f"few scrapes: {target.scrapes}"
        time.sleep(0.2)


def need(sender: str) -> None:
    if shutil.which(PROGRAMS[sender]) is None:
        pytest.skip(f"{PROGRAMS[sender]} is not installed")


def float_of(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def check_numbers(numbers: list[int], scraped: int) -> None:
    """All from the first to the last scrape, once each, in order.

    The scrape that was under way when the sender stopped may be missing.
    """
    assert len(numbers) >= SCRAPES_MIN
    assert numbers in (list(range(1, scraped + 1)), list(range(1, scraped)))


@pytest.mark.parametrize(
    ("sender", "form"),
    [
        ("server", "text"),
        ("server", "native"),
        ("agent", "text"),
        ("agent", "native"),
        ("vmagent", "text"),
    ],
)
def test_every_scrape_arrives(scene: Scene, sender: str, form: str) -> None:
    need(sender)
    selector = f'scrapes_total{{sender="{sender}",job="{form}"}}'
    ((labels, points),) = stored(scene.client, selector, window="10m").items()
    assert dict(labels)["odd"] == ('ä"\\' if form == "text" else "ä")
    numbers = [int(float_of(bits)) for _, bits in points]
    check_numbers(numbers, scene.scraped(sender, form))


@pytest.mark.parametrize("name", ["scrapes_total", "wait_seconds_bucket"])
@pytest.mark.parametrize("sender", ["server", "agent"])
def test_exemplars_arrive(scene: Scene, sender: str, name: str) -> None:
    need(sender)
    now_s = time.time()
    (series,) = scene.client.get(
        "query_exemplars",
        query=f'{name}{{sender="{sender}",job="text"}}',
        start=str(now_s - 600),
        end=str(now_s),
    )
    assert series["seriesLabels"]["__name__"] == name
    assert series["seriesLabels"].get("le", "1") in ("1", "1.0")
    found = [
        (int(e["labels"]["trace_id"]), float(e["value"]), round(e["timestamp"] * 1000))
        for e in series["exemplars"]
    ]
    assert all(
        e["labels"] == {"span_id": "s", "trace_id": str(n)}
        for e, (n, _, _) in zip(series["exemplars"], found, strict=True)
    )
    times_ms = scene.target.exemplar_times_ms[f"/{sender}/text"]
    assert found == [(n, n + 0.5, times_ms[n]) for n, _, _ in found]
    check_numbers([n for n, _, _ in found], scene.scraped(sender, "text"))


def test_metadata_arrives(scene: Scene) -> None:
    need("server")
    found = scene.client.get("metadata")
    assert found["scrapes"] == [{"type": "counter", "help": "Scrapes so far.", "unit": ""}]
    assert found["wait_seconds"] == [
        {"type": "histogram", "help": 'How "long".', "unit": "seconds"}
    ]
    assert found["temperature"] == [{"type": "gauge", "help": "", "unit": ""}]


def test_nothing_is_refused(scene: Scene) -> None:
    told = scene.client.get("status/rejected")
    assert not any(told.values()), told


@pytest.mark.parametrize("sender", ["server", "agent"])
def test_native_histograms_arrive(scene: Scene, sender: str) -> None:
    """The last of this file: they are read from the directory, without a server."""
    need(sender)
    if scene.cupola.running:
        assert scene.cupola.stop() == 0, scene.cupola.log_tail()
    matchers = [Matcher("__name__", "=", "latency"), Matcher("sender", "=", sender)]
    with opened(scene.data) as database:
        (points,) = read_mixed(database, *matchers, tenant=TENANT).values()
    found = [h._replace(hint=0) for _, h, _ in points if isinstance(h, Plain)]
    numbers = [int(h.count - expected_histogram(0).count) // 2 for h in found]
    assert found == [expected_histogram(n) for n in numbers]
    check_numbers(numbers, scene.scraped(sender, "native"))
