"""The table of templates, as Debian's promtool sees it: the same texts and the same errors.

Its Prometheus is older; the cases in which that makes a difference are marked in the table.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.promql.syntax.literals import unquote
from tests.makers.rules.templates import URL, Case, cases

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)
OLD = [case for case in cases() if not case.is_newer]
GOT = re.compile(
    r'Labels:\{[^\n]*?number="(\d+)"\}\n\s+Annotations:\{(?:x=("(?:\\.|[^"\\])*"))?\}', re.DOTALL
)
SERIES = [
    {"series": 'up{instance="h:1",a="b"}', "values": "1 1 1"},
    {"series": 'm{a="2"}', "values": "2 2 2"},
    {"series": 'm{a="1"}', "values": "1.5 1.5 1.5"},
]


def run(command: str, folder: Path, document: object) -> str:
    path = folder / f"{command}.yml"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        ["promtool", command, "rules", path.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def rules_of(found: list[Case]) -> dict[str, object]:
    rules = [
        {
            "alert": "A",
            "expr": "up == 1",
            "labels": {"number": str(number)},
            "annotations": {"x": case.template},
        }
        for number, case in enumerate(found)
    ]
    return {"groups": [{"name": "g", "rules": rules}]}


def test_errors_of_syntax(tmp_path: Path) -> None:
    broken = [case for case in OLD if case.kind == "?"]
    errors = run("check", tmp_path, rules_of(broken))
    for number, case in enumerate(broken, 1):
        wanted = f'rule {number}, "A": annotation "x": template: __alert_A:1: {case.result}\n'
        assert wanted in errors, case.template
    assert errors.count("annotation") == len(broken) > 50


def test_texts_and_failures(tmp_path: Path) -> None:
    good = [case for case in OLD if case.kind != "?"]
    (tmp_path / "rules.yml").write_text(json.dumps(rules_of(good)))
    tests = {
        "interval": "1m",
        "input_series": SERIES,
        "external_url": URL,
        "external_labels": {"x": "L"},
        "alert_rule_test": [{"alertname": "A", "eval_time": "1m", "exp_alerts": []}],
    }
    report = run("test", tmp_path, {"rule_files": ["rules.yml"], "tests": [tests]})
    got = {int(number): unquote(text) if text else "" for number, text in GOT.findall(report)}
    assert len(got) == len(good) > 100
    different = {
        case.template: got[number] for number, case in enumerate(good) if got[number] != case.text
    }
    assert different == {}
