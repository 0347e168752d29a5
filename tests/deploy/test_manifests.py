"""The chart: rendered with each set of values, valid, of one piece with the program it installs.

No cluster is asked. Kinds of Kubernetes are held against its own schemas, if kubernetes-validate is
among the tools.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.manifests import (
    CHART,
    EXAMPLES,
    KUSTOMIZE,
    TOOLS,
    ChartError,
    NoHelm,
    examples,
    plain,
    rendered,
    values_of,
)
from receiver.cli import make_parser
from receiver.limits.limits import read_limits
from receiver.settings.config import load

every_example = pytest.mark.parametrize("example", examples())
# What has files that are reloaded, mounted whole: a subPath is not kept up to date.
RELOADED = {"limits", "auth", "web", "rules", "objstore", "tls"}
KUBERNETES = "1.34"
_kept: dict[str, list[dict[str, Any]]] = {}


def manifests(example: str) -> list[dict[str, Any]]:
    """What the chart makes of an example; skips where there is no Helm."""
    if example not in _kept:
        _kept[example] = render(values_of(example))
    return _kept[example]


def render(values: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return rendered(values)
    except NoHelm as error:
        pytest.skip(str(error))


def of_kind(example: str, kind: str) -> list[dict[str, Any]]:
    return [one for one in manifests(example) if one["kind"] == kind]


def workload(example: str) -> dict[str, Any]:
    (found,) = of_kind(example, "StatefulSet") + of_kind(example, "Deployment")
    return found


def pod(example: str) -> Any:
    return workload(example)["spec"]["template"]["spec"]


def container(example: str) -> Any:
    return next(c for c in pod(example)["containers"] if c["name"] == "cupola")


@every_example
def test_plain_manifests_are_what_the_chart_makes(example: str) -> None:
    """After a change of the chart: python -m deploy.manifests"""
    try:
        made = plain(example)
    except NoHelm as error:
        pytest.skip(str(error))
    assert (KUSTOMIZE / example / "cupola.yaml").read_text() == made


@every_example
def test_helm_has_nothing_to_say(example: str) -> None:
    program = shutil.which("helm")
    if program is None:
        pytest.skip("helm is not installed: go install helm.sh/helm/v4/cmd/helm@v4.3.1")
    values = str(EXAMPLES / f"{example}.yaml")
    command = [program, "lint", "--strict", str(CHART), "--values", values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_plain_manifests_of_each_example() -> None:
    assert sorted(path.name for path in KUSTOMIZE.iterdir()) == examples()
    assert len(examples()) >= 5


@every_example
def test_kubernetes_takes_the_manifests(example: str, tmp_path: Path) -> None:
    """Committed ones, so that they are looked at without Helm, too."""
    program = TOOLS / "kubernetes-validate"
    if not program.exists():
        pytest.skip("kubernetes-validate is not installed: make tools")
    own = [
        one
        for one in yaml.safe_load_all((KUSTOMIZE / example / "cupola.yaml").read_text())
        if one["apiVersion"].partition("/")[0] != "monitoring.coreos.com"
    ]
    path = tmp_path / "manifests.yaml"
    path.write_text(yaml.safe_dump_all(own))
    command = [str(program), "--strict", "-k", KUBERNETES, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall("passed", done.stdout + done.stderr)) >= len(own)


@every_example
def test_selectors_find_the_pods_and_no_others(example: str) -> None:
    labels = workload(example)["spec"]["template"]["metadata"]["labels"]
    wanted = workload(example)["spec"]["selector"]["matchLabels"]
    found = [one["spec"]["selector"] for one in of_kind(example, "Service")]
    found += [one["spec"]["selector"]["matchLabels"] for one in of_kind(example, "PodMonitor")]
    found += [
        one["spec"]["selector"]["matchLabels"] for one in of_kind(example, "PodDisruptionBudget")
    ]
    for selector in [wanted, *found]:
        assert selector.items() <= labels.items()
        # Nothing that a new version changes: a StatefulSet's selector cannot.
        assert set(selector) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


@every_example
def test_the_program_takes_the_arguments(example: str) -> None:
    options = vars(make_parser().parse_args(container(example)["args"]))
    assert options["storage.path"] == "/data"
    assert options["web.listen-address"].endswith(":9009")


@every_example
def test_the_program_takes_the_files(example: str, tmp_path: Path) -> None:
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(example, "ConfigMap")}
    (tmp_path / "cupola.yml").write_text(maps["cupola"]["cupola.yml"])
    load(tmp_path / "cupola.yml")
    if "cupola-limits" in maps:
        (tmp_path / "limits.yml").write_text(maps["cupola-limits"]["limits.yml"])
        read_limits(tmp_path / "limits.yml")
    if "cupola-rules" in maps:
        groups = yaml.safe_load(maps["cupola-rules"]["rules.yml"])["groups"]
        assert groups == values_of(example)["rules"]["groups"]


@every_example
def test_what_is_mounted_is_there_and_whole(example: str) -> None:
    claims = workload(example)["spec"].get("volumeClaimTemplates", [])
    volumes = {v["name"] for v in [*pod(example)["volumes"], *(c["metadata"] for c in claims)]}
    mounts = container(example)["volumeMounts"]
    assert {mount["name"] for mount in mounts} <= volumes
    assert not [m for m in mounts if m["name"] in RELOADED and "subPath" in m]
    paths = [mount["mountPath"] for mount in mounts]
    for argument in container(example)["args"]:
        file = argument.partition("=")[2]
        if file.startswith("/etc/"):
            assert str(Path(file).parent) in paths


@every_example
def test_pods_are_restricted(example: str) -> None:
    """By the Pod Security Standard of that name."""
    assert pod(example)["automountServiceAccountToken"] is False
    of_pod, own = pod(example)["securityContext"], container(example)["securityContext"]
    assert of_pod["runAsNonRoot"] and of_pod["seccompProfile"]["type"] == "RuntimeDefault"
    assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    fixed = {"runAsUser", "runAsGroup", "fsGroup"} & set(of_pod)
    assert fixed == (set() if example == "openshift" else {"runAsUser", "runAsGroup", "fsGroup"})


@every_example
def test_a_long_replay_is_not_cut_off(example: str) -> None:
    probes = container(example)
    assert probes["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    assert probes["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    (port,) = [port["name"] for port in probes["ports"]]
    assert {probes[p]["httpGet"]["port"] for p in ("livenessProbe", "readinessProbe")} == {port}
    assert pod(example)["terminationGracePeriodSeconds"] >= 60


def test_readers_are_many_and_keep_nothing() -> None:
    assert workload("query")["kind"] == "Deployment"
    assert {"name": "data", "emptyDir": {}} in pod("query")["volumes"]
    assert "--role=query" in container("query")["args"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"replicaCount": 2}, "one process owns a data directory"),
        ({"role": "query"}, "reads a bucket"),
        ({"replicaCount": "two"}, "replicaCount"),
        ({"persistance": {"size": "1Gi"}}, "persistance"),
        ({"persistence": {"size": "large"}}, "size"),
        ({"service": {"type": "Ingress"}}, "type"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ChartError, match=reason):
        render(values)


def test_dashboards_are_whole() -> None:
    found = render({"dashboards": {"enabled": True}})
    maps = [o for o in found if "grafana_dashboard" in o["metadata"].get("labels", {})]
    shipped = {p.stem: json.loads(p.read_text()) for p in CHART.glob("mixin/dashboards/*.json")}
    contents = [json.loads(text) for one in maps for text in one["data"].values()]
    assert sorted(d["uid"] for d in contents) == sorted(d["uid"] for d in shipped.values())
    assert all(content in shipped.values() for content in contents)


def test_alerts_are_those_of_the_mixin() -> None:
    (rule,) = of_kind("everything", "PrometheusRule")
    shipped = yaml.safe_load((CHART / "mixin" / "alerts.yml").read_text())["groups"]
    own = rule["spec"]["groups"]
    assert [g["name"] for g in own] == [g["name"] for g in shipped]
    for alert in (r for group in own for r in group["rules"]):
        assert alert["annotations"]["runbook_url"].startswith("https://wiki.example/cupola#")


def test_data_sources_are_one_for_each_tenant_and_one_for_all() -> None:
    (found,) = [
        o for o in of_kind("everything", "ConfigMap") if o["metadata"]["name"].endswith("source")
    ]
    sources = yaml.safe_load(found["data"]["cupola.yaml"])["datasources"]
    tenants = [source["secureJsonData"]["httpHeaderValue1"] for source in sources]
    assert tenants == ["edge", "lab", "edge|lab"]
    assert [source["jsonData"]["manageAlerts"] for source in sources] == [True, True, False]


def leaves(schema: Any, values: Any, path: str = "") -> Iterator[str]:
    """Values that the schema does not know of."""
    known = schema.get("properties")
    if known is None or not isinstance(values, dict):
        return
    for key, value in values.items():
        if key not in known:
            yield f"{path}{key}"
        else:
            yield from leaves(known[key], value, f"{path}{key}.")


def test_the_schema_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert list(leaves(schema, values)) == []
    assert set(schema["properties"]) - {"global"} == set(values)


def test_every_value_is_used_by_a_template() -> None:
    templates = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert [key for key in values if f".Values.{key}" not in templates] == []


def test_the_chart_installs_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (CHART.parents[2] / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project


def test_kustomize_takes_the_folders() -> None:
    """kubectl kustomize works without a cluster."""
    for example in examples():
        with tempfile.TemporaryFile("w+") as errors:
            command = ["kubectl", "kustomize", str(KUSTOMIZE / example)]
            try:
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, check=False)
            except FileNotFoundError:
                pytest.skip("kubectl is not installed")
            errors.seek(0)
            assert done.returncode == 0, errors.read()
        found = list(yaml.safe_load_all(done.stdout))
        assert {one["metadata"]["namespace"] for one in found} == {"monitoring"}
