"""Dashboards for Grafana, made of the short files in `panels/`: python -m mixin.render

Everything that all dashboards have in common is said here once: variables, sizes, the data source.
In queries, $all stands for the chosen jobs and instances, and $rate for the window of rates.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
DASHBOARDS = HERE / "dashboards"
ALL = 'job=~"$job",instance=~"$instance"'
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS, PANEL_WIDTH, PANEL_HEIGHT = 3, 8, 8
# How the lines of a panel look, and what a single number shows.
LINES = {"drawStyle": "line", "fillOpacity": 8, "lineWidth": 1, "showPoints": "never"}
REDUCED = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
LEGEND = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}


def names() -> list[str]:
    """The dashboards there are, by the names of their files."""
    return sorted(path.stem for path in (HERE / "panels").glob("*.yml"))


def rendered(name: str) -> str:
    """The dashboard as Grafana's JSON."""
    content = yaml.safe_load((HERE / "panels" / f"{name}.yml").read_text())
    return json.dumps(dashboard(name, content), indent=2) + "\n"


def dashboard(name: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": f"cupola-{name}",
        "title": f"Cupola / {content['title']}",
        "description": content["about"],
        "tags": ["cupola"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {"type": "dashboards", "tags": ["cupola"], "title": "Cupola", "asDropdown": True}
        ],
        "templating": {"list": list(variables(content.get("variables", [])))},
        "panels": [panel(number, one) for number, one in enumerate(content["panels"])],
    }


def variables(more: list[str]) -> Iterator[dict[str, Any]]:
    """The data source, jobs and instances, and what else a dashboard chooses by."""
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }
    yield variable("job", "label_values(cupola_build_info, job)")
    yield variable("instance", 'label_values(cupola_build_info{job=~"$job"}, instance)')
    for name in more:
        yield variable(name, f"label_values(cupola_ingested_samples_total{{{ALL}}}, {name})")


def variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "sort": 1,
        "current": {"text": "All", "value": "$__all"},
    }


def panel(number: int, content: dict[str, Any]) -> dict[str, Any]:
    kind = content.get("kind", "timeseries")
    row, column = divmod(number, COLUMNS)
    options = {"timeseries": LEGEND | {"tooltip": {"mode": "multi"}}, "stat": REDUCED}
    return {
        "id": number + 1,
        "type": kind,
        "title": content["title"],
        "description": content.get("about", ""),
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {
                "unit": content.get("unit", "short"),
                "min": 0,
                "custom": LINES if kind == "timeseries" else {},
            },
            "overrides": [],
        },
        "gridPos": {
            "x": column * PANEL_WIDTH,
            "y": row * PANEL_HEIGHT,
            "w": PANEL_WIDTH,
            "h": PANEL_HEIGHT,
        },
        "options": options.get(kind, {}),
        "targets": [
            target(chr(ord("A") + place), legend, expr, is_table=kind == "table")
            for place, (legend, expr) in enumerate(content["queries"].items())
        ],
    }


def target(ref: str, legend: str, expr: str, *, is_table: bool) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": SOURCE,
        "expr": expr.replace("$all", ALL).replace("$rate", "$__rate_interval"),
        "legendFormat": legend,
        "range": not is_table,
        "instant": is_table,
        "format": "table" if is_table else "time_series",
        "exemplar": "_bucket{" in expr,
    }


def main() -> int:
    """Write all dashboards, and remove those that are no more."""
    DASHBOARDS.mkdir(exist_ok=True)
    for path in DASHBOARDS.glob("*.json"):
        if path.stem not in names():
            path.unlink()
    for name in names():
        (DASHBOARDS / f"{name}.json").write_text(rendered(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
