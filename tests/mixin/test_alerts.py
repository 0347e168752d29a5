"""The shipped rules: valid, over metrics that exist, with a runbook each, firing when they should.

Whether they fire is asked of Debian's promtool and of `cupola rules test` with the same file.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.promql.syntax.nodes import Node, VectorSelector, children
from api.promql.syntax.parser import parse
from tests.makers.mixin.alert_cases import CASES, HEALTHY

ROOT = Path(__file__).resolve().parents[2]
MIXIN = ROOT / "mixin"
FILES = [MIXIN / "alerts.yml", MIXIN / "rules.yml"]
RULES = [
    rule
    for path in FILES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
every_rule = pytest.mark.parametrize(
    "rule", RULES, ids=[str(rule.get("alert") or rule.get("record")) for rule in RULES]
)
every_alert = pytest.mark.parametrize("rule", ALERTS, ids=[str(rule["alert"]) for rule in ALERTS])
# What a scraper adds.
FOREIGN = {"up"}
PARTS_OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


def documented() -> set[str]:
    """The metrics that docs/metrics.md lists; tests/test_docs.py says that these are all."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))


def selectors(node: Node) -> list[VectorSelector]:
    found = [node] if isinstance(node, VectorSelector) else []
    return found + [selector for child in children(node) for selector in selectors(child)]


def asked(expr: str) -> set[str]:
    """The metrics that an expression asks for; a histogram's parts by the name of the whole."""
    return {PARTS_OF_HISTOGRAMS.sub("", s.name or "") for s in selectors(parse(expr))}


@every_alert
def test_alerts_are_complete(rule: dict[str, Any]) -> None:
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}


@every_alert
def test_alerts_have_a_runbook(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n\n" in (ROOT / page).read_text()


def test_there_is_no_runbook_of_another_alert() -> None:
    titles = re.findall(r"^### (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert titles == [rule["alert"] for rule in ALERTS]


@every_rule
def test_expressions_ask_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    names = asked(rule["expr"])
    assert names and names <= documented() | FOREIGN


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_promtool_accepts_the_file(path: Path) -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_our_own_check_accepts_the_files() -> None:
    run([sys.executable, "-m", "receiver", "rules", "check", *map(str, FILES)])


def test_every_alert_has_cases() -> None:
    assert set(CASES) == {rule["alert"] for rule in ALERTS}


@pytest.fixture(scope="module")
def unit_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases in promtool's format: each alert fires for its own series and for nothing else."""
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": s, "values": v} for s, v in case.series.items()],
            "promql_expr_test": [firing(alert, case.at, list(case.firing))],
        }
        for alert, case in CASES.items()
    ]
    everything = {series: values for part in HEALTHY for series, values in part.items()}
    tests.append(
        {
            "interval": "1m",
            "input_series": [{"series": s, "values": v} for s, v in everything.items()],
            "promql_expr_test": [
                {"expr": "count(ALERTS)", "eval_time": at, "exp_samples": []}
                for at in ("10m", "1h", "8h")
            ],
        }
    )
    path = tmp_path_factory.mktemp("rules") / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": list(map(str, FILES)), "tests": tests}))
    return path


def firing(alert: str, at: str, labels: list[str]) -> dict[str, Any]:
    """That an alert fires with these labels, its own aside, and with no others."""
    samples = [{"labels": "{" + text + "}", "value": 1} for text in labels]
    own = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    names = sorted({name for text in labels for name in re.findall(r"(\w+)=", text)})
    expr = f"max by ({', '.join(names)}) ({own})"
    return {"expr": expr, "eval_time": at, "exp_samples": samples}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_sees_them_fire(unit_tests: Path) -> None:
    run(["promtool", "test", "rules", str(unit_tests)])


def test_our_own_test_sees_them_fire(unit_tests: Path) -> None:
    run([sys.executable, "-m", "receiver", "rules", "test", str(unit_tests)])


def run(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]


@pytest.mark.skipif(shutil.which("jsonnet") is None, reason="jsonnet is not installed")
def test_jsonnet_users_get_the_same() -> None:
    program = (
        "(import 'mixin/mixin.libsonnet') + {_config+:: {runbookUrl: 'https://wiki/'}} +"
        " {all: [$.prometheusAlerts, $.prometheusRules, std.objectFields($.grafanaDashboards)]}"
    )
    done = subprocess.run(
        ["jsonnet", "-e", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "parseYaml" in done.stderr:
        pytest.skip("this jsonnet is too old: it reads no YAML")
    assert done.returncode == 0, done.stderr
    alerts, rules, dashboards = yaml.safe_load(done.stdout)["all"]
    own = [rule for group in alerts["groups"] + rules["groups"] for rule in group["rules"]]
    for rule in own:
        if "alert" in rule:
            assert rule["annotations"].pop("runbook_url") == f"https://wiki/{rule['alert'].lower()}"
    for rule in ALERTS:
        rule["annotations"].pop("runbook_url")
    assert own == RULES
    names = [path.name for path in (MIXIN / "dashboards").glob("*.json")]
    assert sorted(f"cupola-{name}" for name in names) == sorted(dashboards)
