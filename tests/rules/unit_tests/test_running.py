"""Files of unit tests: globs, order, names, reports."""

import io
from pathlib import Path

import pytest

from rules.unit_tests.running import Wanted, run_files

RULES = "groups:\n- name: {name}\n  rules: [{{record: {record}, expr: {expr}}}]\n"
TESTS = """
rule_files: [{files}]
group_eval_order: [{order}]
tests:
- name: one
  promql_expr_test: [{{expr: b, eval_time: 0, exp_samples: [{{labels: b, value: 2}}]}}]
- name: two
  promql_expr_test: [{{expr: b, eval_time: 0, exp_samples: [{{labels: b, value: 3}}]}}]
"""
MISMATCH = (
    '    expr: "b", time: 0s,\n'
    '        exp: {__name__="b"} 3E+00\n'
    '        got: {__name__="b"} 2E+00\n'
)


def run(folder: Path, tests: Wanted, **parts: str) -> tuple[int, str, str]:
    (folder / "a.yml").write_text(RULES.format(name="second", record="b", expr="a + 1"))
    (folder / "b.yml").write_text(RULES.format(name="first", record="a", expr="vector(1)"))
    (folder / "bad.yaml").write_text("groups: 5")
    path = folder / "tests.yml"
    given = {"files": "'[ab].yml'", "order": "first, second"} | parts
    path.write_text(TESTS.format(**given))
    out, err = io.StringIO(), io.StringIO()
    code = run_files([str(path)], tests, out, err)
    return code, out.getvalue(), err.getvalue()


def test_order_and_mismatches(tmp_path: Path) -> None:
    assert run(tmp_path, Wanted()) == (1, "\n\n", f"  FAILED:\n{MISMATCH}")


def test_tests_by_name(tmp_path: Path) -> None:
    assert run(tmp_path, Wanted(("one", "nope"))) == (0, "  SUCCESS\n\n", "")
    assert run(tmp_path, Wanted(("t.o",)))[0] == 1
    code, out, err = run(tmp_path, Wanted(("(",)))
    assert (code, out) == (1, "") and "missing closing )" in err


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"order": "a, b, a"}, "group name repeated in evaluation order: a"),
        ({"files": "bad.yaml"}, "bad.yaml: yaml: unmarshal errors:"),
        ({"files": "none*"}, "  WARNING: no file match pattern"),
        ({"order": "{}"}, "cannot unmarshal !!map into string"),
    ],
)
def test_errors(parts: dict[str, str], error: str, tmp_path: Path) -> None:
    code, _, err = run(tmp_path, Wanted(), **parts)
    assert code == 1
    assert error in err


def test_a_file_that_is_missing_ends_it_all() -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run_files(["nowhere.yml"], Wanted(), out, err) == 1
    assert (out.getvalue(), err.getvalue()) == ("", "path 'nowhere.yml' does not exist\n")


def test_fields_of_other_rulers(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(
        "groups:\n- name: c\n  source_tenants: [x]\n  rules: [{record: b, expr: vector(2)}]\n"
    )
    assert run(tmp_path, Wanted(("one",)), files="c.yml")[0] == 1
    wanted = Wanted(("one",), ignores_unknown=True)
    assert run(tmp_path, wanted, files="c.yml") == (0, "  SUCCESS\n\n", "")
