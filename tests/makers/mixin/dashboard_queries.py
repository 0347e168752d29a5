"""What the panels of the shipped dashboards ask, with Grafana's variables filled in."""

from __future__ import annotations

import json
from typing import Any

from mixin.render import DASHBOARDS

VARIABLES = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*", "$tenant": ".*"}


def load(name: str) -> Any:
    """A dashboard, as Grafana reads it."""
    return json.loads((DASHBOARDS / f"{name}.json").read_text())


def queries(name: str) -> list[tuple[str, str]]:
    """(title of the panel and letter of the query, expression)."""
    found = []
    for panel in load(name)["panels"]:
        for target in panel["targets"]:
            expr = target["expr"]
            for variable, value in VARIABLES.items():
                expr = expr.replace(variable, value)
            found.append((f"{name}: {panel['title']} {target['refId']}", expr))
    return found
