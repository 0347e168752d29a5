"""The shipped alerts: valid rules over metrics that exist, which fire when they should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.promql.syntax.nodes import Node, VectorSelector, children
from api.promql.syntax.parser import parse
from storage.metrics import StorageMetrics
from tests.makers.memory_store import MemoryStore

FILE = Path(__file__).resolve().parents[2] / "compose" / "alerts" / "cupola.yml"
RULES = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))


def selectors(node: Node) -> list[VectorSelector]:
    found = [node] if isinstance(node, VectorSelector) else []
    return found + [selector for child in children(node) for selector in selectors(child)]


@every_rule
def test_alerts_are_complete(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}


@every_rule
def test_expressions_ask_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    registry = CollectorRegistry()
    StorageMetrics(registry)
    served = {family.name for family in registry.collect()}
    asked = {selector.name for selector in selectors(parse(rule["expr"]))}
    assert asked and asked <= served


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_file() -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(FILE)], capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("silences", "firing"),
    [
        ({"a": 1.0, "b": 2.0}, {}),
        ({"a": 130.0, "b": 2.0}, {"CupolaReplicaSilent": ["a"]}),
        ({"a": 130.0, "b": 130.0}, {}),
        ({"a": 400.0, "b": 500.0}, {"CupolaClusterSilent": [""]}),
        ({"a": 400.0}, {"CupolaClusterSilent": [""]}),
        ({"a": 400.0, "b": 2.0, "c": 900.0}, {"CupolaReplicaSilent": ["a", "c"]}),
    ],
)
def test_who_is_told_of(silences: dict[str, float], firing: dict[str, list[str]]) -> None:
    store = MemoryStore()
    name = "cupola_replica_silence_seconds"
    for replica, seconds in silences.items():
        labels = {"tenant": "t", "ha_cluster": "1", "ha_replica": replica}
        store.write({"__name__": name, **labels}, [(0, seconds)])
    other = {"tenant": "t", "ha_cluster": "2", "ha_replica": "a"}
    store.write({"__name__": name, **other}, [(0, 3.0)])
    engine = Engine(EngineOptions(threads=1))
    found = {}
    for rule in RULES:
        labels_found = engine.instant_query(store, rule["expr"], 0).value.labels  # type: ignore[union-attr]
        rows = [labels_found.labelset(row) for row in range(labels_found.rows)]
        if rows:
            found[rule["alert"]] = sorted(row.get("ha_replica", "") for row in rows)
    engine.close()
    assert found == firing
