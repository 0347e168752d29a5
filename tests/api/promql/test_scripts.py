"""PromQL test scripts: our own, and the shared ones."""

from pathlib import Path

import pytest

from api.promql.engine import Engine
from tests.makers.promql.scripts_run import FEATURES, OPTIONS, run_script
from tests.shared import SHARED

OWN = sorted((Path(__file__).parent / "testdata").glob("*.test"))
UPSTREAM = SHARED / "conformance" / "promql"


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_own_script_passes(path: Path) -> None:
    outcomes = list(run_script(path.name, path.read_text()))
    assert outcomes, f"{path.name} has no evals"
    problems = [f"{o.name} {o.text}: {o.problem}" for o in outcomes if o.problem != ""]
    assert not problems, "\n".join(problems)


# Evals of the shared scripts (and the instant ones as range queries) that pass, at the least.
PASSED_MIN = 2588


def test_shared_scripts_pass() -> None:
    if not UPSTREAM.is_dir():
        pytest.skip(f"no shared test scripts in {UPSTREAM}: set CUPOLA_SHARED")
    engine = Engine(OPTIONS, FEATURES)
    passed, problems = 0, []
    for path in sorted(UPSTREAM.glob("*.test")):
        for outcome in run_script(path.name, path.read_text(), engine):
            passed += outcome.problem == ""
            if outcome.problem:
                problems.append(f"{outcome.name} {outcome.text}: {outcome.problem}")
    engine.close()
    assert not problems, "\n".join(problems)
    assert passed >= PASSED_MIN
