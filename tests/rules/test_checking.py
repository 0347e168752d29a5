"""The report on files of rules: texts, places and exit codes."""

import io
import sys
from pathlib import Path

import pytest

from rules.checking import Checks, Report, check_files, duplicates_of
from rules.groups import Group, Rule

GOOD = "groups:\n- name: a\n  rules: [{record: r, expr: up}, {alert: b, expr: up}]\n"
BAD = "groups:\n- name: ''\n"
TWINS = (
    "groups:\n- name: a\n  labels: {x: '1'}\n  rules:\n"
    "  - {record: r, expr: up, labels: {b: '2', a: '1'}}\n"
    "  - {record: r, expr: down, labels: {a: '1', b: '2'}}\n"
)
LINT = (
    "  FAILED:\nlint error 1 duplicate rule(s) found.\nMetric: r\nLabel(s):\n"
    "\ta: 1\n\tb: 2\n\tx: 1\nMight cause inconsistency while recording expressions\n"
)


@pytest.mark.parametrize(
    ("contents", "checks", "code", "out", "err"),
    [
        ([GOOD], Checks(), 0, "Checking 0\n  SUCCESS: 2 rules found\n\n", ""),
        ([BAD], Checks(), 1, "Checking 0\n", "  FAILED:\n0: 2:3: Groupname must not be empty\n"),
        (
            [BAD, GOOD],
            Checks(),
            1,
            "Checking 0\nChecking 1\n  SUCCESS: 2 rules found\n\n",
            "  FAILED:\n0: 2:3: Groupname must not be empty\n",
        ),
        ([TWINS], Checks(), 0, "Checking 0\n\n", LINT),
        ([TWINS], Checks(is_fatal=True), 3, "Checking 0\n\n", LINT),
        (
            [TWINS, BAD],
            Checks(is_fatal=True),
            1,
            "Checking 0\n\nChecking 1\n",
            f"{LINT}  FAILED:\n1: 2:3: Groupname must not be empty\n",
        ),
        (
            [TWINS],
            Checks(("none",), is_fatal=True),
            0,
            "Checking 0\n  SUCCESS: 2 rules found\n\n",
            "",
        ),
        ([TWINS], Checks(("all",)), 0, "Checking 0\n\n", LINT),
    ],
)
def test_reports(
    contents: list[str],
    checks: Checks,
    code: int,
    out: str,
    err: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, content in enumerate(contents):
        Path(str(number)).write_text(content)
    written, wrong = io.StringIO(), io.StringIO()
    names = [str(number) for number in range(len(contents))]
    assert check_files(names, checks, Report(written, wrong)) == code
    assert (written.getvalue(), wrong.getvalue()) == (out, err)


def test_a_file_that_is_missing_ends_it_all() -> None:
    written, wrong = io.StringIO(), io.StringIO()
    assert check_files(["nowhere.yml"], Checks(), Report(written, wrong)) == 1
    assert (written.getvalue(), wrong.getvalue()) == ("", "path 'nowhere.yml' does not exist\n")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    written, wrong = io.StringIO(), io.StringIO()
    assert check_files([], Checks(), Report(written, wrong)) == 1
    assert written.getvalue() == "Checking standard input\n"
    assert wrong.getvalue() == "  FAILED:\n2:3: Groupname must not be empty\n"


def test_duplicates_are_reported_once_each() -> None:
    rule, other = Rule("a", record="r"), Rule("a", alert="q")
    groups = [Group("g", rules=(rule, rule, other)), Group("h", rules=(rule, other))]
    assert duplicates_of(groups) == [("q", ()), ("r", ())]
    assert duplicates_of(groups[:1]) == [("r", ())]
    apart = [Group("g", labels={"x": "1"}, rules=(rule,)), Group("h", rules=(rule,))]
    assert duplicates_of(apart) == []
