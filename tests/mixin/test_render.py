"""The dashboards: as rendered, over metrics that exist, each panel in a place of its own.

That their panels show something is seen in test_panels.py.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from api.promql.syntax.nodes import Node, VectorSelector, children
from api.promql.syntax.parser import parse
from mixin.render import DASHBOARDS, names, rendered
from tests.makers.mixin.dashboard_queries import load, queries

ROOT = Path(__file__).resolve().parents[2]
HISTOGRAM_PARTS = re.compile(r"_(bucket|count|sum)$")
every_dashboard = pytest.mark.parametrize("name", names())


@every_dashboard
def test_what_is_committed_is_what_is_rendered(name: str) -> None:
    """After a change of mixin/panels: python -m mixin.render"""
    assert (DASHBOARDS / f"{name}.json").read_text() == rendered(name)


def test_there_are_no_others() -> None:
    assert sorted(path.stem for path in DASHBOARDS.iterdir()) == names() != []


@every_dashboard
def test_panels_ask_for_metrics_that_exist(name: str) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    for _, expr in queries(name):
        asked = {HISTOGRAM_PARTS.sub("", n) for n in metrics(parse(expr))}
        assert asked and asked <= documented, expr


def metrics(node: Node) -> set[str]:
    own = {node.name or ""} if isinstance(node, VectorSelector) else set()
    return own.union(*map(metrics, children(node)))


@every_dashboard
def test_every_selector_has_the_chosen_jobs(name: str) -> None:
    for panel in load(name)["panels"]:
        for target in panel["targets"]:
            selectors = re.findall(r"(?:cupola|prometheus)_\w+(\{?[^}]*)", target["expr"])
            assert selectors
            assert all('job=~"$job",instance=~"$instance"' in found for found in selectors)


@every_dashboard
def test_panels_have_their_own_places(name: str) -> None:
    panels = load(name)["panels"]
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)


@every_dashboard
def test_no_data_source_is_written_into_it(name: str) -> None:
    text = json.dumps(load(name))
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {f"cupola-{name}", "${datasource}"}


def test_names_of_dashboards_are_their_own() -> None:
    uids = [load(name)["uid"] for name in names()]
    titles = [load(name)["title"] for name in names()]
    assert len(set(uids)) == len(set(titles)) == len(uids)
