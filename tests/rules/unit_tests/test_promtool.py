"""Unit tests of rules as Debian's promtool runs them: the same verdicts, and the same texts."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rules.unit_tests.running import Wanted, run_files
from tests.makers.rules.unit_tests import unit_tests

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)
FILES = 60
# Prometheus 3.14 says which values there were.
CONFLICT = re.compile(r"(duplicate sample for timestamp).*")


def said(text: str) -> list[str]:
    """The lines of a report without those that only separate."""
    lines = [CONFLICT.sub(r"\1", line) for line in text.splitlines()]
    return [line for line in lines if line.strip() and not line.startswith("Unit Testing: ")]


def promtool(folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, said(done.stdout + done.stderr)


def ours(folder: Path) -> tuple[int, list[str]]:
    out, err = io.StringIO(), io.StringIO()
    code = run_files([str(folder / "tests.yml")], Wanted(), out, err)
    return code, said(out.getvalue() + err.getvalue())


def test_the_same_reports(tmp_path: Path) -> None:
    different, codes, shown = {}, [], 0
    for seed in range(FILES):
        rules, tests = unit_tests(seed)
        (tmp_path / "rules.yml").write_text(json.dumps(rules))
        (tmp_path / "tests.yml").write_text(json.dumps(tests))
        wanted, got = promtool(tmp_path), ours(tmp_path)
        codes.append(wanted[0])
        shown += sum("Labels:" in line or "got: {" in line for line in wanted[1])
        if wanted != got:
            different[seed] = wanted, got
    assert different == {}
    assert codes.count(0) > 0
    assert shown > FILES
