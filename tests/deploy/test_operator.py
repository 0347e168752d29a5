"""Objects of Prometheus' operator: those of the chart are as it defines them, and wrong ones are
seen."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml

from deploy.manifests import KUSTOMIZE, Manifest, examples
from deploy.operator.checking import NoDefinitions, own_objects, problems


def wrong(objects: list[Manifest]) -> list[str]:
    try:
        return problems(objects)
    except NoDefinitions as error:
        pytest.skip(str(error))


def committed(example: str) -> list[Manifest]:
    """The operator's objects of an example, as the plain manifests have them."""
    return own_objects(list(yaml.safe_load_all((KUSTOMIZE / example / "cupola.yaml").read_text())))


def test_objects_of_all_examples_are_the_operator_s() -> None:
    found = [one for example in examples() for one in committed(example)]
    assert {one["kind"] for one in found} == {"PodMonitor", "PrometheusRule", "ServiceMonitor"}
    assert wrong(found) == []


def rule(**fields: Any) -> Manifest:
    spec = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up"} | fields]}]}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "r"},
        "spec": spec,
    }


def test_wrong_ones_are_seen() -> None:
    """What only a schema sees, and what only types do; a number is an expression, too."""
    assert wrong([rule(), rule(expr=1)]) == []
    monitor = next(one for one in committed("everything") if one["kind"] == "ServiceMonitor")
    unknown = deepcopy(monitor)
    unknown["spec"]["endpoints"][0]["intervall"] = "30s"
    found = "\n".join(wrong([rule(**{"for": "soon"}), unknown]))
    assert "must match pattern" in found and "'\"intervall\"' does not exist" in found
