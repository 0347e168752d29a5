"""The demo: Cupola, an HA pair of real agents of one tenant, a third agent of another, and answers;
rules that record and alert, and an Alertmanager that gets the alert.

Run it with `make demo`. Everything is a child process on 127.0.0.1 with its files under .demo/. The
answers are checked: with --once the exit code is 0 only if all of them were right.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose.gateway import Gateway
from compose.processes import ROOT, Server, ServerError, free_ports
from compose.scene import (
    ALERTMANAGER_PROGRAM,
    NODE_PROGRAM,
    REPLICA_LABEL,
    Agent,
    Client,
    QueryFailed,
    agent_server,
    alertmanager_server,
    cupola_server,
    missing_programs,
    node_exporter_server,
)

EDGE_TENANT = "edge"
LAB_TENANT = "lab"
EDGE_CLUSTER = "edge-1"
INTERVAL_S = 2
DATA_TIMEOUT_S = 120
ROWS_SHOWN_MAX = 8
RULES = ROOT / "compose" / "rules"
ALERT = "DemoIsRunning"

# 0 stands for any.
USUAL_PORTS = {
    **{"cupola": 9009, "edge-a": 9091, "edge-b": 9092, "lab": 9094},
    **{"node": 9100, "alertmanager": 9093, "gateway": 0},
}

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Question:
    """A query with what its answer must be. `wrong` says what is wrong with an answer, or ""."""

    title: str
    tenant: str
    expr: str
    wrong: Callable[[Rows], str]
    dedup: bool = True


@dataclass(frozen=True, slots=True)
class Demo:
    """The running servers and what the agents scrape. alertmanager: None if none is installed."""

    cupola: Server
    alertmanager: Server | None
    gateway: Gateway
    servers: list[Server]
    edge_targets: dict[str, list[str]]
    lab_targets: dict[str, list[str]]

    def ask(self, question: Question) -> Rows:
        client = Client(self.cupola.url, question.tenant)
        return client.query(question.expr, dedup=question.dedup)


def build(directory: Path, wanted: Iterable[int] = USUAL_PORTS.values()) -> Demo:
    """All servers of the demo, not started yet. Wanted ports are taken where they are free."""
    ports = dict(zip(USUAL_PORTS, free_ports(*wanted), strict=True))
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    alertmanager = None
    flags = [f"--rules.files={RULES}/*.yml", f"--rules.tenant={EDGE_TENANT}"]
    if shutil.which(ALERTMANAGER_PROGRAM):
        alertmanager = alertmanager_server(directory, port=ports["alertmanager"])
        flags.append(f"--rules.alertmanagers.urls={alertmanager.url}")
    cupola = cupola_server(directory, *flags, port=ports["cupola"])
    gateway = Gateway(ports["gateway"], cupola.url)
    edge_targets = {
        "cupola": [address["cupola"]],
        "prometheus": [address["edge-a"], address["edge-b"]],
    }
    lab_targets = {"prometheus": [address["lab"]]}
    servers = [cupola] if alertmanager is None else [cupola, alertmanager]
    if shutil.which(NODE_PROGRAM):
        edge_targets["node"] = [address["node"]]
        servers.append(node_exporter_server(directory, port=ports["node"]))

    def agent(
        name: str, tenant: str, labels: dict[str, str], targets: dict[str, list[str]]
    ) -> None:
        described = Agent(tenant, gateway.write_url(tenant), labels, targets, INTERVAL_S)
        servers.append(agent_server(directory, name, described, port=ports[name]))

    for replica in ("a", "b"):
        labels = {"cluster": EDGE_CLUSTER, REPLICA_LABEL: replica}
        agent(f"edge-{replica}", EDGE_TENANT, labels, edge_targets)
    agent("lab", LAB_TENANT, {"cluster": "lab-1", REPLICA_LABEL: "a"}, lab_targets)
    return Demo(cupola, alertmanager, gateway, servers, edge_targets, lab_targets)


# Of a machine whose own metrics are scraped, too.
BUSY_CPUS = Question(
    "Busy CPUs of this machine, by kind of work",
    EDGE_TENANT,
    'topk(3, sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[20s])))',
    lambda rows: wrong_count(rows, 3),
)


def questions(demo: Demo) -> list[Question]:
    """What the demo asks, in the order in which it is shown."""
    edge = sorted(address for some in demo.edge_targets.values() for address in some)
    lab = sorted(address for some in demo.lab_targets.values() for address in some)
    asked = [
        Question(
            "Two replicas scrape the same targets; each target is seen once",
            EDGE_TENANT,
            "up",
            lambda rows: wrong_targets(rows, edge, replicas=0),
        ),
        Question(
            "The same with dedup=false: both copies, told apart by their replica label",
            EDGE_TENANT,
            "up",
            lambda rows: wrong_targets(rows, edge, replicas=2),
            dedup=False,
        ),
        Question(
            "Another tenant has its own agent and its own target",
            LAB_TENANT,
            "up",
            lambda rows: wrong_targets(rows, lab, replicas=0),
        ),
        Question(
            "and sees nothing of the first one's cluster",
            LAB_TENANT,
            f'{{cluster="{EDGE_CLUSTER}"}}',
            lambda rows: f"{len(rows)} series of another tenant" if rows else "",
        ),
        Question(
            "Scrapes per second that each agent answers",
            EDGE_TENANT,
            'sum by (instance) (rate(prometheus_http_requests_total{handler="/metrics"}[20s]))',
            lambda rows: wrong_count(rows, 2) or wrong_positive(rows),
        ),
        Question(
            "Series that each job exposes",
            EDGE_TENANT,
            "sum by (job) (scrape_samples_scraped)",
            lambda rows: wrong_count(rows, len(demo.edge_targets)) or wrong_positive(rows),
        ),
        Question(
            "Samples per second that Cupola, itself scraped, says it accepted, by tenant",
            EDGE_TENANT,
            "sum by (tenant) (rate(cupola_ingested_samples_total[20s]))",
            lambda rows: wrong_count(rows, 2) or wrong_positive(rows),
        ),
        Question(
            "What a rule records: targets that are up, by job",
            EDGE_TENANT,
            "job:up:sum",
            lambda rows: wrong_count(rows, len(demo.edge_targets)) or wrong_positive(rows),
        ),
        Question(
            "An alert that fires while the demo runs",
            EDGE_TENANT,
            f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}',
            lambda rows: wrong_count(rows, 1),
        ),
    ]
    return [*asked, BUSY_CPUS] if "node" in demo.edge_targets else asked


def wrong_targets(rows: Rows, addresses: list[str], *, replicas: int) -> str:
    """`up` must be 1 for every address: once without replica label, or once for each replica."""
    expected = {(address, "") for address in addresses}
    if replicas:
        expected = {(address, name) for address in addresses for name in "ab"[:replicas]}
    got = {(row["metric"]["instance"], row["metric"].get(REPLICA_LABEL, "")) for row in rows}
    if len(rows) != len(expected) or got != expected:
        return f"expected {sorted(expected)}, got {len(rows)} rows: {sorted(got)}"
    down = [row["metric"]["instance"] for row in rows if row["value"][1] != "1"]
    return f"down: {down}" if down else ""


def wrong_count(rows: Rows, count: int) -> str:
    return "" if len(rows) == count else f"expected {count} rows, got {len(rows)}"


def wrong_positive(rows: Rows) -> str:
    values = [row["value"][1] for row in rows]
    return "" if all(float(value) > 0 for value in values) else f"not all positive: {values}"


def wait_for_data(demo: Demo, asked: list[Question]) -> None:
    """Wait until every question has the right answer, or the time for it is over."""
    deadline = time.monotonic() + DATA_TIMEOUT_S
    while time.monotonic() < deadline:
        ended = [server.name for server in demo.servers if not server.running]
        if ended:
            raise ServerError(f"ended by themselves: {', '.join(ended)}")
        try:
            if not any(question.wrong(demo.ask(question)) for question in asked):
                return
        except QueryFailed:
            pass  # what is still wrong at the deadline is shown with the answers
        time.sleep(1)


def tell(demo: Demo, asked: list[Question]) -> int:
    """Ask everything, show the answers, and return how many were wrong."""
    wrong_count = 0
    for question in asked:
        say(f"\n{question.title}.")
        say(f"  tenant {question.tenant}, dedup={str(question.dedup).lower()}:  {question.expr}")
        try:
            rows = demo.ask(question)
        except QueryFailed as error:
            wrong_count += 1
            say(f"  WRONG: {error}")
            continue
        for row in rows[:ROWS_SHOWN_MAX]:
            say(f"    {shown_labels(row['metric'])}  {row['value'][1]}")
        if not rows:
            say("    (nothing)")
        if len(rows) > ROWS_SHOWN_MAX:
            say(f"    ... and {len(rows) - ROWS_SHOWN_MAX} more")
        wrong = question.wrong(rows)
        if wrong:
            wrong_count += 1
            say(f"  WRONG: {wrong}")
    return wrong_count


def tell_notified(alertmanager: Server) -> int:
    """Show what an Alertmanager has of the demo's alert; 1 if that is nothing in time, else 0."""
    say(f"\nThe alert arrives at the Alertmanager on {alertmanager.url}.")
    deadline = time.monotonic() + DATA_TIMEOUT_S
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{alertmanager.url}/api/v2/alerts", timeout=30) as response:
            found = [a for a in json.load(response) if a["labels"]["alertname"] == ALERT]
        for alert in found:
            say(f"    {shown_labels(alert['labels'])}  {alert['annotations']['summary']}")
        if found:
            return 0
        time.sleep(1)
    say("  WRONG: it did not")
    return 1


def shown_labels(labels: dict[str, str]) -> str:
    pairs = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    return f"{labels.get('__name__', '')}{{{pairs}}}"


def wait_for_interrupt(demo: Demo) -> None:
    say(f"\nEverything runs on; Ctrl-C stops it. The page: {demo.cupola.url}/?tenant={EDGE_TENANT}")
    say(f"Ask more, as tenant {EDGE_TENANT}:")
    say(f"  curl -H 'X-Scope-OrgID: {EDGE_TENANT}' '{demo.cupola.url}/api/v1/query?query=up'")
    say(f"Grafana: a Prometheus data source with the URL {demo.cupola.url} and that header.")
    say(f"Logs and data: {demo.cupola.log.parent}")
    # TERM is how a supervisor says Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while all(server.running for server in demo.servers):
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("\nstopping")


def stop(demo: Demo) -> int:
    """Stop all servers, agents first. Returns how many did not end well."""
    failed = 0
    for server in reversed(demo.servers):
        if not server.running:
            say(f"{server.name} had ended by itself:\n{server.log_tail()}")
            failed += 1
            continue
        code = server.stop()
        # Agents and exporters end by the signal itself or with 0; Cupola promises 0.
        if server is demo.cupola and code != 0:
            say(f"cupola ended with exit code {code}:\n{server.log_tail()}")
            failed += 1
    return failed


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(directory: Path, *, once: bool) -> int:
    """The whole demo. Returns the exit code."""
    shutil.rmtree(directory, ignore_errors=True)
    demo = build(directory)
    with ExitStack() as stack:
        stack.enter_context(demo.gateway)
        for server in demo.servers:
            stack.enter_context(server.start())
        say(f"cupola listens on {demo.cupola.url}; its files are in {directory}")
        say("waiting for all to be ready; the first run compiles kernels, for a minute or so")
        for server in demo.servers:
            server.wait_ready()
        agents = [server.name for server in demo.servers if server is not demo.cupola]
        say(f"started {', '.join(agents)}; waiting for their data")
        asked = questions(demo)
        wait_for_data(demo, asked)
        wrong = tell(demo, asked)
        if demo.alertmanager is not None:
            wrong += tell_notified(demo.alertmanager)
        if not once:
            wait_for_interrupt(demo)
        failed = stop(demo)
    if wrong or failed:
        say(f"\n{wrong} of {len(asked)} answers were wrong, {failed} servers did not end well")
        return 1
    say(f"\nall {len(asked)} answers were right")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the answers")
    parser.add_argument("--directory", type=Path, default=ROOT / ".demo", help="for all files")
    args = parser.parse_args()
    missing = missing_programs()
    if missing:
        say(
            f"The demo needs {', '.join(missing)} of Debian's package of that name, and it could"
            " not be installed. As root: apt-get install --no-install-recommends prometheus"
        )
        return 1
    try:
        return run(args.directory.resolve(), once=args.once)
    except ServerError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("\nstopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
