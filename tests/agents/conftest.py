"""The scene of the tests with real agents: an HA pair of one tenant, scraping real targets."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from compose.processes import Server, free_ports
from compose.scene import (
    AGENT_PROGRAM,
    NODE_PROGRAM,
    REPLICA_LABEL,
    Agent,
    Client,
    agent_server,
    cupola_server,
    node_exporter_server,
)
from tests.agents.recording_gateway import RecordingGateway

TENANT = "edge"
CLUSTER = "edge-1"
INTERVAL_S = 1


@dataclass(slots=True)
class Pair:
    """Two agents that scrape the same targets each second and write through a gateway."""

    cupola: Server
    gateway: RecordingGateway
    agents: dict[str, Server]  # replica -> its agent
    targets: dict[str, list[str]]
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.cupola.url, TENANT)

    @property
    def addresses(self) -> list[str]:
        return sorted(address for some in self.targets.values() for address in some)


def need_agents() -> None:
    if shutil.which(AGENT_PROGRAM) is None:
        pytest.skip("Debian's package prometheus is not installed: no real agents to test with")


@pytest.fixture(scope="module")
def start_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Pair]]:
    """Starts the scene, in a new directory and on free ports; it ends with the module."""
    need_agents()
    with ExitStack() as stack:

        def start() -> Pair:
            return _started_pair(tmp_path_factory.mktemp("pair"), stack)

        yield start


def _started_pair(directory: Path, stack: ExitStack) -> Pair:
    cupola_port, gateway_port, node_port, *agent_ports = free_ports(0, 0, 0, 0, 0)
    cupola = cupola_server(directory, port=cupola_port)
    stack.enter_context(cupola.start())
    gateway = RecordingGateway(gateway_port, cupola.url)
    stack.enter_context(gateway)
    targets = {
        "cupola": [f"127.0.0.1:{cupola_port}"],
        "prometheus": [f"127.0.0.1:{port}" for port in agent_ports],
    }
    if shutil.which(NODE_PROGRAM):
        targets["node"] = [f"127.0.0.1:{node_port}"]
        stack.enter_context(node_exporter_server(directory, port=node_port).start())
    cupola.wait_ready()
    agents = {}
    for replica, port in zip("ab", agent_ports, strict=True):
        labels = {"cluster": CLUSTER, REPLICA_LABEL: replica}
        agent = Agent(TENANT, gateway.write_url(TENANT), labels, targets, INTERVAL_S)
        agents[replica] = agent_server(directory, f"agent-{replica}", agent, port=port)
        stack.enter_context(agents[replica].start())
    for server in agents.values():
        server.wait_ready()
    return Pair(cupola, gateway, agents, targets)
