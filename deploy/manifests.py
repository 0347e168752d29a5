"""Plain manifests for kubectl and kustomize, made of the chart: python -m deploy.manifests

For each set of values in deploy/helm/cupola/examples there is a folder in deploy/kustomize with
what the chart makes of it. They are committed, so that a change of the chart shows what it changes.
The chart is rendered by `helm`, or by Helm's own library where that is among the tools.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "cupola"
EXAMPLES = CHART / "examples"
KUSTOMIZE = ROOT / "deploy" / "kustomize"
TOOLS = Path(os.environ.get("CUPOLA_TOOLS", ROOT / ".venv" / "tools" / "bin"))
NAME, NAMESPACE = "cupola", "monitoring"
WITH_LIBRARY = """
import json, sys
import helm_python
chart, values, name, namespace = sys.argv[1:]
with helm_python.Chart.load(chart) as loaded:
    loaded.validate_schema(json.loads(values))
    rendered = loaded.render(json.loads(values), name=name, namespace=namespace)
print(json.dumps({path: text for path, text in rendered.items() if path.endswith(".yaml")}))
"""
KUSTOMIZATION = {
    "apiVersion": "kustomize.config.k8s.io/v1beta1",
    "kind": "Kustomization",
    "namespace": NAMESPACE,
    "resources": ["cupola.yaml"],
}
Manifest = dict[str, Any]


class ChartError(Exception):
    """The chart cannot be rendered with these values; Helm says why."""


class NoHelm(Exception):
    """Neither helm nor its library is installed: make tools."""


def examples() -> list[str]:
    """The sets of values there are, by the names of their files."""
    return sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def values_of(example: str) -> Manifest:
    return dict(yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text()) or {})


def rendered(values: Manifest) -> list[Manifest]:
    """The manifests that the chart makes, by kind and name. Raises ChartError, or NoHelm."""
    texts = with_helm(values) if shutil.which("helm") else with_library(values)
    found = [one for text in texts for one in yaml.safe_load_all(text) if one]
    return sorted(found, key=lambda one: (one["kind"], one["metadata"]["name"]))


def with_helm(values: Manifest) -> list[str]:
    command = ["helm", "template", NAME, str(CHART), "--namespace", NAMESPACE, "--values", "-"]
    return [output(command, json.dumps(values))]


def with_library(values: Manifest) -> list[str]:
    python = TOOLS / "python"
    if not python.exists() or not list(TOOLS.parent.glob("lib/*/site-packages/helm_python")):
        raise NoHelm("helm is not installed, nor its library: make tools")
    arguments = [str(CHART), json.dumps(values), NAME, NAMESPACE]
    text = output([str(python), "-c", WITH_LIBRARY, *arguments])
    # Its logger writes to the same stream.
    return list(json.loads(text.splitlines()[-1]).values())


def output(command: list[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ChartError(done.stderr)
    return done.stdout


def plain(example: str) -> str:
    """The manifests of an example as one file, no longer Helm's."""
    text = yaml.safe_dump_all(rendered(values_of(example)), sort_keys=False, width=100)
    head = f"# Made of deploy/helm/cupola/examples/{example}.yaml: python -m deploy.manifests\n"
    return head + text.replace("managed-by: Helm", "managed-by: kustomize")


def main() -> int:
    """Write the folders of all examples, and remove those that are no more."""
    for folder in KUSTOMIZE.glob("*"):
        if folder.name not in examples():
            shutil.rmtree(folder)
    for example in examples():
        folder = KUSTOMIZE / example
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cupola.yaml").write_text(plain(example))
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(KUSTOMIZATION, sort_keys=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
