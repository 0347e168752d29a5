"""Make the recordings of tests/recorded/thanos again, with the real programs.

Run with CUPOLA_THANOS_BIN: python -m tests.makers.thanos.recording
"""

from __future__ import annotations

import os
import tempfile
import threading
import urllib.parse
import urllib.request
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import snappy
import yaml

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.agents.thanos.buckets import compact, empty_bucket, fill, thanos_store
from tests.agents.thanos.programs import thanos_query
from tests.agents.thanos.test_query import data_of
from tests.agents.thanos.test_sidecar import has_stores, sidecar, until
from tests.makers.bodies.rich import body_v1
from tests.makers.bodies.v1 import HEADERS
from tests.makers.thanos.conversations import Conversation, Served, record, save
from tests.makers.thanos.scenes import (
    REPLICAS,
    RULES,
    SCRAPED,
    asked_lists,
    asked_queries,
    cupolas,
    series_of,
)

PROMETHEUS = os.environ.get("CUPOLA_PROMETHEUS_BIN", "prometheus")


class Target(BaseHTTPRequestHandler):
    """What the Prometheis scrape."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(SCRAPED)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def configuration(replica: str, scraped: int, rules: Path) -> str:
    """Of a Prometheus. scraped: the port of its target; 0: it neither scrapes nor evaluates."""
    document: dict[str, Any] = {
        "global": {
            "scrape_interval": "1s",
            "external_labels": {"cluster": "eu", "replica": replica},
        },
        "storage": {"exemplars": {"max_exemplars": 100}},
    }
    if scraped:
        about = [{"targets": [f"127.0.0.1:{scraped}"]}]
        document["scrape_configs"] = [{"job_name": "own", "static_configs": about}]
        document["rule_files"] = [str(rules)]
    return yaml.safe_dump(document)


def post(url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
    request = urllib.request.Request(url, body, headers or {}, method="POST")
    with urllib.request.urlopen(request, timeout=60):
        pass


def prometheus(directory: Path, replica: str, scraped: int) -> Server:
    """One that has the data of a replica, and began to scrape afterwards: what is written is older
    than what is scraped, and would be refused."""
    config, rules = directory / f"{replica}.yml", directory / "rules.yml"
    rules.write_text(RULES)
    config.write_text(configuration(replica, 0, rules))
    (port,) = free_ports(0)
    url = f"http://127.0.0.1:{port}"
    command = [
        PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={directory / replica}",
        f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
        "--web.enable-lifecycle", "--storage.tsdb.retention.time=10y",
        "--enable-feature=exemplar-storage,native-histograms",
    ]  # fmt: skip
    log = directory / f"prometheus-{replica}.log"
    server = Server(f"prometheus-{replica}", command, url=url, ready="/-/ready", log=log)
    server.start().wait_ready()
    post(f"{url}/api/v1/write", snappy.compress(body_v1(series_of(replica))), HEADERS)
    config.write_text(configuration(replica, scraped, rules))
    post(f"{url}/-/reload")
    return server


def stores(directory: Path, stack: ExitStack) -> dict[str, str]:
    """Addresses of the stores by name."""
    target = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    stack.callback(target.shutdown)
    found = {}
    for replica in REPLICAS:
        server = stack.enter_context(prometheus(directory, replica, target.server_port))
        beside, found[f"sidecar-{replica}"] = sidecar(directory, f"thanos-{replica}", server)
        stack.enter_context(beside.start()).wait_ready()

        def is_scraped(url: str = server.url) -> bool:
            groups = data_of(url, "rules")["groups"]
            alerts = [rule["health"] == "ok" for group in groups for rule in group["rules"]]
            return all(alerts) and bool(alerts) and bool(data_of(url, "metadata"))

        until(is_scraped, "nothing was scraped")
    bucket = empty_bucket(directory)
    fill(bucket, directory)
    compact(bucket, directory)
    store, found["store"] = thanos_store(directory, bucket)
    stack.enter_context(store.start()).wait_ready()
    return found


def proxied(addresses: dict[str, str], stack: ExitStack) -> tuple[dict[str, Any], dict[str, str]]:
    """Conversations and addresses of proxies, by store."""
    kept = {name: Conversation() for name in addresses}
    served: dict[str, Served] = {}
    for name, address in addresses.items():
        served[name] = record(address, kept[name])
        stack.callback(served[name].stop)
    return kept, {name: each.address for name, each in served.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        addresses = stores(directory, stack)
        of_thanos, between = proxied(addresses, stack)
        of_cupola, beneath = proxied(addresses, stack)
        replicas = "--query.replica-label=replica"
        querier = thanos_query(directory, "query", list(between.values()), replicas)
        (port,) = free_ports(0)
        endpoints = f"--stores.endpoints={','.join(beneath.values())}"
        labels = "--dedup.replica-labels=replica"
        cupola = cupola_server(directory / "cupola", endpoints, labels, port=port)
        for server in (querier, cupola):
            stack.enter_context(server.start()).wait_ready()
            until(lambda s=server: has_stores(s, "sidecar", 2), "no sidecars")
            until(lambda s=server: has_stores(s, "store", 1), "no store")
        answers = []
        for path, params in (*asked_queries(), *asked_lists()):
            answers.append([path, params, data_of(querier.url, path, **params)])
            data_of(cupola.url, path, **cupolas(params))
        save("answers", answers)
        save("to-cupola", {name: each.document() for name, each in of_cupola.items()})
        save("to-thanos", {name: each.document() for name, each in of_thanos.items()})


if __name__ == "__main__":
    main()
