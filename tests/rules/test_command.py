"""`cupola rules` from the command line."""

from pathlib import Path

import pytest

from receiver.cli import main

EXPERIMENTAL = "groups:\n- name: a\n  rules: [{record: r, expr: 'limitk(1, up)'}]\n"
TWINS = "groups:\n- name: a\n  rules: [{record: r, expr: up}, {record: r, expr: up}]\n"
FOREIGN = "groups:\n- name: a\n  source_tenants: [b]\n"


@pytest.mark.parametrize(
    ("content", "flags", "code"),
    [
        ("groups: []", [], 0),
        ("groups: 5", [], 1),
        (EXPERIMENTAL, [], 1),
        (EXPERIMENTAL, ["--enable-feature=promql-experimental-functions"], 0),
        (EXPERIMENTAL, ["--enable-feature=nope"], 2),
        (TWINS, [], 0),
        (TWINS, ["--lint-fatal"], 3),
        (TWINS, ["--lint-fatal", "--lint=none"], 0),
        (FOREIGN, [], 1),
        (FOREIGN, ["--ignore-unknown-fields"], 0),
    ],
)
def test_check(content: str, flags: list[str], code: int, tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(content)
    assert main(["rules", "check", *flags, str(path)]) == code


def test_unknown_lints_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("")
    assert main(["rules", "check", "--lint=nope,all", str(path)]) == 0
    out = capsys.readouterr().out
    assert (
        out == f"WARNING: unknown lint option nope\nChecking {path}\n  SUCCESS: 0 rules found\n\n"
    )


@pytest.mark.parametrize(("value", "code"), [(1, 0), (2, 1)])
def test_tests(value: int, code: int, tmp_path: Path) -> None:
    path = tmp_path / "tests.yml"
    wanted = f"[{{labels: '{{}}', value: {value}}}]"
    path.write_text(
        "tests:\n- name: a\n  promql_expr_test:\n"
        f"  - {{expr: vector(1), eval_time: 1m, exp_samples: {wanted}}}\n"
    )
    assert main(["rules", "test", str(path)]) == code
    assert main(["rules", "test", "--run=other", str(path)]) == 0
