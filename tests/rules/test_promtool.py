"""Files of rules as Debian's promtool judges them: the same verdicts, exit codes and texts."""

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rules.checking import EXIT_FAILURE, EXIT_LINT, EXIT_OK, Checks, Report, check_files
from tests.makers.rules.files import rule_file

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)
FILES = 120
OLD_DURATION = re.compile(r'unknown unit ".*?" in duration (".*")')


def as_of_old(line: str) -> str:
    """What Prometheus 2.42 says where 3.14 says this."""
    line = line.replace("0:0: 0:0: ", "0:0: ")
    return OLD_DURATION.sub(r"not a valid duration string: \1", line)


def said_by_promtool(text: str) -> set[str]:
    """The lines of its errors. It decodes twice, and reports some of what it finds twice."""
    lines = (line.replace("rulefmt.RuleNode", "rulefmt.Rule") for line in text.splitlines())
    return {line for line in lines if "rulefmt.ruleGroups" not in line}


def promtool(*arguments: str, folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        ["promtool", "check", "rules", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def ours(path: Path, checks: Checks) -> tuple[int, str, str]:
    report = Report(io.StringIO(), io.StringIO())
    code = check_files([path.name], checks, report)
    assert isinstance(report.out, io.StringIO)
    assert isinstance(report.err, io.StringIO)
    return code, report.out.getvalue(), report.err.getvalue()


def successes(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_the_same_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    different, codes = {}, []
    for seed in range(FILES):
        path = tmp_path / f"{seed}.yml"
        path.write_text(rule_file(seed))
        code, out, err = promtool("--lint-fatal", path.name, folder=tmp_path)
        got_code, got_out, got_err = ours(path, Checks(is_fatal=True))
        codes.append(code)
        mine = {as_of_old(line) for line in got_err.splitlines()}
        if (code, successes(out), said_by_promtool(err)) != (got_code, successes(got_out), mine):
            different[seed] = (code, err, got_code, got_err)
    assert different == {}
    assert codes.count(EXIT_OK) > FILES / 6
    assert codes.count(EXIT_FAILURE) > FILES / 6
    assert codes.count(EXIT_LINT) > 0
