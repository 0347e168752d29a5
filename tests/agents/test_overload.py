"""A real agent writes to a server that is offered far more than it takes, and loses nothing."""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from compose.processes import ROOT, Server, free_ports
from compose.scene import Agent, Client, agent_server, cupola_server
from tests.agents.conftest import need_agents
from tests.makers.stored_samples import stored

sys.path.insert(0, str(ROOT / "load-tests"))

from overload import FLAGS, Offer, overload

BEFORE_S = 3
OVERLOAD_S = 8.0
PATIENCE_S = 60
HOLE_MS_MAX = 3_000  # a scrape may be late on a busy machine


def test_an_agent_behind_an_overloaded_server_loses_nothing(tmp_path: Path) -> None:
    need_agents()
    cupola_port, agent_port = free_ports(0, 0)
    url = f"http://127.0.0.1:{cupola_port}/api/v1/write"
    # Debian's agent sends no tenant, so it is the default one, as are the greedy senders.
    targets = {"prometheus": [f"127.0.0.1:{agent_port}"]}
    agent = Agent("default", url, {"replica": "a"}, targets, interval_s=1)
    with (
        cupola_server(tmp_path, *FLAGS, port=cupola_port).start() as cupola,
        agent_server(tmp_path, "agent", agent, port=agent_port).start() as prometheus,
    ):
        cupola.wait_ready()
        prometheus.wait_ready()
        time.sleep(BEFORE_S)
        start_ms = time.time_ns() // 1_000_000
        taken = asyncio.run(overload(cupola_port, Offer(seconds=OVERLOAD_S), start_ms))
        assert taken.put_off > taken.accepted > 0
        over_ms = time.time_ns() // 1_000_000
        times = wait_for_scrapes_after(Client(cupola.url, "default"), over_ms)
        assert total(prometheus, "prometheus_remote_storage_samples_retried_total") > 0
        assert total(prometheus, "prometheus_remote_storage_samples_failed_total") == 0
        assert total(prometheus, "prometheus_remote_storage_samples_dropped_total") == 0
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert max(gaps) <= HOLE_MS_MAX, f"a hole of {max(gaps)} ms"


def wait_for_scrapes_after(client: Client, time_ms: int) -> list[int]:
    """The times of the scrapes, once the newest is from after that time."""
    deadline = time.monotonic() + PATIENCE_S
    times: list[int] = []
    while time.monotonic() < deadline:
        for points in stored(client, "up", window="10m").values():
            times = [timestamp_ms for timestamp_ms, _ in points]
        if times and times[-1] > time_ms:
            return times
        time.sleep(0.5)
    raise AssertionError(f"the agent did not catch up: {len(times)} scrapes arrived")


def total(agent: Server, name: str) -> float:
    """The sum of a metric of the agent; 0 where it has none."""
    with urllib.request.urlopen(f"{agent.url}/metrics", timeout=10) as response:
        text = response.read().decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )
