"""The scene on this machine: Cupola, agent-mode Prometheis and real targets for them to scrape.

compose.yml has the same scene for Docker Compose. The demo and the tests with real agents build it
from these parts.
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from compose.processes import Server

AGENT_PROGRAM = "prometheus"
NODE_PROGRAM = "prometheus-node-exporter"
ALERTMANAGER_PROGRAM = "prometheus-alertmanager"
# One of Cupola's default replica labels, and the one that Prometheus' operator sets.
REPLICA_LABEL = "prometheus_replica"


@dataclass(frozen=True, slots=True)
class Agent:
    """What one agent scrapes, and whom it writes to as which tenant.

    targets: job -> addresses; interval_s: between two scrapes of a target.
    """

    tenant: str
    write_url: str
    external_labels: dict[str, str]
    targets: dict[str, list[str]]
    interval_s: int

    def config(self) -> dict[str, Any]:
        """The agent's configuration file, as a tree."""
        return {
            "global": {
                "scrape_interval": f"{self.interval_s}s",
                "scrape_timeout": f"{self.interval_s}s",
                "external_labels": self.external_labels,
            },
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": addresses}]}
                for job, addresses in self.targets.items()
            ],
            "remote_write": [
                {
                    "url": self.write_url,
                    "headers": {"X-Scope-OrgID": self.tenant},
                    "queue_config": {"batch_send_deadline": "1s"},
                }
            ],
        }


def missing_programs() -> list[str]:
    """What the scene needs and is not installed. Without the node exporter it still works."""
    return [name for name in (AGENT_PROGRAM,) if shutil.which(name) is None]


def cupola_server(directory: Path, *flags: str, port: int) -> Server:
    """A Cupola that keeps its data in directory/data; flags are added to its command."""
    return Server(
        "cupola",
        [
            *(sys.executable, "-m", "receiver", "serve"),
            f"--web.listen-address=127.0.0.1:{port}",
            f"--storage.path={directory / 'data'}",
            *flags,
        ],
        url=f"http://127.0.0.1:{port}",
        ready="/-/ready",
        log=directory / "cupola.log",
    )


def agent_server(directory: Path, name: str, agent: Agent, *, port: int) -> Server:
    """An agent-mode Prometheus with its configuration, log and WAL under directory/name*."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / f"{name}.yml"
    config.write_text(yaml.safe_dump(agent.config(), sort_keys=False))
    return Server(
        name,
        [
            AGENT_PROGRAM,
            "--enable-feature=agent",
            f"--config.file={config}",
            f"--storage.agent.path={directory / name}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        url=f"http://127.0.0.1:{port}",
        ready="/-/ready",
        log=directory / f"{name}.log",
    )


def node_exporter_server(directory: Path, *, port: int) -> Server:
    return Server(
        "node-exporter",
        [NODE_PROGRAM, f"--web.listen-address=127.0.0.1:{port}"],
        url=f"http://127.0.0.1:{port}",
        ready="/metrics",
        log=directory / "node-exporter.log",
    )


def alertmanager_server(directory: Path, *, webhook: str = "", port: int) -> Server:
    """An Alertmanager that notifies a URL of every alert at once, alone; no one without a URL."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "alertmanager.yml"
    route = {"receiver": "all", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    webhooks = [{"url": webhook}] if webhook else []
    receivers = [{"name": "all", "webhook_configs": webhooks}]
    config.write_text(yaml.safe_dump({"route": route, "receivers": receivers}))
    return Server(
        "alertmanager",
        [
            ALERTMANAGER_PROGRAM,
            f"--config.file={config}",
            f"--storage.path={directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        url=f"http://127.0.0.1:{port}",
        ready="/-/ready",
        log=directory / "alertmanager.log",
    )


class QueryFailed(Exception):
    """The query API answered with an error, or not at all."""


@dataclass(frozen=True, slots=True)
class Client:
    """A reader of the query API, as one tenant."""

    url: str
    tenant: str

    def query(self, expr: str, *, dedup: bool = True) -> list[dict[str, Any]]:
        """The `result` of an instant query at the server's now.

        Each element has `metric`, and `value` or `values`. Raises QueryFailed.
        """
        return list(self.get("query", query=expr, dedup=str(dedup).lower())["result"])

    def get(self, endpoint: str, **params: str) -> Any:
        """The `data` that /api/v1/<endpoint> answers with."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{endpoint}?{urllib.parse.urlencode(params)}",
            headers={"X-Scope-OrgID": self.tenant},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode("utf-8", "replace")
            raise QueryFailed(f"{endpoint} answered {error.code}: {text}") from None
        except OSError as error:
            raise QueryFailed(f"{endpoint} was not answered: {error}") from error
