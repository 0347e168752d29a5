"""Every panel of the demo's dashboards shows something of the demo's scene, soon after its start.

The scene is the real one: agents scrape Cupola, themselves and this machine. Somebody uses it
meanwhile, as whoever looks at the demo does. Panels are asked as Grafana asks them: over a range of
time, as the tenant of the data source that is chosen first.
"""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.demo import USUAL_PORTS, Demo, build
from compose.processes import ROOT
from compose.scene import missing_programs
from tests.makers.mixin.using import LIMIT_S, get, make_use_of

COMPOSE = ROOT / "compose"
SHOWN_S, STEP_S, AGAIN_S = 300, 15, 1.0
# What Grafana fills in: at least four scrapes, and everything, where one can choose.
VARIABLES = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*", "$tenant": ".*"}


def folders() -> list[Path]:
    """The folders of dashboards that Grafana is given, as the containers mount them."""
    providers = yaml.safe_load(
        (COMPOSE / "grafana/provisioning/dashboards/cupola.yml").read_text()
    )["providers"]
    scene = yaml.safe_load((COMPOSE / "compose.yml").read_text())
    mounts = dict(v.split(":")[1::-1] for v in scene["services"]["grafana"]["volumes"])
    return [(COMPOSE / mounts[one["options"]["path"]]).resolve() for one in providers]


def panels() -> list[tuple[str, dict[str, Any]]]:
    """(its name, a query of a panel) of all dashboards."""
    return [
        (f"{path.stem}: {panel['title']} {target['refId']}", target)
        for folder in folders()
        for path in sorted(folder.glob("*.json"))
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]


def tenant() -> str:
    """Whose data are shown at first."""
    path = COMPOSE / "grafana/provisioning/datasources/cupola.yml"
    sources = yaml.safe_load(path.read_text())["datasources"]
    (name,) = [s["secureJsonData"]["httpHeaderValue1"] for s in sources if s.get("isDefault")]
    return str(name)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    if missing_programs():
        pytest.skip("Debian's package prometheus is not installed: there is no demo without it")
    demo = build(tmp_path_factory.mktemp("demo"), [0] * len(USUAL_PORTS))
    if demo.alertmanager is None or "node" not in demo.edge_targets:
        pytest.skip(
            "Debian's node exporter or Alertmanager is not installed: panels would be empty"
        )
    with ExitStack() as stack:
        stack.enter_context(demo.gateway)
        for server in demo.servers:
            stack.enter_context(server.start())
        for server in demo.servers:
            server.wait_ready()
        yield demo


def is_shown(demo: Demo, target: dict[str, Any]) -> bool:
    """Whether a query answers with any sample, now and as Grafana asks it."""
    query = target["expr"]
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    now = time.time()
    range_ = {"start": str(now - SHOWN_S), "end": str(now), "step": str(STEP_S)}
    is_table = target.get("instant", False)
    path, times = ("query", {}) if is_table else ("query_range", range_)
    asked = urllib.parse.urlencode({"query": query} | times)
    answer = json.loads(get(demo.cupola, f"/api/v1/{path}?{asked}", tenant()))
    assert answer["status"] == "success", answer
    return bool(answer["data"]["result"])


def test_every_panel_shows_something(demo: Demo) -> None:
    silent = panels()
    assert {name.partition(":")[0] for name, _ in silent} >= {"cupola", "writes", "rules"}
    deadline, number = time.monotonic() + LIMIT_S, 0
    while silent and time.monotonic() < deadline:
        make_use_of(demo.cupola, number)
        silent = [(name, target) for name, target in silent if not is_shown(demo, target)]
        number += 1
        time.sleep(AGAIN_S)
    assert [name for name, _ in silent] == []
