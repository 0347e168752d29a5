"""The Docker Compose scene: what its files name exists, and what they ask for is valid.

Docker itself is not needed. Where its compose plugin is there, it checks the file as well.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.promql.syntax.parser import parse
from receiver.cli import make_parser

COMPOSE = Path(__file__).resolve().parents[2] / "compose"
SERVICE_KEYS = {
    *("build", "command", "depends_on", "environment", "image", "ports", "restart"),
    *("stop_grace_period", "volumes"),
}
# Variables that Grafana fills in before it asks.
GRAFANA_VARIABLES = {"$__rate_interval": "5m", "$__interval": "15s", "$__range": "1h"}


def load(name: str) -> Any:
    return yaml.safe_load((COMPOSE / name).read_text())


SCENE = load("compose.yml")
DASHBOARDS = sorted(COMPOSE.glob("grafana/dashboards/*.json"))


@pytest.mark.parametrize("name", SCENE["services"])
def test_service_is_complete(name: str) -> None:
    service = SCENE["services"][name]
    assert set(service) <= SERVICE_KEYS, "a key that Compose does not know, or this test does not"
    assert ("image" in service) != ("build" in service)
    for needed in service.get("depends_on", {}):
        assert needed in SCENE["services"]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (COMPOSE / source).exists(), source
        else:
            assert source in SCENE["volumes"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), f"{port} would be open to the network"


def test_images_are_pinned() -> None:
    images = [service["image"] for service in SCENE["services"].values() if "image" in service]
    assert images
    assert not [image for image in images if not re.search(r":v?\d+\.\d+\.\d+$", image)]


def test_the_program_takes_the_command_and_its_files() -> None:
    service = SCENE["services"]["cupola"]
    options = vars(make_parser().parse_args(service["command"]))
    (port,) = (published.rpartition(":")[2] for published in service["ports"])
    assert options["web.listen-address"] == f"0.0.0.0:{port}"
    mounts = dict(volume.split(":")[1::-1] for volume in service["volumes"])
    assert mounts[options["storage.path"]] in SCENE["volumes"]
    folder, _, names = options["rules.files"].rpartition("/")
    assert list((COMPOSE / mounts[folder]).glob(names))
    host = options["rules.alertmanagers.urls"].split("/")[-1].split(":")[0]
    assert host in SCENE["services"]


def test_cupola_is_built_from_the_repository() -> None:
    build = SCENE["services"]["cupola"]["build"]
    context = (COMPOSE / build["context"]).resolve()
    assert (context / "pyproject.toml").exists()
    assert (context / build["dockerfile"]).exists()


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed")
def test_docker_accepts_the_file() -> None:
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("docker has no compose plugin here")
    command = ["docker", "compose", "-f", str(COMPOSE / "compose.yml"), "config", "--quiet"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(("name", "tenant"), [("edge", "edge"), ("lab", "lab")])
def test_agents_write_as_their_tenant_to_the_service(name: str, tenant: str) -> None:
    config = load(f"prometheus/{name}.yml")
    (target,) = config["remote_write"]
    assert target["url"] == "http://cupola:9009/api/v1/write"
    assert target["headers"] == {"X-Scope-OrgID": tenant}
    assert set(config["global"]["external_labels"]) == {"cluster", "prometheus_replica"}
    scraped = [
        address.split(":")[0]
        for job in config["scrape_configs"]
        for group in job["static_configs"]
        for address in group["targets"]
    ]
    assert set(scraped) <= set(SCENE["services"])


def test_grafana_reads_as_the_tenants_that_are_written() -> None:
    sources = load("grafana/provisioning/datasources/cupola.yml")["datasources"]
    tenants = [source["secureJsonData"]["httpHeaderValue1"] for source in sources]
    assert tenants == ["edge", "lab", "edge|lab"]
    for source in sources:
        assert source["type"] == "prometheus"
        assert source["url"] == "http://cupola:9009"
        options = source["jsonData"]
        assert options["httpHeaderName1"] == "X-Scope-OrgID"
        assert options["prometheusType"] == "Mimir"
        assert options["exemplarTraceIdDestinations"][0]["name"] == "trace_id"
        # The ruler answers one tenant at a time.
        is_one = "|" not in source["secureJsonData"]["httpHeaderValue1"]
        assert options["manageAlerts"] == options["allowAsRecordingRulesTarget"] == is_one
    assert [source["name"] for source in sources if source.get("isDefault")] == ["Cupola edge"]


def test_provisioned_folder_is_mounted() -> None:
    providers = load("grafana/provisioning/dashboards/cupola.yml")["providers"]
    mounts = [v.split(":")[1] for v in SCENE["services"]["grafana"]["volumes"]]
    for provider in providers:
        assert provider["options"]["path"] in mounts
    home = SCENE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).name in [path.name for path in DASHBOARDS]


def queries() -> list[tuple[str, str]]:
    return [
        (panel["title"], target["expr"])
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]


@pytest.mark.parametrize(("title", "expr"), queries(), ids=[title for title, _ in queries()])
def test_dashboard_queries_parse(title: str, expr: str) -> None:
    for variable, value in GRAFANA_VARIABLES.items():
        expr = expr.replace(variable, value)
    parse(expr)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_panels_have_their_own_places(path: Path) -> None:
    panels = json.loads(path.read_text())["panels"]
    places = [tuple(sorted(panel["gridPos"].items())) for panel in panels]
    assert len(set(places)) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
