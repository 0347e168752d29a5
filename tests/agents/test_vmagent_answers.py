"""What the real vmagent does on every answer that a write can get, and on bad samples.

docs/operating.md has the table. A vmagent that probes for zstd must not be made to give it up by a
bad sample; one that does not probe must go on as well.
"""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from tests.agents.scripted_receiver import ScriptedReceiver

VMAGENT = "vmagent"
PATIENCE_S = 60
DAY_MS = 86_400_000
DROPPED, REPEATED = "dropped", "repeated"

pytestmark = pytest.mark.skipif(
    shutil.which(VMAGENT) is None, reason="vmagent (Debian's victoria-metrics) is not installed"
)


def vmagent(directory: Path, write_url: str, port: int) -> Server:
    command = [
        VMAGENT,
        f"-remoteWrite.url={write_url}",
        f"-remoteWrite.tmpDataPath={directory / 'queue'}",
        "-remoteWrite.queues=1",
        "-remoteWrite.flushInterval=100ms",
        f"-httpListenAddr=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    return Server("vmagent", command, url=url, ready="/health", log=directory / "vmagent.log")


def push(agent: Server, name: str, timestamp_ms: int) -> None:
    """Give vmagent a sample to send."""
    line = f"{name} 1 {timestamp_ms}\n".encode()
    request = urllib.request.Request(f"{agent.url}/api/v1/import/prometheus", line, method="POST")
    with urllib.request.urlopen(request, timeout=10):
        pass


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


def times_seen(receiver: ScriptedReceiver, name: str) -> int:
    return sum(name.encode() in noted.body for noted in receiver.seen)


def is_seen(receiver: ScriptedReceiver, name: str) -> bool:
    return times_seen(receiver, name) > 0


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ScriptedReceiver, Server]]:
    directory = tmp_path_factory.mktemp("vmagent")
    receiver_port, agent_port = free_ports(0, 0)
    with ScriptedReceiver(receiver_port) as receiver:
        agent = vmagent(directory, receiver.url, agent_port)
        with agent.start():
            agent.wait_ready()
            yield receiver, agent


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (204, DROPPED),
        (400, DROPPED),
        (409, DROPPED),
        (401, REPEATED),
        (403, REPEATED),
        (413, REPEATED),
        (429, REPEATED),
        (500, REPEATED),
        (503, REPEATED),
    ],
)
def test_what_it_does(scripted: tuple[ScriptedReceiver, Server], status: int, fate: str) -> None:
    """It sends in order, so what is not there before the next sample never comes."""
    receiver, agent = scripted
    name, after = f"answered_{status}", f"after_{status}"
    receiver.answers[name.encode()] = status
    now_ms = time.time_ns() // 1_000_000
    push(agent, name, now_ms)
    wait_until(partial(is_seen, receiver, name), "the sample")
    push(agent, after, now_ms)
    wait_until(partial(is_seen, receiver, after), "the next sample")
    assert times_seen(receiver, name) == (1 if fate == DROPPED else 2)


def test_a_bad_sample_ends_neither_the_sending_nor_the_probe(tmp_path: Path) -> None:
    cupola_port, receiver_port, agent_port = free_ports(0, 0, 0)
    cupola = cupola_server(tmp_path, "--storage.retention=15d", port=cupola_port)
    target = f"{cupola.url}/api/v1/write"
    with cupola.start(), ScriptedReceiver(receiver_port, target) as receiver:
        cupola.wait_ready()
        agent = vmagent(tmp_path, receiver.url, agent_port)
        with agent.start():
            agent.wait_ready()
            now_ms = time.time_ns() // 1_000_000
            for name, time_ms in (
                ("good", now_ms),
                ("bad", now_ms - 20 * DAY_MS),
                ("then", now_ms),
            ):
                push(agent, name, time_ms)
                wait_until(lambda name=name: times_seen(receiver, name) > 0, f"sample {name}")
        client = Client(cupola.url, "default")
        assert len(client.query("then")) == len(client.query("good")) == 1
        assert times_seen(receiver, "bad") == 1
        encodings = {noted.encoding for noted in receiver.seen}
        assert len(encodings) == 1, "it changed its protocol"
        expected = 409 if encodings == {"zstd"} else 400
        assert [n.status for n in receiver.seen if b"bad" in n.body] == [expected]
        refused = client.get("status/rejected")["counts"]
        assert [(entry["reason"], entry["count"]) for entry in refused] == [("too_old", 1)]
