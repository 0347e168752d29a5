"""What is wrong with objects of Prometheus' operator: ServiceMonitor, PodMonitor, PrometheusRule.

Two things are made of the operator's own Go types, and each sees what the other does not: schemas,
which know patterns and what is required, and types of TypeScript, by which a field that does not
exist is an error. Node runs both, where `make tools` could install them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.manifests import TOOLS, Manifest

HERE = Path(__file__).resolve().parent
INSTALLED = TOOLS.parent.parent / "operator"
GROUP = "monitoring.coreos.com"
PACKAGE = f"@kubernetes-models/prometheus-operator/{GROUP}/v1"
TIMEOUT_S = 120


class NoDefinitions(Exception):
    """Node or the operator's definitions are not installed: make tools."""


def own_objects(manifests: list[Manifest]) -> list[Manifest]:
    """Those that are the operator's."""
    return [one for one in manifests if one["apiVersion"].partition("/")[0] == GROUP]


def problems(objects: list[Manifest]) -> list[str]:
    """What is wrong with objects of the operator, in its words. Raises NoDefinitions."""
    if shutil.which("node") is None or not (INSTALLED / "node_modules" / "typescript").exists():
        raise NoDefinitions(
            "node or the definitions of Prometheus' operator are missing: make tools"
        )
    return against_schemas(objects) + against_types(objects)


def against_schemas(objects: list[Manifest]) -> list[str]:
    # Beside its modules, where Node looks for them.
    program = INSTALLED / "validate.mjs"
    shutil.copyfile(HERE / "validate.mjs", program)
    done = run(["node", str(program)], json.dumps(objects))
    if done.returncode:
        raise AssertionError(f"BUG: {done.stderr}")
    return [str(text) for text in json.loads(done.stdout)]


def against_types(objects: list[Manifest]) -> list[str]:
    kinds = ", ".join(sorted({f"I{one['kind']}" for one in objects}))
    lines = [f'import type {{{kinds}}} from "{PACKAGE}";']
    for number, one in enumerate(objects):
        lines.append(f"export const o{number}: I{one['kind']} = {json.dumps(one)};")
    with tempfile.TemporaryDirectory(dir=INSTALLED) as folder:
        program = Path(folder) / "objects.ts"
        program.write_text("\n".join(lines))
        compiler = str(INSTALLED / "node_modules" / "typescript" / "bin" / "tsc")
        options = ("--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext")
        done = run(["node", compiler, *options, str(program)])
    return [line for line in done.stdout.splitlines() if "error TS" in line]


def run(command: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=given,
        cwd=INSTALLED,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
